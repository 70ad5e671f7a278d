"""wsk package: create, update, get, bind, delete, list, refresh."""

import sys
from typing import Any

from wsk import entities, lists
from wsk.action_get import show, summary
from wsk.errors import GENERAL, WskError, doing
from wsk.hints import near_names
from wsk.names import QualifiedName, parse_entity, parse_namespace, shown
from wsk.parameters import collect
from wsk.session import Session

SHARED = {"yes": True, "true": True, "no": False, "false": False}


def create(session: Session) -> int:
    name = parse_entity(session.call.operands[0])
    body = _body(session, name)
    with doing(f"Unable to create package '{name.path}': "):
        stored = _put(session, name, body, overwrite=False)
    session.out.done(f"created package {session.out.bold(name.path)}", stored)
    return 0


def update(session: Session) -> int:
    name = parse_entity(session.call.operands[0])
    body = _body(session, name)
    with doing("Package update failed: "):
        stored = _put(session, name, body, overwrite=True)
    session.out.done(f"updated package {session.out.bold(name.path)}", stored)
    return 0


def _put(session: Session, name: QualifiedName, body: Any, *, overwrite: bool) -> Any:
    query = (("overwrite", "true" if overwrite else "false"),)
    return session.client.entity("PUT", "packages", name, query, body)


def _body(session: Session, name: QualifiedName) -> dict[str, Any]:
    call = session.call
    body: dict[str, Any] = {"namespace": name.namespace, "name": name.path}
    if call.given("shared"):
        text = call.text("shared")
        if text.lower() not in SHARED:
            raise WskError(
                f"Cannot use value '{text}' for shared.", GENERAL, usage=True
            )
        body["publish"] = SHARED[text.lower()]
    return body | _values(session)


def _values(session: Session) -> dict[str, Any]:
    found: dict[str, Any] = {}
    annotations, parameters = collect(session, "aA"), collect(session, "pP")
    if annotations:
        found["annotations"] = entities.to_pairs(annotations)
    if parameters:
        found["parameters"] = entities.to_pairs(parameters)
    return found


def bind(session: Session) -> int:
    """PUT a package that stands for another one."""
    source_text, target_text = session.call.operands
    source, target = parse_entity(source_text), parse_entity(target_text)
    body = _values(session)
    body["binding"] = {"namespace": source.namespace, "name": source.path}
    with doing("Binding creation failed: "):
        overwrite = session.call.on("overwrite")
        stored = _put(session, target, body, overwrite=overwrite)
    session.out.done(f"created binding {session.out.bold(target_text)}", stored)
    return 0


def get(session: Session) -> int:
    call = session.call
    name = parse_entity(call.operands[0])
    wanted = call.operands[1] if len(call.operands) == 2 else ""
    key = entities.field_name(wanted, entities.PACKAGE) if wanted else ""
    with (
        doing(f"Unable to get package '{name.path}': "),
        near_names(session, "packages", name),
    ):
        found = session.client.entity("GET", "packages", name)
    if call.on("summary"):
        _summary(session, found)
        return 0
    show(session, "package", name.path, found, entities.package(found), wanted, key)
    return 0


def _summary(session: Session, found: Any) -> None:
    """The package, then its actions and feeds."""
    session.out.line(summary(session, "package", found))
    base = f"/{found.get('namespace', '')}/{found.get('name', '')}"
    for what, key in ((" action", "actions"), (" feed  ", "feeds")):
        for item in found.get(key) or []:
            full = f"{base}/{item.get('name', '')}"
            session.out.line(summary(session, what, item, full))


def delete(session: Session) -> int:
    """DELETE an empty package, or with --recursive a full one."""
    call = session.call
    name = parse_entity(call.operands[0])
    query: tuple[tuple[str, str], ...] = ()
    if call.on("recursive"):
        _confirm(session, name)
        query = (("force", "true"),)
    with (
        doing(f"Unable to delete package '{name.path}': "),
        near_names(session, "packages", name),
    ):
        gone = session.client.entity("DELETE", "packages", name, query)
    session.out.done(f"deleted package {session.out.bold(name.path)}", gone)
    return 0


def _confirm(session: Session, name: QualifiedName) -> None:
    """Ask on a terminal; without one the command line is the answer."""
    call = session.call
    if call.on("yes") or call.on("no-input") or not sys.stdin.isatty():
        return
    sys.stderr.write(f"Delete package '{name.path}' and everything in it? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise WskError("Nothing was deleted.", GENERAL)


def list_(session: Session) -> int:
    namespace = parse_namespace(session.call.operands)
    rows = lists.fetch(session, "packages", namespace)
    lists.show(session, "packages", rows, lists.package_row)
    return 0


def refresh(session: Session) -> int:
    """Deprecated: servers answer that they do not do this."""
    out = session.out
    namespace = parse_namespace(session.call.operands)
    with doing(f"Package refresh for namespace '{shown(namespace)}' failed: "):
        found = session.client.call("POST", namespace, "packages/refresh")
    found = found if isinstance(found, dict) else {}
    if out.structured:
        out.document(found)
        return 0
    out.line(f"'{shown(namespace)}' refreshed successfully")
    for title, key in (
        ("created bindings:", "added"),
        ("updated bindings:", "updated"),
        ("deleted bindings:", "deleted"),
    ):
        out.line(title)
        for item in found.get(key) or ["no bindings"]:
            out.line(str(item))
    return 0
