"""Rows of lists, as the contract wants them; `wide` adds columns.

Fetching pages is here too, because a list command is both.
"""

import time
from collections.abc import Callable
from typing import Any

from wsk.entities import annotation
from wsk.errors import WskError, doing
from wsk.jsontext import integer
from wsk.names import shown
from wsk.session import Session

PAGE_LIMIT = 200
NAME_WIDTH = 70


def fetch(
    session: Session, collection: str, namespace: str, *, route: str = ""
) -> list[Any]:
    """One page, or with --all every page, newest first."""
    call, client = session.call, session.client
    skip, limit = call.number("skip"), call.number("limit")
    where = f"Unable to obtain the list of {collection} for namespace "
    rows: list[Any] = []
    with doing(f"{where}'{shown(namespace)}': ", usage=collection == "actions"):
        while True:
            size = PAGE_LIMIT if call.on("all") else limit
            query = (("limit", str(size)), ("skip", str(skip)))
            page = client.rows(namespace, route or collection, query)
            rows += page
            if not call.on("all") or len(page) < PAGE_LIMIT:
                break
            skip += len(page)
    if limit and len(rows) == limit and not call.on("all"):
        session.out.hint(f"more entries may exist; use --all or --skip {skip + limit}")
    return rows


def everything(session: Session, namespace: str, collection: str) -> list[Any]:
    """Every row, page by page; none where the server has no such collection."""
    rows: list[Any] = []
    while True:
        query = (("limit", "0"), ("skip", str(len(rows))))
        try:
            page = session.client.rows(namespace, collection, query)
        except WskError as error:
            if error.status != 404:
                raise
            return rows
        rows += page
        if len(page) < PAGE_LIMIT:
            return rows


def full_name(row: dict[str, Any]) -> str:
    return f"/{row.get('namespace', '')}/{row.get('name', '')}"


def sort_key(row: dict[str, Any]) -> str:
    return f"{row.get('namespace', '')}{row.get('name', '')}".lower()


def action_sort_key(row: dict[str, Any]) -> tuple[int, str]:
    """Actions outside packages first, by their exact names."""
    if "/" in str(row.get("namespace", "")):
        return 1, sort_key(row)
    return 0, str(row.get("name", ""))


def show(
    session: Session,
    collection: str,
    rows: list[Any],
    row_text: Callable[[Session, dict[str, Any]], str],
    *,
    key: Callable[[dict[str, Any]], Any] = sort_key,
) -> None:
    """Print a list in the format that was asked for."""
    out = session.out
    if session.call.on("name-sort"):
        rows = sorted(rows, key=key)
    if out.structured:
        out.document(rows)
    elif out.format == "name":
        out.names(rows)
    else:
        out.line(out.bold(collection))
        for row in rows:
            line = row_text(session, row)
            if out.format == "wide":
                line += _wide(row)
            out.line(line)


def _name(session: Session, row: dict[str, Any]) -> str:
    name = full_name(row)
    return session.out.bold(name) + " " * max(0, NAME_WIDTH - len(name))


def action_row(session: Session, row: dict[str, Any]) -> str:
    kind = annotation(row, "exec")
    kind = kind if isinstance(kind, str) else ""
    return f"{_name(session, row)} private {kind}"


def package_row(session: Session, row: dict[str, Any]) -> str:
    seen = "shared" if row.get("publish") is True else "private"
    return f"{_name(session, row)} {seen}"


def trigger_row(session: Session, row: dict[str, Any]) -> str:
    return f"{_name(session, row)} private"


def rule_row(session: Session, row: dict[str, Any]) -> str:
    status = str(row.get("status", ""))
    colour = "green" if status == "active" else "yellow"
    return f"{_name(session, row)} {'private':<20} {session.out.style(status, colour)}"


def _wide(row: dict[str, Any]) -> str:
    pieces = [str(row.get("version", "")), age(integer(row.get("updated")))]
    if annotation(row, "web-export") is True:
        pieces.append("web")
    limits = row.get("limits")
    if isinstance(limits, dict) and limits:
        names = (("timeout", "ms"), ("memory", "MB"), ("logs", "MB logs"))
        pieces += [f"{limits[k]}{unit}" for k, unit in names if k in limits]
    return "  " + "  ".join(piece for piece in pieces if piece)


def age(when_ms: int) -> str:
    """How long ago, in the largest unit that fits."""
    if when_ms <= 0:
        return ""
    seconds = max(0, int(time.time() - when_ms / 1000))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{seconds}s ago"
