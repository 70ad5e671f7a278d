"""Entities, records and subjects for the store tests, made the short way."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import uuid4

from chasen.entities import (
    Action,
    Activation,
    ActivationResponse,
    CodeExec,
    FullyQualifiedEntityName,
    Namespace,
    Outcome,
    Package,
    Rule,
    Subject,
    Trigger,
    compose_activation_id,
    key_hash,
)

DAY_MS = 86_400_000
NOON_MS = 20_000 * DAY_MS + DAY_MS // 2  # in October 2024
KEY = "k" * 64


def fqn(name: str) -> FullyQualifiedEntityName:
    """Answer "guest/<name>", or the name itself when it begins with a slash."""
    return FullyQualifiedEntityName.parse(
        name if name.startswith("/") else f"/guest/{name}"
    )


def an_action(name: str, **members: Any) -> Action:
    executable = CodeExec("python:3.11", "d" * 64, 12, False, None)
    return Action(fqn=fqn(name), **({"exec": executable} | members))


def a_trigger(name: str, **members: Any) -> Trigger:
    return Trigger(fqn=fqn(name), **members)


def a_package(name: str, **members: Any) -> Package:
    return Package(fqn=fqn(name), **members)


def a_rule(name: str, **members: Any) -> Rule:
    return Rule(fqn=fqn(name), trigger=fqn("t"), action=fqn("package/a"), **members)


def an_activation(
    time_ms: int = NOON_MS, *, result: bytes | None = b'{"ok":true}', **members: Any
) -> Activation:
    response = ActivationResponse(Outcome.SUCCESS, result, len(result or b""))
    standard: dict[str, Any] = {
        "activation_id": compose_activation_id(time_ms, secrets.token_bytes(10)),
        "namespace": "guest",
        "name": "hello",
        "version": "0.0.1",
        "subject": "guest-subject",
        "start_ms": time_ms,
        "end_ms": time_ms + 12,
        "duration_ms": 12,
        "response": response,
    }
    return Activation(**(standard | members))


def a_namespace(name: str, key: str = KEY, **members: Any) -> Namespace:
    standard = {
        "uuid": str(uuid4()),
        "key_hash": key_hash(key),
        "sealed_key": f"sealed {name}",
    }
    return Namespace(name, **(standard | members))


def a_subject(name: str, *namespaces: Namespace, **members: Any) -> Subject:
    return Subject(name, namespaces or (a_namespace(name),), **members)
