"""wsk rule: create, update, get, status, enable, disable, delete, list."""

from typing import Any

from wsk import entities, lists
from wsk.action_get import show
from wsk.errors import WskError, doing
from wsk.hints import near_names
from wsk.names import QualifiedName, encode, expand, parse_entity, parse_namespace
from wsk.session import Session

WORKERS = 8


def create(session: Session) -> int:
    return _put(session, "create", overwrite=False)


def update(session: Session) -> int:
    return _put(session, "update", overwrite=True)


def _put(session: Session, verb: str, *, overwrite: bool) -> int:
    rule, trigger, action = session.call.operands
    name = parse_entity(rule)
    for end in (trigger, action):
        parse_entity(end)
    # the empty status means "as it is"; servers know that from the original client
    body = {
        "name": name.path,
        "status": "",
        "trigger": expand(trigger),
        "action": expand(action),
    }
    query = (("overwrite", "true" if overwrite else "false"),)
    with doing(f"Unable to {verb} rule '{name.path}': "):
        stored = session.client.entity("PUT", "rules", name, query, body)
    session.out.done(f"{verb}d rule {session.out.bold(name.path)}", stored)
    return 0


def _get(session: Session, name: QualifiedName, prefix: str) -> Any:
    with doing(prefix, usage=True), near_names(session, "rules", name):
        return session.client.entity("GET", "rules", name)


def get(session: Session) -> int:
    call, out = session.call, session.out
    name = parse_entity(call.operands[0])
    wanted = call.operands[1] if len(call.operands) == 2 else ""
    key = entities.field_name(wanted, entities.RULE) if wanted else ""
    found = _get(session, name, f"Unable to get rule '{name.path}': ")
    if call.on("summary"):
        full = f"/{found.get('namespace', '')}/{found.get('name', '')}"
        out.line(f"rule {out.bold(full)}\n   (status: {found.get('status', '')})")
        return 0
    show(session, "rule", name.path, found, entities.rule(found), wanted, key)
    return 0


def status(session: Session) -> int:
    name = parse_entity(session.call.operands[0])
    found = _get(session, name, f"Unable to get status of rule '{name.path}': ")
    text = str(found.get("status", ""))
    session.out.done(f"rule {session.out.bold(name.path)} is {text}", found)
    return 0


def enable(session: Session) -> int:
    return _switch(session, "enable", "active")


def disable(session: Session) -> int:
    return _switch(session, "disable", "inactive")


def _switch(session: Session, verb: str, state: str) -> int:
    name = parse_entity(session.call.operands[0])
    with (
        doing(f"Unable to {verb} rule '{name.path}': "),
        near_names(session, "rules", name),
    ):
        found = switch(session, name, state)
    session.out.done(f"{verb}d rule {session.out.bold(name.path)}", found)
    return 0


def switch(session: Session, name: QualifiedName, state: str) -> Any:
    """POST the state; servers answer with the rule, with `OK` or with nothing."""
    body = {"status": state, "trigger": None, "action": None}
    client = session.client
    where = f"namespaces/{encode(name.namespace)}/rules/{encode(name.path)}"
    client.send("POST", client.url(where), body=body)
    return {"namespace": name.namespace, "name": name.path, "status": state}


def delete(session: Session) -> int:
    name = parse_entity(session.call.operands[0])
    if session.call.on("disable"):
        with doing(f"Unable to disable rule '{name.path}': "):
            switch(session, name, "inactive")
    with (
        doing(f"Unable to delete rule '{name.path}': "),
        near_names(session, "rules", name),
    ):
        gone = session.client.entity("DELETE", "rules", name)
    session.out.done(f"deleted rule {session.out.bold(name.path)}", gone)
    return 0


def list_(session: Session) -> int:
    namespace = parse_namespace(session.call.operands)
    rows = lists.fetch(session, "rules", namespace)
    rows = with_status(session, namespace, rows)
    lists.show(session, "rules", rows, lists.rule_row)
    return 0


def with_status(session: Session, namespace: str, rows: list[Any]) -> list[Any]:
    """Rows of a list carry no status: ask for each rule, several at a time.

    A rule that was deleted meanwhile is left out.
    """
    from concurrent.futures import ThreadPoolExecutor

    missing = [row for row in rows if "status" not in row]
    if not missing:
        return rows
    shares = [missing[start::WORKERS] for start in range(min(WORKERS, len(missing)))]
    if session.call.on("verbose") or session.call.on("debug"):
        shares = [missing]  # a readable trace is one after the other
    # connections serve one request at a time: a client for each worker
    clients = [session.client] + [session.new_client() for _ in shares[1:]]

    def ask(client: Any, share: list[Any]) -> None:
        for row in share:
            try:
                route = f"rules/{encode(str(row.get('name', '')))}"
                found = client.call("GET", namespace, route)
                row["status"] = (
                    found.get("status", "") if isinstance(found, dict) else ""
                )
            except WskError as error:
                if error.status != 404:
                    raise

    prefix = f"Unable to obtain the list of rules for namespace '{namespace}': "
    with doing(prefix), ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(ask, clients, shares))
    for client in clients[1:]:
        client.close()
    return [row for row in rows if "status" in row]
