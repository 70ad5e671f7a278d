"""wsk action get: the entity, one field, its URL, a summary, its code in a file."""

from typing import Any
from urllib.parse import quote

from wsk import entities
from wsk.action_code import save
from wsk.entities import annotation
from wsk.errors import MISUSE, doing
from wsk.hints import near_names
from wsk.names import QualifiedName, parse_entity
from wsk.session import Session


def get(session: Session) -> int:
    """Show an action; --url, --summary, --save and FIELD in this order."""
    call, out = session.call, session.out
    name = parse_entity(call.operands[0])
    wanted = call.operands[1] if len(call.operands) == 2 else ""
    special = call.on("url") or call.on("summary")
    key = ""
    if wanted and not special:
        key = entities.field_name(wanted, entities.ACTION, exit_code=MISUSE)
    saving = call.on("save") or call.given("save-as")
    query = (("code", "true" if saving and not special else "false"),)
    with (
        doing(f"Unable to get action '{name.path}': ", usage=True),
        near_names(session, "actions", name),
    ):
        found = session.client.entity("GET", "actions", name, query, large=True)
    if call.on("url"):
        address = url(session, name, found)
        if out.structured:
            out.document({"url": address})
        else:
            out.ok(f"got action {out.bold(name.entity)}")
            out.line(address)
    elif call.on("summary"):
        out.line(summary(session, "action", found))
    elif saving:
        save(session, name, found)
    else:
        show(session, "action", name.path, found, entities.action(found), wanted, key)
    return 0


def show(
    session: Session,
    what: str,
    name: str,
    found: Any,
    shown: dict[str, Any],
    wanted: str,
    key: str,
) -> None:
    """`ok: got ...` and the entity, or one field of it."""
    out = session.out
    if not key:
        out.ok(f"got {what} {out.bold(name)}")
        out.modelled(shown, found)
        return
    out.ok(f"got {what} {out.bold(name)}, displaying field {out.bold(wanted)}")
    out.modelled(entities.field(shown, key), (found or {}).get(key))


def url(session: Session, name: QualifiedName, found: Any) -> str:
    """Where the action is called: its web address, or its API address."""
    namespace, _, package = str(found.get("namespace", name.namespace)).partition("/")
    package = package or name.package
    parts = [quote(namespace, safe="")]
    if annotation(found, "web-export") is True:
        parts += [quote(package or "default", safe=""), quote(name.entity, safe="")]
        return session.client.web_url("/".join(parts))
    tail = [package, name.entity] if package else [name.entity]
    parts += ["actions", *(quote(part, safe="") for part in tail)]
    return session.client.url("namespaces/" + "/".join(parts))


def summary(session: Session, what: str, found: Any, full_name: str = "") -> str:
    """Two lines about an entity: what it does, what it takes."""
    name = full_name or f"/{found.get('namespace', '')}/{found.get('name', '')}"
    bound = [
        str(item.get("key"))
        for item in found.get("parameters") or []
        if isinstance(item, dict)
    ]
    described = annotation(found, "parameters")
    described = described if isinstance(described, list) else []
    named = {
        str(item["name"])
        for item in described
        if isinstance(item, dict) and "name" in item
    }
    names = sorted({*bound, *named})
    star = "**" if annotation(found, "final") is True else "*"
    marked = [star + item if item in bound else item for item in names]
    text = annotation(found, "description")
    if not isinstance(text, str) or not text:
        text = _returns(names) if what.strip() == "action" else ""
    head = f"{what} {session.out.bold(name)}" + (f": {text}" if text else "")
    return f"{head}\n   (parameters: {', '.join(marked) or 'none defined'})"


def _returns(names: list[str]) -> str:
    if not names:
        return ""
    if len(names) == 1:
        return f"Returns a result based on parameter {names[0]}"
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"Returns a result based on parameters {listed}"
