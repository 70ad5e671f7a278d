"""wsk namespace list, wsk namespace get, wsk list."""

from typing import Any

from wsk import lists
from wsk.errors import WskError, doing
from wsk.rules import with_status
from wsk.session import Session

COLLECTIONS = ("packages", "actions", "triggers", "rules")
ASKED = ("actions", "packages", "triggers", "rules")
_ROWS = {
    "packages": lists.package_row,
    "actions": lists.action_row,
    "triggers": lists.trigger_row,
    "rules": lists.rule_row,
}


def list_(session: Session) -> int:
    """The namespaces that the key opens."""
    client, out = session.client, session.out
    with doing("Unable to obtain the list of available namespaces: "):
        found = client.parsed(client.send("GET", client.url("namespaces")))
    names = [str(name) for name in found] if isinstance(found, list) else []
    if out.structured:
        out.document(names)
        return 0
    if out.format != "name":
        out.line(out.bold("namespaces"))
    for name in names:
        out.line(name)
    return 0


def get(session: Session) -> int:
    """Everything in the namespace, four lists."""
    call, out = session.call, session.out
    if call.operands and call.operands != ["/_"]:
        extra = ", ".join(call.operands)
        text = f"Invalid argument(s): {extra}. {call.command.required}"
        raise WskError(text, usage=True)
    found: dict[str, list[Any]] = {}
    with doing("Unable to obtain the list of entities for namespace 'default': "):
        for collection in ASKED:
            found[collection] = lists.everything(session, "_", collection)
    found["rules"] = with_status(session, "_", found["rules"])
    if out.structured:
        out.document(found)
        return 0
    if out.format != "name":
        out.line(f"Entities in namespace: {out.bold('default')}")
    for collection in COLLECTIONS:
        key = lists.action_sort_key if collection == "actions" else lists.sort_key
        lists.show(session, collection, found[collection], _ROWS[collection], key=key)
    return 0
