"""Bodies of PUT and POST: JSON in, checked values out, in OpenWhisk's words."""

from __future__ import annotations

from typing import Any

from chasen import jsontext
from chasen.entities import (
    FullyQualifiedEntityName,
    Parameters,
    RuntimesManifest,
    SemVer,
    Status,
)
from chasen.errors import BadInput, MalformedContent
from controller.api.errors import JSON, BadContentType
from controller.catalog.actions import ActionPut
from controller.catalog.executables import given_exec, reference
from controller.catalog.packages import PackagePut
from controller.catalog.rules import RulePut
from controller.catalog.triggers import TriggerPut


def check_content_type(content_type: str | None) -> None:
    """Raises BadContentType for all but JSON in UTF-8."""
    kind, _, rest = (content_type or "").partition(";")
    charset = rest.strip().lower().removeprefix("charset=").strip("\"'")
    if kind.strip().lower() != JSON or charset not in ("", "utf-8", "utf8"):
        raise BadContentType(content_type or "none/none")


def required_object(body: bytes) -> dict[str, Any]:
    """Answer the object in a body that has to be there."""
    if not body.strip():
        raise BadInput("Request entity expected but not supplied")
    return jsontext.decode_object(body)


def action_put(
    body: bytes, manifest: RuntimesManifest, own_namespace: str
) -> ActionPut:
    given = required_object(body)
    limits = given.get("limits")
    if limits is not None and not isinstance(limits, dict):
        raise MalformedContent("limits malformed")
    dropped = given.get("delAnnotations") or []
    if not isinstance(dropped, list) or not all(isinstance(it, str) for it in dropped):
        raise MalformedContent("delAnnotations malformed")
    executable = given.get("exec")
    return ActionPut(
        exec=None
        if executable is None
        else given_exec(executable, manifest, own_namespace),
        dropped_annotations=tuple(dropped),
        limits=limits,
        parameters=_parameters(given, "parameters"),
        **_common(given),
    )


def trigger_put(body: bytes) -> TriggerPut:
    given = jsontext.decode_object(body) if body.strip() else {}
    return TriggerPut(parameters=_parameters(given, "parameters"), **_common(given))


def package_put(body: bytes, own_namespace: str) -> PackagePut:
    given = jsontext.decode_object(body) if body.strip() else {}
    return PackagePut(
        binding=_binding(given.get("binding"), own_namespace),
        parameters=_parameters(given, "parameters"),
        **_common(given),
    )


def rule_put(body: bytes, own_namespace: str) -> RulePut:
    given = required_object(body)
    return RulePut(
        trigger=_reference(given.get("trigger"), own_namespace),
        action=_reference(given.get("action"), own_namespace),
        **_common(given),
    )


def rule_status(body: bytes) -> Status:
    status = required_object(body).get("status")
    if status not in tuple(Status):
        raise MalformedContent(f"{status} is not a recognized rule state")
    return Status(status)


def _common(given: dict[str, Any]) -> dict[str, Any]:
    publish, version = given.get("publish"), given.get("version")
    if publish is not None and not isinstance(publish, bool):
        raise MalformedContent("publish must be a boolean")
    return {
        "annotations": _parameters(given, "annotations"),
        "publish": publish,
        "version": None if version is None else SemVer.parse(version),
    }


def _parameters(given: dict[str, Any], what: str) -> Parameters | None:
    value = given.get(what)
    # OpenWhisk has one sentence for both.
    return None if value is None else Parameters.from_json(value)


def _reference(value: Any, own_namespace: str) -> FullyQualifiedEntityName | None:
    return None if value is None else reference(value, own_namespace=own_namespace)


def _binding(value: Any, own_namespace: str) -> FullyQualifiedEntityName | None:
    """Answer the package in {"namespace": ..., "name": ...}; None for {} and null."""
    if value is None or value == {}:
        return None
    match value:
        case {"namespace": str(namespace), "name": str(name)}:
            if "/" not in namespace and "/" not in name:
                path = {"path": namespace, "name": name}
                return reference(path, own_namespace=own_namespace)
    raise MalformedContent("binding malformed")
