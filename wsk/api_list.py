"""wsk api list: a row for every operation of every API."""

from typing import Any, NamedTuple

from wsk.api import VERBS, action_of, always_general, fetch, operations
from wsk.errors import WskError, doing
from wsk.session import Session

ACTION_WIDTH = 40
NAME_WIDTH = 30


class Row(NamedTuple):
    """One operation."""

    action: str
    verb: str
    name: str
    base: str
    path: str
    url: str


def list_(session: Session) -> int:
    """All APIs, or one, perhaps narrowed to a path and a verb."""
    call, out = session.call, session.out
    base, path, verb = (*call.operands, "", "", "")[:3]
    if base:
        if verb and verb.upper() not in VERBS:
            text = f"'{verb}' is not a valid API verb."
            raise WskError(f"Unable to parse api command arguments: {text}", usage=True)
        query = [("basepath", base)]
        query += [("relpath", path)] if path else []
        query += [("operation", verb.upper())] if verb else []
        with doing("Unable to obtain the API list: "):
            found = fetch(session, query)
    else:
        limit, skip = str(call.number("limit")), str(call.number("skip"))
        with always_general(), doing("Unable to obtain the API list: "):
            found = fetch(session, [("limit", limit), ("skip", skip)])
    if out.structured:
        out.document(found)
        return 0
    rows = _rows(found, path, verb)
    if call.on("name-sort"):
        rows.sort(key=lambda row: (row.base + row.path + row.verb).lower())
    if out.format == "name":
        for row in rows:
            out.line(row.base)
        return 0
    out.ok("APIs")
    if call.on("full"):
        _full(session, rows)
    else:
        _table(session, rows)
    return 0


def _rows(found: list[Any], path: str, verb: str) -> list[Row]:
    rows = []
    for api in found:
        document = api.get("apidoc") or {}
        title = str((document.get("info") or {}).get("title", ""))
        base = str(document.get("basePath", ""))
        for where, method, operation in operations(document):
            if (path and where != path) or (verb and method.lower() != verb.lower()):
                continue
            url = str(api.get("gwApiUrl", "")).rstrip("/") + where
            rows.append(Row(action_of(operation), method, title, base, where, url))
    return rows


def _table(session: Session, rows: list[Row]) -> None:
    if rows:
        actions = min(ACTION_WIDTH, max(6, *(len(row.action) for row in rows)))
        names = min(NAME_WIDTH, max(8, *(len(row.name) for row in rows)))
        width = names + 1
    else:
        actions, names, width = 30, 20, 20
    head = f"{'Action':<{actions}} {'Verb':>7} {'API Name':>{width}}  URL"
    session.out.line(session.out.bold(head))
    for row in rows:
        session.out.line(
            f"{row.action[:actions]:<{actions}} {row.verb:>7} "
            f"{row.name[:names]:>{width}}  {row.url}"
        )


def _full(session: Session, rows: list[Row]) -> None:
    for row in rows:
        session.out.line(
            f"Action: {row.action}\n"
            f"   API Name: {row.name}\n"
            f"   Base path: {row.base}\n"
            f"   Path: {row.path}\n"
            f"   Verb: {row.verb}\n"
            f"   URL: {row.url}"
        )
    if not rows:
        session.out.line()
