"""wsk action create, update, delete, list.

Reading code is `artifacts`', --web is `web`'s, get is `action_get`'s and invoke is
`invoke`'s.
"""

from typing import Any

from wsk import entities, jsontext, lists, web
from wsk.artifacts import LANGUAGES, executable
from wsk.errors import MISUSE, REFUSED, WskError, arguments_error, doing
from wsk.hints import near_names
from wsk.names import QualifiedName, expand, parse, parse_entity
from wsk.parameters import collect
from wsk.session import Session

LIMITS = (("timeout", "timeout"), ("memory", "memory"), ("logsize", "logs"))
CREATE_NEEDS = "An action name and code artifact are required."


def create(session: Session) -> int:
    """PUT without overwrite."""
    name = parse_entity(session.call.operands[0])
    with doing("Invalid argument(s). "):
        annotations = collect(session, "aA")
        parameters = collect(session, "pP")
    if session.call.on("copy"):
        executed = _copy(session, annotations, parameters)
    else:
        executed = _executable(session)
        if executed is None:
            raise arguments_error(CREATE_NEEDS, MISUSE)
    web.annotate(session, annotations, None)
    body = _body(session, name, executed, annotations, parameters)
    if session.call.on("create-package") and name.package:
        _create_package(session, name)
    stored = _put(session, name, body, overwrite=False)
    session.out.done(f"created action {session.out.bold(name.path)}", stored)
    return 0


def update(session: Session) -> int:
    """GET, then PUT with what the command line changes."""
    call, out = session.call, session.out
    name = parse_entity(call.operands[0])
    with doing("Invalid argument(s). "):
        annotations = collect(session, "aA")
        parameters = collect(session, "pP")
    if call.on("copy"):
        executed = _copy(session, annotations, parameters)
        existing = _existing(session, name)
    else:
        _check_kind_and_docker(session)
        executed = _executable(session)
        existing = _existing(session, name)
        executed = _with_stored_exec(session, name, executed, existing)
    deleted = web.annotate(session, annotations, existing)
    deleted = [*deleted, *call.flags.get("del-annotation", [])]
    kept = _kept_parameters(session, parameters, existing)
    body = _body(session, name, executed, annotations, kept or {}, deleted)
    if kept is not None and not kept and "parameters" not in body:
        body["parameters"] = []
    if call.on("if-changed") and existing and _is_unchanged(session, name, body):
        out.done(f"action {out.bold(name.path)} unchanged", existing)
        return 0
    if call.on("create-package") and name.package:
        _create_package(session, name)
    stored = _put(session, name, body, overwrite=True)
    out.done(f"updated action {out.bold(name.path)}", stored)
    return 0


def _check_kind_and_docker(session: Session) -> None:
    if session.call.given("kind") and session.call.given("docker"):
        text = "Cannot specify both --kind and --docker at the same time."
        raise arguments_error(text, REFUSED)


def _executable(session: Session) -> dict[str, Any] | None:
    """What to run, by --sequence, artifact and --docker; None: nothing was said."""
    call = session.call
    _check_kind_and_docker(session)
    artifact = call.operands[1] if len(call.operands) == 2 else ""
    if call.on("sequence"):
        if not artifact:
            text = "A comma separated list of actions is required for a sequence."
            raise arguments_error(text, MISUSE)
        components = [expand(part) for part in artifact.split(",")]
        return {"kind": "sequence", "components": components}
    if artifact or call.given("docker") or call.on("native"):
        if call.on("native") and not artifact:
            raise arguments_error(CREATE_NEEDS, MISUSE)
        return executable(session, artifact)
    return None


def _copy(
    session: Session, annotations: dict[str, Any], parameters: dict[str, Any]
) -> dict[str, Any]:
    """The source's exec; its parameters and annotations go below the given ones."""
    operands = session.call.operands
    if len(operands) < 2:
        raise arguments_error("The name of the action to copy is required.")
    source = parse_entity(operands[1])
    with doing(f"Unable to get action '{source.path}': ", usage=True):
        query = (("code", "true"),)
        found = session.client.entity("GET", "actions", source, query, large=True)
    for ours, theirs in ((annotations, "annotations"), (parameters, "parameters")):
        for item in found.get(theirs) or []:
            ours.setdefault(item.get("key", ""), item.get("value"))
    return found.get("exec") or {}


def _existing(session: Session, name: QualifiedName) -> dict[str, Any] | None:
    try:
        found = session.client.entity("GET", "actions", name, (("code", "false"),))
    except WskError as error:
        if error.status == 404:
            return None
        raise error.within("Invalid argument(s). ", usage=True) from error.__cause__
    return found if isinstance(found, dict) else None


def _with_stored_exec(
    session: Session,
    name: QualifiedName,
    executed: dict[str, Any] | None,
    existing: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """Keep a pinned kind; give --kind and --main alone the stored code."""
    call = session.call
    stored = (existing or {}).get("exec") or {}
    if executed is None:
        if existing is None or not (call.given("kind") or call.given("main")):
            return None
        with doing(f"Unable to get action '{name.path}': ", usage=True):
            query = (("code", "true"),)
            full = session.client.entity("GET", "actions", name, query, large=True)
        executed = dict((full or {}).get("exec") or {})
        executed.pop("binary", None)
        if call.given("kind"):
            executed["kind"] = call.text("kind")
        if call.given("main"):
            executed["main"] = call.text("main")
        return executed
    kind, old = str(executed.get("kind", "")), str(stored.get("kind", ""))
    language = kind.removesuffix(":default")
    inferred = not call.given("kind") and kind.endswith(":default")
    if inferred and language in LANGUAGES.values() and old.startswith(f"{language}:"):
        executed["kind"] = old
    return executed


def _kept_parameters(
    session: Session, parameters: dict[str, Any], existing: dict[str, Any] | None
) -> dict[str, Any] | None:
    """What to send after --clear-params and --del-param; None: leave them alone."""
    call = session.call
    dropped = call.flags.get("del-param", [])
    if not dropped:
        return parameters if parameters or call.on("clear-params") else None
    stored = {
        item["key"]: item.get("value")
        for item in (existing or {}).get("parameters") or []
        if isinstance(item, dict) and "key" in item
    }
    merged = {**({} if call.on("clear-params") else stored), **parameters}
    return {key: value for key, value in merged.items() if key not in dropped}


def _body(
    session: Session,
    name: QualifiedName,
    executed: dict[str, Any] | None,
    annotations: dict[str, Any],
    parameters: dict[str, Any],
    deleted: list[str] | None = None,
) -> dict[str, Any]:
    """Body of the PUT: {"namespace": "_", "name": "a", "exec": {...}, ...}."""
    call = session.call
    body: dict[str, Any] = {"namespace": name.namespace, "name": name.path}
    if executed is not None:
        body["exec"] = executed
    if annotations:
        body["annotations"] = entities.to_pairs(annotations)
    if deleted:
        body["delAnnotations"] = deleted
    pairs = entities.to_pairs(parameters)
    for flag, text in call.sequence:
        if flag == "env":
            key, _, value = text.partition("=")
            pairs.append({"key": key, "value": value, "init": True})
    if pairs:
        body["parameters"] = pairs
    limits = {key: call.flags[flag] for flag, key in LIMITS if call.given(flag)}
    if call.given("concurrency"):
        limits["concurrency"] = call.flags["concurrency"]
    if limits:
        body["limits"] = limits
    return body


def _put(session: Session, name: QualifiedName, body: Any, *, overwrite: bool) -> Any:
    query = (("overwrite", "true" if overwrite else "false"),)
    try:
        return session.client.entity("PUT", "actions", name, query, body, large=True)
    except WskError as error:
        if error.status == 409 and not overwrite:
            error.hint = f"use `wsk action update {name.path}` to change it"
        prefix = f"Unable to create action '{name.path}': "
        raise error.within(prefix, usage=True) from error.__cause__


def _is_unchanged(session: Session, name: QualifiedName, body: dict[str, Any]) -> bool:
    """Would this PUT change anything that is stored?"""
    query = (("code", "true"),)
    stored = session.client.entity("GET", "actions", name, query, large=True)
    if "delAnnotations" in body:
        return False
    for part in ("exec", "limits"):
        for key, value in (body.get(part) or {}).items():
            if str((stored.get(part) or {}).get(key)) != str(value):
                return False
    for item in body.get("annotations", []):
        if entities.annotation(stored, item["key"]) != item["value"]:
            return False
    if "parameters" in body:
        texts = [
            sorted(jsontext.compact(entities.in_order(item)) for item in pairs)
            for pairs in (body["parameters"], stored.get("parameters") or [])
        ]
        return texts[0] == texts[1]
    return True


def _create_package(session: Session, name: QualifiedName) -> None:
    package = QualifiedName(name.namespace, "", name.package)
    body = {"namespace": name.namespace, "name": name.package}
    query = (("overwrite", "false"),)
    with doing(f"Unable to create package '{name.package}': ", usage=True):
        try:
            session.client.entity("PUT", "packages", package, query, body)
        except WskError as error:
            if error.status != 409:
                raise


def delete(session: Session) -> int:
    """DELETE one action or several."""
    for text in session.call.operands:
        name = parse_entity(text)
        with (
            doing(f"Unable to delete action '{name.path}': ", usage=True),
            near_names(session, "actions", name),
        ):
            try:
                gone = session.client.entity("DELETE", "actions", name, large=True)
            except WskError as error:
                if error.status == 404 and session.call.on("ignore-missing"):
                    continue
                raise
        session.out.done(f"deleted action {session.out.bold(name.path)}", gone)
    return 0


def list_(session: Session) -> int:
    """List the actions of a namespace or of a package."""
    namespace, route = "_", ""
    if session.call.operands:
        name = parse(session.call.operands[0])
        namespace = name.namespace
        if name.package:
            from wsk.names import parse_namespace

            parse_namespace([session.call.operands[0]])
        if name.entity:
            from wsk.names import encode

            route = f"actions/{encode(name.entity)}/"
    rows = lists.fetch(session, "actions", namespace, route=route)
    lists.show(session, "actions", rows, lists.action_row, key=lists.action_sort_key)
    return 0
