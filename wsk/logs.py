"""wsk logs: lines of many activations in one stream, once or with --follow.

TIME NAME ID8 stdout | line
✓ hello 46ms cold
"""

import re
import time
from typing import Any

from wsk import jsontext
from wsk.activation_list import (
    duration_text,
    moment_ms,
    name_filter,
    query,
    status_code,
    status_text,
)
from wsk.activations import log_entry
from wsk.entities import annotation
from wsk.errors import Interrupted, WskError, doing
from wsk.jsontext import integer
from wsk.poll import FAILURES_LIMIT, PAUSE_LIMIT_S, Window, fetch
from wsk.session import Session

ROUND_S = 1.0
_ID = re.compile(r"[0-9a-f]{32}\Z")


def tail(session: Session) -> int:
    """`wsk activation tail`: following without saying so."""
    session.call.flags["follow"] = True
    return logs(session)


def logs(session: Session) -> int:
    """Show what there is; with --follow go on."""
    call = session.call
    pattern = _pattern(call.text("grep"))
    name = call.operands[0] if call.operands else ""
    if _ID.match(name):
        with doing(f"Unable to get logs for activation '{name}': "):
            record = session.client.record(name)
        _show(session, record, pattern)
        return 0
    try:
        shown = _recent(session, name_filter(name) if name else "", pattern)
        if call.on("follow"):
            _follow(session, name_filter(name) if name else "", pattern, shown)
    except KeyboardInterrupt:
        raise Interrupted() from None
    return 0


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        text = f"--grep '{text}' is not a regular expression: {error}"
        raise WskError(text, usage=True) from error


def _recent(session: Session, name: str, pattern: re.Pattern[str] | None) -> list[Any]:
    """The newest activations, shown oldest first; --follow alone shows none."""
    call = session.call
    given = any(call.given(flag) for flag in ("since", "tail", "last"))
    since = str(moment_ms(call.text("since"))) if call.given("since") else ""
    limit = 1 if call.on("last") else max(1, min(200, _tail(session)))
    asked = query(limit=limit, skip=0, docs=True, name=name, since=since, upto="")
    with doing("Unable to obtain the list of activations for namespace 'default': "):
        rows = session.client.rows("_", "activations", asked, large=True)
    if not call.on("follow") or given:
        for row in reversed(rows):
            _show(session, row, pattern)
    return rows


def _tail(session: Session) -> int:
    return integer(session.call.flags.get("tail", 30))


def _follow(
    session: Session, name: str, pattern: re.Pattern[str] | None, shown: list[Any]
) -> None:
    """Ask every second, with an overlap, until the time is over."""
    started = time.monotonic()
    limit_s = session.call.number("timeout")
    newest = max([integer(row.get("start")) for row in shown], default=0)
    window = Window(newest or int(time.time() * 1000) - 1000)
    window.fresh(shown)
    failures, pause_s = 0, ROUND_S
    while not limit_s or time.monotonic() - started < limit_s:
        try:
            for row in window.fresh(fetch(session, window, name)):
                _show(session, row, pattern)
            failures, pause_s = 0, ROUND_S
        except WskError as error:
            failures += 1
            if failures >= FAILURES_LIMIT or error.status in (400, 401, 403):
                raise
            session.out.warn(error.message)
            pause_s = min(pause_s * 2, PAUSE_LIMIT_S)
        time.sleep(pause_s)


def _wanted(session: Session, row: Any) -> bool:
    if not session.call.given("status"):
        return True
    word, code = session.call.text("status").lower(), status_code(row)
    return (word == "error" and code > 0) or word in status_text(code)


def _show(session: Session, row: Any, pattern: re.Pattern[str] | None) -> None:
    if not _wanted(session, row):
        return
    call, out = session.call, session.out
    identifier, name = str(row.get("activationId", "")), str(row.get("name", ""))
    for line in row.get("logs") or []:
        entry = log_entry(str(line), identifier, name)
        if pattern and not pattern.search(entry["line"]):
            continue
        if out.structured:
            out.line(jsontext.compact(entry))
        elif call.on("strip"):
            out.line(entry["line"])
        else:
            when = entry["ts"] or _started(row)
            when = when if call.on("timestamps") else when[11:19]
            stream = entry["stream"] or "-"
            head = out.style(f"{when} {name} {identifier[:8]} {stream}", "dim")
            out.line(f"{head} | {entry['line']}")
    if not out.structured and not call.on("strip") and not pattern:
        out.line(_summary(session, row, name))


def _started(row: Any) -> str:
    """The time of lines that carry none: a trigger's."""
    started = time.gmtime(integer(row.get("start")) / 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", started)


def _summary(session: Session, row: Any, name: str) -> str:
    code = status_code(row)
    length = duration_text(integer(row.get("duration")))
    if code == 0:
        start = "" if annotation(row, "initTime") is None else " cold"
        return f"{session.out.style('✓', 'green')} {name} {length}{start}"
    response = row.get("response") or {}
    result = response.get("result")
    error = result.get("error") if isinstance(result, dict) else result
    text = error if isinstance(error, str) else jsontext.compact(error)
    mark = session.out.style("✗", "red")
    return f"{mark} {name} {length} {status_text(code)}: {text}"
