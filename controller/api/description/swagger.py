"""Swagger 2.0, made of the OpenAPI document: what it cannot say is left out."""

from __future__ import annotations

from functools import cache
from typing import Any

from controller.api.description.openapi import openapi
from controller.api.errors import JSON

BASE_PATH = "/api/v1"


@cache
def swagger() -> dict[str, Any]:
    """Answer the whole document, of what lies below ``/api/v1``."""
    source = openapi()
    paths = {
        path.removeprefix(BASE_PATH) or "/": _path(operations)
        for path, operations in source["paths"].items()
        if path.startswith(BASE_PATH)
    }
    info = {key: source["info"][key] for key in ("title", "description", "version")}
    return {
        "swagger": "2.0",
        "info": info | {"license": {"name": "Apache 2.0"}},
        "basePath": BASE_PATH,
        "consumes": [JSON],
        "produces": [JSON],
        "paths": paths,
        "definitions": {
            name: _schema(schema)
            for name, schema in source["components"]["schemas"].items()
        },
        "securityDefinitions": {"key": {"type": "basic"}},
    }


def _path(operations: dict[str, Any]) -> dict[str, Any]:
    return {method: _operation(each) for method, each in operations.items()}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept = ("operationId", "summary", "tags", "security")
    shown = {key: operation[key] for key in kept if key in operation}
    shown["parameters"] = [_parameter(each) for each in operation["parameters"]]
    if body := operation.get("requestBody"):
        shown["parameters"].append(
            {
                "name": "body",
                "in": "body",
                "required": body["required"],
                "schema": _schema(body["content"][JSON]["schema"]),
            }
        )
    shown["responses"] = {
        status: _response(each) for status, each in operation["responses"].items()
    }
    media = {
        kind
        for each in operation["responses"].values()
        for kind in each.get("content", ())
    }
    if media and media != {JSON}:
        shown["produces"] = sorted(media)
    return shown


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in parameter.items() if key != "schema"}
    return plain | parameter["schema"]


def _response(response: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": response["description"]}
    for content in response.get("content", {}).values():
        shown["schema"] = _schema(content["schema"])
    if "headers" in response:
        shown["headers"] = {
            name: {"type": "string", "description": header["description"]}
            for name, header in response["headers"].items()
        }
    return shown


def _schema(schema: Any) -> Any:
    """Answer the schema without what came later: anyOf and const."""
    if isinstance(schema, list):
        return [_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return {"$ref": f"#/definitions/{name}"}
    if "const" in schema:
        return {"enum": [schema["const"]]}
    return {key: _schema(value) for key, value in schema.items() if key != "anyOf"}
