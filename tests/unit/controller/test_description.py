"""The description tells of every route, and both dialects are sound."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any, cast

import jsonschema_rs
import pytest
import schemathesis

# Loaded deep in a test, the compiler of Python 3.11 breaks over it.
from schemathesis.specs.openapi import schemas as _early  # noqa: F401
from starlette.routing import Route
from uvicorn import Config
from uvicorn.server import ServerState

from controller.api.description.openapi import openapi, path_parameters
from controller.api.description.operation import Operation, Right
from controller.api.description.operations import OPERATIONS
from controller.api.description.page import page
from controller.api.description.swagger import swagger
from controller.api.hot import HotCycle, hot_protocol
from controller.api.public import COLLECTIONS

SAMPLES = {"identifier": "0" * 32, "part": "logs", "address": "ns/pkg/action"}
COLLECTION_NAMES = re.findall(r"/namespaces/\{namespace\}/(\w+)", str(OPERATIONS))


def routes() -> Iterator[tuple[str, str]]:
    """Method and path of all routes; a slash at a collection's end adds nothing."""
    for collection in COLLECTIONS:
        for route in collection.router.routes:
            assert isinstance(route, Route)
            path = route.path
            if path != "/" and not path.endswith("{package}/"):
                path = path.rstrip("/")
            yield from ((method, path) for method in route.methods or ())


def sample(operation: Operation) -> str:
    path = operation.path
    for name in path_parameters(operation):
        path = path.replace(f"{{{name}}}", SAMPLES.get(name, name))
    return path


def test_every_route_is_described_and_every_description_is_routed() -> None:
    """S38: a route without a right in the table is a hole."""
    described = {(each.method, each.routed) for each in OPERATIONS}

    assert sorted(set(routes()) - described) == []
    assert sorted(described - set(routes())) == []


class Deaf(asyncio.Transport):
    """Takes what is written."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return False

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass


async def is_hot(method: str, target: str) -> bool:
    """Ask the real protocol; the body never comes, so nothing is carried out."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    config = Config(app, interface="asgi3", log_config=None)
    made = hot_protocol(cast(Any, None))(config, ServerState(), {})
    made.connection_made(Deaf())
    made.data_received(
        f"{method} {target} HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\n".encode()
    )
    taken = isinstance(made.cycle, HotCycle)
    made.connection_lost(None)
    await asyncio.gather(*made.tasks)
    return taken


@pytest.mark.anyio
async def test_what_the_hot_path_takes_is_described_as_such() -> None:
    for operation in OPERATIONS:
        taken = await is_hot(operation.method, sample(operation))
        assert taken == operation.hot, operation.name


@pytest.mark.anyio
async def test_the_hot_path_takes_nothing_that_is_not_described() -> None:
    described = {(each.method, sample(each)) for each in OPERATIONS if each.hot}
    methods = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    words = sorted({*COLLECTION_NAMES, "activations", "nonsense"})
    ends = ("", "/", "/name", "/name/", "/package/name", "/package/name/x")

    for method, word, end in product(methods, words, ends):
        target = f"/api/v1/namespaces/namespace/{word}{end}"
        if await is_hot(method, target):
            assert (method, target) in described
    for method, target in product(methods, ("/", "/ping", "/api/v1", "/api/v1/web")):
        assert not await is_hot(method, target)


def test_names_are_unique_and_rights_are_stated() -> None:
    names = [each.name for each in OPERATIONS]

    assert len(names) == len(set(names))
    for each in OPERATIONS:
        below = each.path.startswith("/api/v1/namespaces")
        assert below == (each.right is not Right.NONE), each.name
        assert not below or {401, 429, 503} <= set(each.errors), each.name


@pytest.mark.parametrize("document", [openapi(), swagger()], ids=["3.1", "2.0"])
def test_both_dialects_can_be_read(document: dict[str, Any]) -> None:
    """By the library that tests against them, references and all."""
    loaded = schemathesis.openapi.from_dict(document)

    found = {each.ok().label for each in loaded.get_all_operations()}

    assert len(found) == sum(len(each) for each in document["paths"].values())
    text = json.dumps(document)
    for pointer in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        node: Any = document
        for part in pointer.split("/"):
            node = node[part]


def test_schemas_are_sound() -> None:
    schemas = openapi()["components"]["schemas"]

    for name, schema in schemas.items():
        whole = schema | {"components": {"schemas": schemas}}
        jsonschema_rs.validator_for(whole)
        assert f"#/components/schemas/{name}" in json.dumps(openapi()), name


def test_swagger_says_nothing_that_came_later() -> None:
    text = json.dumps(swagger())

    for word in ('"anyOf"', '"const"', '"requestBody"', '"content"', "#/components"):
        assert word not in text
    assert swagger()["basePath"] == "/api/v1"
    assert "/namespaces/{namespace}/actions/{name}" in swagger()["paths"]


def test_the_page_shows_every_operation_and_runs_nothing() -> None:
    shown = page()

    assert all(each.path in shown for each in OPERATIONS)
    assert "<script" not in shown
    assert "http://" not in shown
    assert "https://" not in shown
