"""OpenAPI 3.1, the way of saying that is closest to the table."""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from typing import Any

from chasen import __version__
from controller.api.description.operation import Operation, Right
from controller.api.description.operations import OPERATIONS
from controller.api.description.schemas import PARAMETERS, SCHEMAS, Schema, ref
from controller.api.errors import JSON

TITLE = "OpenWhisk REST API"
DESCRIPTION = (
    "Compatible with Apache OpenWhisk. Names may be 256 characters long; unknown "
    "members of bodies are ignored; errors carry a sentence and a transaction id."
)
_HEADERS: dict[int, tuple[str, str]] = {
    401: ("WWW-Authenticate", "what to log in with"),
    429: ("Retry-After", "seconds to wait"),
    503: ("Retry-After", "seconds to wait"),
}


@cache
def openapi() -> dict[str, Any]:
    """Answer the whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        at_path = paths.setdefault(operation.path, {})
        at_path[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "description": DESCRIPTION,
            "version": __version__,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "the two halves of a key, uuid:secret",
                }
            },
        },
    }


def tag_of(operation: Operation) -> str:
    """Answer the collection that the operation belongs to."""
    found = re.match(r"/api/v1/namespaces/\{namespace\}/(\w+)", operation.path)
    if found:
        return found[1]
    return "web actions" if "/web/" in operation.path else "information"


def path_parameters(operation: Operation) -> list[str]:
    return re.findall(r"\{(\w+)\}", operation.path)


def _operation(operation: Operation) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [tag_of(operation)],
        "parameters": [
            {"name": name} | PARAMETERS[name]
            for name in (*path_parameters(operation), *operation.query)
        ],
        "responses": _responses(operation),
    }
    if operation.body:
        shown["requestBody"] = {
            "required": operation.body_required,
            "content": {JSON: {"schema": ref(operation.body)}},
        }
    if operation.right is not Right.NONE:
        shown["security"] = [{"key": []}]
    return shown


def _responses(operation: Operation) -> dict[str, Any]:
    if not operation.answers and not operation.errors:
        return {"default": {"description": "what the action answers, or an Error"}}
    shown: dict[int, Any] = {}
    for status, carried in operation.answers.items():
        shown[status] = {"description": HTTPStatus(status).phrase} | _content(carried)
    for status in operation.errors:
        shown[status] = _error(status)
    return {str(status): shown[status] for status in sorted(shown)}


def _content(carried: Schema | str | None) -> dict[str, Any]:
    if carried is None:
        return {}
    if isinstance(carried, str):
        return {"content": {carried: {"schema": {"type": "string"}}}}
    return {"content": {JSON: {"schema": carried}}}


def _error(status: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    shown |= _content(ref("Error"))
    if status in _HEADERS:
        name, sentence = _HEADERS[status]
        header = {"description": sentence, "schema": {"type": "string"}}
        shown["headers"] = {name: header}
    return shown
