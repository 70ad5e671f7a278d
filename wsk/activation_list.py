"""wsk activation list: the table of activations."""

import time
from datetime import datetime
from typing import Any

from wsk import entities, jsontext
from wsk.entities import annotation
from wsk.errors import WskError, doing
from wsk.jsontext import integer
from wsk.lists import PAGE_LIMIT
from wsk.names import parse
from wsk.session import Session

_COLOURS = ("green", "yellow", "red", "red")


def moment_ms(text: str) -> int:
    """Milliseconds since the epoch: as such, `10m` ago, or an RFC 3339 time.

    Raises:
        WskError: it is none of these.
    """
    if text.isascii() and text.lstrip("-").isdigit():
        return int(text)
    if text[-1:] in "smhd" and text[:-1]:
        from wsk.invoke import duration_s

        return int((time.time() - duration_s(text)) * 1000)
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise WskError(
            f"'{text}' is not a time: write milliseconds, 10m, 2h, 3d or "
            "2026-01-31T12:00:00Z",
            usage=True,
        ) from None


def name_filter(text: str) -> str:
    """`/ns/pkg/a` filters by `pkg/a`; a namespace alone by nothing."""
    return parse(text).path if parse(text).entity else ""


def query(
    *, limit: int, skip: int, docs: bool, name: str, since: str, upto: str
) -> list[tuple[str, str]]:
    """The query, in the order in which the original sends it."""
    found = [("docs", "true")] if docs else []
    found.append(("limit", str(limit)))
    found += [("name", name)] if name else []
    found += [("since", since)] if since else []
    found.append(("skip", str(skip)))
    found += [("upto", upto)] if upto else []
    return found


def list_(session: Session) -> int:
    """Rows, or with --full records."""
    call, out = session.call, session.out
    full = call.on("full")
    rows = _wanted(session, _fetch(session, full))
    if out.structured:
        out.document(rows)
    elif out.format == "name":
        out.names(rows)
    elif full:
        out.line(out.bold("activations"))
        for row in rows:
            out.line(jsontext.pretty(entities.activation(row), sort=False))
    elif not rows:
        out.line()
        out.hint("no activations")
    else:
        for line in table(session, rows):
            out.line(line)
    return 0


def _fetch(session: Session, docs: bool) -> list[Any]:
    call = session.call
    name = name_filter(call.operands[0]) if call.operands else ""
    since, upto = (
        str(moment_ms(call.text(flag))) if call.given(flag) else ""
        for flag in ("since", "upto")
    )
    skip, limit = call.number("skip"), call.number("limit")
    rows: list[Any] = []
    with doing("Unable to obtain the list of activations for namespace 'default': "):
        while True:
            asked = query(
                limit=PAGE_LIMIT if call.on("all") else limit,
                skip=skip, docs=docs, name=name, since=since, upto=upto,
            )  # fmt: skip
            page = session.client.rows("_", "activations", asked, large=docs)
            rows += page
            if not call.on("all") or len(page) < PAGE_LIMIT:
                break
            skip += len(page)
    if limit and len(rows) == limit and not call.on("all"):
        session.out.hint(f"more entries may exist; use --all or --skip {skip + limit}")
    return rows


def status_code(row: Any) -> int:
    """0 to 3, from the row or the record."""
    response = row.get("response")
    if isinstance(response, dict) and response.get("status"):
        return entities.STATUS_CODES.get(str(response["status"]), 0)
    return integer(row.get("statusCode"))


def status_text(code: int) -> str:
    texts = entities.STATUS_TEXTS
    return texts[code] if 0 <= code < len(texts) else "unknown"


def _wanted(session: Session, rows: list[Any]) -> list[Any]:
    if not session.call.given("status"):
        return rows
    word = session.call.text("status").lower()
    codes = [n for n, text in enumerate(entities.STATUS_TEXTS) if word in text.lower()]
    if word == "error":
        codes = [1, 2, 3]
    return [row for row in rows if status_code(row) in codes]


def duration_text(milliseconds: int) -> str:
    """As Go writes durations: 0s, 46ms, 1.234s, 1m1.234s, 1h1m1.001s."""
    if milliseconds <= 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 1000}.{rest % 1000:03d}".rstrip("0").rstrip(".")
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def shortened(text: str, limit: int) -> str:
    """Cut out the middle: 30 keeps 15 and 12, 20 keeps 10 and 7."""
    if len(text) <= limit:
        return text
    return f"{text[: limit // 2]}...{text[-(limit // 2 - 3) :]}"


def _cells(row: Any) -> tuple[str, str, str, str, str, int, str]:
    started = time.localtime(integer(row.get("start")) / 1000)
    kind = annotation(row, "kind")
    length = integer(row.get("end")) - integer(row.get("start"))
    if not integer(row.get("duration")):
        length = 0
    entity = (
        f"{shortened(str(row.get('namespace', '')), 20)}"
        f"/{shortened(str(row.get('name', '')), 30)}"
        f":{shortened(str(row.get('version', '')), 20)}"
    )
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", started),
        str(row.get("activationId", "")),
        kind if isinstance(kind, str) else "unknown",
        "warm" if annotation(row, "initTime") is None else "cold",
        duration_text(length),
        status_code(row),
        entity,
    )


def table(session: Session, rows: list[Any], *, header: bool = True) -> list[str]:
    """Header and rows; kind and status are as wide as the longest."""
    out = session.out
    cells = [_cells(row) for row in rows]
    kinds = max([4, *(len(cell[2]) for cell in cells)])
    states = max([7, *(len(status_text(cell[5])) for cell in cells)])
    lines = []
    if header:
        lines.append(
            out.bold(
                f"{'Datetime':<19} {'Activation ID':<32} {'Kind':<{kinds}} "
                f"{'Start':<5} {'Duration':<10} {'Status':<{states}} Entity"
            )
        )
    for when, identifier, kind, start, length, code, entity in cells:
        status = f"{status_text(code):<{states}}"
        coloured = out.style(status, _COLOURS[code] if code < 4 else "red")
        begun = f"{start:<5}"
        if start == "cold":
            begun = out.style(begun, "yellow")
        lines.append(
            f"{when} {out.bold(f'{identifier:<32}')} {kind:<{kinds}} "
            f"{begun} {length:<10} {coloured} {entity}"
        )
    return lines
