"""wsk project deploy, undeploy, sync; wsk deploy."""

import os
import time
from typing import Any

from wsk import jsontext
from wsk.entities import annotation, in_order
from wsk.errors import GENERAL, MISUSE, Interrupted, WskError, doing
from wsk.parameters import collect
from wsk.project import managed
from wsk.project.apply import delete, put
from wsk.project.apply import deploy as apply_plan
from wsk.project.apply import undeploy as take_back
from wsk.project.plan import Planner
from wsk.project.planned import Plan, Planned
from wsk.project.source import Source, credentials, project_name, read
from wsk.session import Session

WATCH_PAUSE_S = 0.5


def _target(session: Session, source: Source) -> str:
    """The namespace to deploy to; the configuration's NAMESPACE is not one."""
    session.use(credentials(session, source))
    stated = session.call.text("namespace")
    if not stated and session.config.namespace not in ("", "_"):
        session.out.warn(
            f"NAMESPACE={session.config.namespace} in {session.config.path} is "
            "ignored; the key decides"
        )
    return stated.strip("/") or "_"


def _platform(session: Session) -> dict[str, Any]:
    """What the server says it runs; a server that says nothing is no fault."""
    client = session.client
    try:
        found = client.parsed(client.send("GET", f"{client.base}/", authorized=False))
    except WskError:
        return {}
    return found if isinstance(found, dict) else {}


def _plan(session: Session, source: Source, *, ask: bool = True) -> Plan:
    overrides = jsontext.plain(collect(session, "pP"))
    planner = Planner(source, overrides, _platform(session) if ask else None)
    plan = planner.build()
    if planner.warnings and session.call.on("strict"):
        text = "\n".join(f"  {warning}" for warning in planner.warnings)
        raise WskError(f"{source.path}: nothing was changed, because of\n{text}")
    for warning in planner.warnings:
        session.out.warn(f"{source.path}: {warning}")
    return plan


def deploy(session: Session) -> int:
    """Everything in the manifest, made so."""
    out = session.out
    source = read(session)
    namespace = _target(session, source)
    if session.call.on("preview"):
        preview(session, _plan(session, source, ask=False))
        return 0
    with doing("Deployment did not complete successfully. "):
        apply_plan(session, namespace, _plan(session, source))
    if out.structured:
        out.document({"deployed": True})
    elif not out.quiet:
        out.line("Success: Deployment completed successfully.")
    return 0


def deploy_folder(session: Session) -> int:
    """wsk deploy: as `project deploy`, with --diff and --watch."""
    call = session.call
    if call.on("diff"):
        return _diff(session)
    code = deploy(session)
    if call.on("watch"):
        _watch(session)
    return code


def undeploy(session: Session) -> int:
    """Everything in the manifest, or of a project by name, taken back."""
    call, out = session.call, session.out
    if call.given("projectname"):
        name = call.text("projectname")
        namespace = call.text("namespace").strip("/") or "_"
        with doing("Undeployment did not complete successfully. "):
            for entity in managed.owned(session, namespace, name):
                delete(session, namespace, entity)
    else:
        source = read(session)
        namespace = _target(session, source)
        plan = _plan(session, source, ask=False)
        if call.on("preview"):
            preview(session, plan)
            return 0
        with doing("Undeployment did not complete successfully. "):
            take_back(session, namespace, plan)
    out.line("Success: Undeployment completed successfully.")
    return 0


def sync(session: Session) -> int:
    """Deploy under the project's name, delete what the name still has besides."""
    source = read(session)
    name = project_name(session, source)
    if not name:
        raise WskError("A project name is needed: `project: {name: ...}` or "
                       "--projectname NAME.", GENERAL)  # fmt: skip
    namespace = _target(session, source)
    plan = _plan(session, source)
    managed.mark(plan, source, name)
    if session.call.on("preview"):
        preview(session, plan)
        return 0
    with doing("Deployment did not complete successfully. "):
        apply_plan(session, namespace, plan)
        digest = managed.project_hash(source)
        for entity in managed.owned(session, namespace, name, but=digest):
            delete(session, namespace, entity)
    session.out.line("Success: Deployment completed successfully.")
    return 0


def preview(session: Session, plan: Plan) -> None:
    """What the plan holds, sending nothing."""
    line = session.out.line
    line("Packages:")
    rows = {"actions": plan.actions, "sequences": plan.sequences}
    names = {entity.name for entity in plan.packages}
    for package in plan.packages:
        line(f"Name: {package.name}")
        _pairs(session, package, "    ")
        for what, entities in rows.items():
            for entity in entities:
                if entity.name.startswith(f"{package.name}/"):
                    _entity(session, what[:-1], entity)
    loose = [
        (what, entity)
        for what, entities in rows.items()
        for entity in entities
        if entity.name.rpartition("/")[0] not in names
    ]
    if loose:
        line("Name: default")
    for what, entity in loose:
        _entity(session, what[:-1], entity)
    line("\nTriggers:")
    for trigger in plan.triggers:
        line(f"* trigger: {trigger.name}")
        if trigger.feed:
            line(f"    feed: {trigger.feed}")
        _pairs(session, trigger, "    ")
    line("\nRules")
    for rule in plan.rules:
        line(f"* rule: {rule.name}")
        line(f"    - trigger: {rule.body['trigger'].removeprefix('/_/')}")
        line(f"    - action: {rule.body['action'].removeprefix('/_/')}")


def _entity(session: Session, what: str, entity: Planned) -> None:
    session.out.line(f"  * {what}: {entity.name.rpartition('/')[2]}")
    _pairs(session, entity, "      ")


def _pairs(session: Session, entity: Planned, indent: str) -> None:
    for title, key in (("bindings", "parameters"), ("annotation", "annotations")):
        session.out.line(f"{indent}{title}:")
        for item in entity.body.get(key) or []:
            value = jsontext.compact(item["value"])
            session.out.line(f"{indent}    - {item['key']} : {value}")


def changes(session: Session, namespace: str, plan: Plan) -> list[tuple[str, Planned]]:
    """`+` for new entities, `~` for those that would change."""
    found = []
    for entity in plan.entities:
        stored = managed.fetch(session, namespace, entity)
        if stored is None:
            found.append(("+", entity))
        elif _differs(entity, stored):
            found.append(("~", entity))
    return found


def _differs(entity: Planned, stored: Any) -> bool:
    for item in entity.body.get("annotations", []):
        if not _same(annotation(stored, item["key"]), item["value"]):
            return True
    if "parameters" in entity.body or entity.collection in ("actions", "packages"):
        wanted = entity.body.get("parameters", [])
        kept = [{"key": x.get("key"), "value": x.get("value")}
                for x in stored.get("parameters") or []]  # fmt: skip
        if sorted(map(_text, wanted)) != sorted(map(_text, kept)):
            return True
    for key, value in (entity.body.get("limits") or {}).items():
        if str((stored.get("limits") or {}).get(key)) != str(value):
            return True
    executed = stored.get("exec") or {}
    for key, value in (entity.body.get("exec") or {}).items():
        there = executed.get(key)
        if key == "components":
            ends = [part.split("/")[-1] for part in there or []]
            if ends != [part.split("/")[-1] for part in value]:
                return True
        elif key == "kind" and str(value).endswith(":default"):
            if str(there).split(":")[0] != value.split(":")[0]:
                return True
        elif not _same(there, value):
            return True
    return False


def _text(value: Any) -> str:
    return jsontext.compact(in_order(value))


def _same(one: Any, other: Any) -> bool:
    return _text(one) == _text(other)


def _diff(session: Session) -> int:
    out = session.out
    source = read(session)
    namespace = _target(session, source)
    found = changes(session, namespace, _plan(session, source))
    name = project_name(session, source)
    gone: list[Planned] = []
    if name:
        planned = {
            (entity.collection, entity.name)
            for entity in _plan(session, source).entities
        }
        gone = [
            entity
            for entity in managed.owned(session, namespace, name)
            if (entity.collection, entity.name) not in planned
        ]
    rows = [*found, *(("-", entity) for entity in gone)]
    if out.structured:
        out.document(
            [{"change": x, "collection": e.collection, "name": e.name} for x, e in rows]
        )
    else:
        colours = {"+": "green", "~": "yellow", "-": "red"}
        for sign, entity in rows:
            text = f"{sign} {entity.collection[:-1]} {entity.name}"
            out.line(out.style(text, colours[sign]))
    return MISUSE if rows and session.call.on("exit-code") else 0


def _stamp(root: str) -> dict[str, float]:
    from wsk.artifacts import folder_files

    found: dict[str, float] = {}
    for _, path in folder_files(root):
        try:
            found[path] = os.stat(path).st_mtime
        except OSError:
            continue  # gone between listing and looking
    return found


def _watch(session: Session) -> None:
    """Deploy what changed, whenever a file of the project changes."""
    source = read(session)
    namespace = _target(session, source)
    before = _stamp(source.root)
    session.out.error_line(f"watching {source.root}; Ctrl-C ends")
    try:
        while True:
            time.sleep(WATCH_PAUSE_S)
            now = _stamp(source.root)
            if now == before:
                continue
            before = now
            try:
                source = read(session)
                plan = _plan(session, source)
                for _, entity in changes(session, namespace, plan):
                    put(session, namespace, entity)
                    session.out.line(f"deployed {entity.collection[:-1]} {entity.name}")
            except WskError as error:
                session.out.error(error.message)
    except KeyboardInterrupt:
        raise Interrupted() from None
