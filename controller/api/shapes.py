"""How entities and records look to clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from chasen.entities import (
    Action,
    Activation,
    BlackBoxExec,
    Entity,
    Executable,
    FullyQualifiedEntityName,
    Outcome,
    Package,
    Rule,
    SequenceExec,
    Status,
    Trigger,
)


def _entity(entity: Entity) -> dict[str, Any]:
    return {
        "namespace": str(entity.fqn.path),
        "name": entity.fqn.name,
        "version": str(entity.version),
        "publish": entity.publish,
        "annotations": entity.annotations.to_json(),
        "updated": entity.updated_ms,
    }


def _reference(fqn: FullyQualifiedEntityName) -> dict[str, str]:
    return {"path": str(fqn.path), "name": fqn.name}


def action(entity: Action, code: str | None = None) -> dict[str, Any]:
    """The whole action; without its code where there is none, or none is wanted."""
    return {
        **_entity(entity),
        "exec": _executable(entity.exec, code),
        "parameters": entity.parameters.to_json(),
        "limits": entity.limits.to_json(),
    }


def _executable(executable: Executable, code: str | None) -> dict[str, Any]:
    if isinstance(executable, SequenceExec):
        components = [f"/{each}" for each in executable.components]
        return {"kind": executable.kind, "components": components}
    shown: dict[str, Any] = {"kind": executable.kind, "binary": executable.binary}
    if isinstance(executable, BlackBoxExec):
        shown["image"] = executable.image
    if code is not None:
        shown["code"] = code
    if executable.main is not None:
        shown["main"] = executable.main
    return shown


def action_row(entity: Action) -> dict[str, Any]:
    return {
        **_entity(entity),
        "limits": entity.limits.to_json(),
        "exec": {"binary": entity.exec.binary},
    }


def package(entity: Package) -> dict[str, Any]:
    """What a write answers: the package without its contents."""
    return {
        **_entity(entity),
        "parameters": entity.parameters.to_json(),
        "binding": _binding(entity) or {},
    }


def package_contents(entity: Package, actions: Sequence[Action]) -> dict[str, Any]:
    """The whole package; an action that is marked as a feed is listed as one."""
    return {
        **package(entity),
        "actions": [
            _content(each) for each in actions if _FEED not in each.annotations
        ],
        "feeds": [_content(each) for each in actions if _FEED in each.annotations],
    }


_FEED = "feed"


def _content(entity: Action) -> dict[str, Any]:
    return {
        "name": entity.fqn.name,
        "version": str(entity.version),
        "annotations": entity.annotations.to_json(),
    }


def package_row(entity: Package) -> dict[str, Any]:
    return {**_entity(entity), "binding": _binding(entity) or False}


def _binding(entity: Package) -> dict[str, str] | None:
    if entity.binding is None:
        return None
    return {"namespace": entity.binding.namespace, "name": entity.binding.name}


def trigger(entity: Trigger) -> dict[str, Any]:
    shown = {
        **_entity(entity),
        "parameters": entity.parameters.to_json(),
        "limits": {},
    }
    if entity.rules is not None:
        shown["rules"] = {
            name: {"action": _reference(rule.action), "status": rule.status}
            for name, rule in entity.rules.items()
        }
    return shown


def trigger_row(entity: Trigger) -> dict[str, Any]:
    return _entity(entity)


def rule(entity: Rule, status: Status) -> dict[str, Any]:
    return {**rule_row(entity), "status": status}


def rule_row(entity: Rule) -> dict[str, Any]:
    return {
        **_entity(entity),
        "trigger": _reference(entity.trigger),
        "action": _reference(entity.action),
    }


def response(record: Activation) -> dict[str, Any]:
    """``{"result"?, "size"?, "success", "status"}``"""
    outcome = record.response.outcome
    shown: dict[str, Any] = {}
    if record.response.result is not None:
        shown["result"] = orjson.Fragment(record.response.result)
        shown["size"] = record.response.size
    return shown | {"success": outcome is Outcome.SUCCESS, "status": outcome.status}


def record(entity: Activation, *, logs: bool = True) -> dict[str, Any]:
    """The whole record; a blocking answer has no logs, they come later."""
    shown: dict[str, Any] = {
        "namespace": entity.namespace,
        "name": entity.name,
        "version": entity.version,
        "publish": False,
        "subject": entity.subject,
        "activationId": entity.activation_id,
        "start": entity.start_ms,
        "annotations": entity.annotations.to_json(),
        "logs": list(entity.logs) if logs else [],
        "response": response(entity),
    }
    return shown | _ending(entity)


def record_row(entity: Activation) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "namespace": entity.namespace,
        "name": entity.name,
        "version": entity.version,
        "publish": False,
        "annotations": entity.annotations.to_json(),
        "activationId": entity.activation_id,
        "start": entity.start_ms,
    }
    if entity.end_ms:
        shown["statusCode"] = int(entity.response.outcome)
    return shown | _ending(entity)


def _ending(entity: Activation) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if entity.end_ms:
        shown["end"] = entity.end_ms
        if entity.duration_ms is not None:
            shown["duration"] = entity.duration_ms
    if entity.cause is not None:
        shown["cause"] = entity.cause
    return shown
