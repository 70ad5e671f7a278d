"""wsk project export: the manifest and the code of a synced project."""

import os
from typing import Any

from wsk import yamltext
from wsk.action_code import content, file_name, write
from wsk.entities import annotation
from wsk.errors import GENERAL, WskError, doing
from wsk.project import managed
from wsk.project.plan import DEFAULT_PACKAGE
from wsk.project.planned import Planned
from wsk.session import Session

# annotations that the server or `sync` adds
_ADDED = {"exec", "provide-api-key", managed.KEY, "feed"}


def export(session: Session) -> int:
    """Write everything that belongs to a project."""
    call = session.call
    name = call.text("projectname")
    if not name:
        raise WskError("A project name is needed: --projectname NAME.", GENERAL)
    target = call.text("manifest") or "manifest.yaml"
    folder = os.path.dirname(target) or "."
    namespace = call.text("namespace").strip("/") or "_"
    with doing("Export did not complete successfully. "):
        found = managed.owned(session, namespace, name)
        if not found:
            raise WskError(f"There is no project '{name}' in this namespace.")
        os.makedirs(folder, exist_ok=True)
        packages: dict[str, Any] = {}
        for entity in reversed(found):
            stored = managed.fetch(session, namespace, entity)
            if stored is not None:
                _add(packages, entity, stored, folder)
        document = {"project": {"name": name, "packages": packages}}
        text = yamltext.dumps(document, sort=False)
        write(target, text.encode(), force=False)
    session.out.line(f"Manifest exported to: {target}")
    return 0


def _package(packages: dict[str, Any], name: str) -> dict[str, Any]:
    return packages.setdefault(name or DEFAULT_PACKAGE, {})


def _add(packages: dict[str, Any], entity: Planned, stored: Any, folder: str) -> None:
    package, _, name = entity.name.rpartition("/")
    if entity.collection == "packages":
        _add_package(packages, entity.name, stored)
    elif entity.collection == "actions":
        where = _package(packages, package)
        executed = stored.get("exec") or {}
        if executed.get("kind") == "sequence":
            parts = [_local(part, package) for part in executed.get("components", [])]
            body: dict[str, Any] = {"actions": ", ".join(parts), **_common(stored)}
            where.setdefault("sequences", {})[name] = body
        else:
            body = {**_code(executed, package, name, folder), **_common(stored)}
            where.setdefault("actions", {})[name] = body
    elif entity.collection == "triggers":
        body = _common(stored)
        feed = annotation(stored, "feed")
        if isinstance(feed, str):
            body["feed"] = feed
        _package(packages, "").setdefault("triggers", {})[name] = body
    else:
        ends = {key: _end(stored.get(key)) for key in ("trigger", "action")}
        _package(packages, "").setdefault("rules", {})[name] = ends


def _add_package(packages: dict[str, Any], name: str, stored: Any) -> None:
    binding = stored.get("binding") or {}
    if binding.get("name"):
        location = f"/{binding.get('namespace', '_')}/{binding['name']}"
        where = _package(packages, "").setdefault("dependencies", {})
        where[name] = {"location": location, **_common(stored)}
        return
    body = _package(packages, name)
    body |= {"public": True} if stored.get("publish") is True else {}
    body |= _common(stored)


def _common(stored: Any) -> dict[str, Any]:
    """Inputs, annotations and limits, as a manifest writes them."""
    body: dict[str, Any] = {}
    inputs = {x["key"]: x.get("value") for x in stored.get("parameters") or []}
    if inputs:
        body["inputs"] = inputs
    notes = {
        x["key"]: x.get("value")
        for x in stored.get("annotations") or []
        if x.get("key") not in _ADDED
    }
    if notes:
        body["annotations"] = notes
    limits = stored.get("limits") or {}
    names = (("timeout", "timeout"), ("memorySize", "memory"), ("logSize", "logs"))
    stated = {key: limits[name] for key, name in names if name in limits}
    if stated and "exec" in stored and stored["exec"].get("kind") != "sequence":
        body["limits"] = stated
    return body


def _code(
    executed: dict[str, Any], package: str, name: str, folder: str
) -> dict[str, Any]:
    """The code goes to a file beside the manifest."""
    body: dict[str, Any] = {}
    if executed.get("kind") == "blackbox":
        body["docker"] = executed.get("image", "")
    else:
        body["runtime"] = executed.get("kind", "")
    if executed.get("main"):
        body["main"] = executed["main"]
    if executed.get("code"):
        path = os.path.join(package or DEFAULT_PACKAGE, file_name(name, executed))
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        write(full, content(executed), force=True)
        body = {"function": path, **body}
    return body


def _local(full: str, package: str) -> str:
    """A component's name from inside its own package."""
    parts = full.strip("/").split("/")
    if parts[1:-1] == ([package] if package else []):
        return parts[-1]
    return full


def _end(value: Any) -> str:
    """`pkg/name` of what a rule names, or its path as it is."""
    if not isinstance(value, dict):
        return str(value)
    package = str(value.get("path", "")).partition("/")[2]
    name = str(value.get("name", ""))
    return f"{package}/{name}" if package else name
