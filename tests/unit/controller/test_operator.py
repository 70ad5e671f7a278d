"""The operator port: what is open tells nothing of users, all the rest is closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from chasen.seal import open_seal, operator_proof, operator_token
from chasen.stores.open import open_stores
from controller.administration.desk import Desk
from controller.api.operator import operator_app

pytestmark = pytest.mark.anyio
OPEN = {
    "/live",
    "/ready",
    "/metrics",
    "/invokers",
    "/invokers/healthy/count",
    "/invokers/ready",
    "/admin/proof",  # proves that the house knows the token, and tells nothing else
}


@pytest.fixture
def token(tmp_path: Path) -> str:
    return operator_token(tmp_path / "server.key")


@pytest.fixture
async def app(anyio_backend: str, tmp_path: Path, token: str) -> AsyncIterator[FastAPI]:
    async with open_stores("memory:") as stores:
        desk = Desk(stores, open_seal(tmp_path / "server.key"))
        yield operator_app(cast(Any, None), lambda: None, desk, token)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://op") as client:
        yield client


def all_routes(app: FastAPI) -> Iterator[APIRoute]:
    """Also those of included routers, which newer FastAPI keeps to themselves."""
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        for each in inner.routes if inner else (route,):
            assert isinstance(each, APIRoute), f"{each} is no route of ours"
            yield each


async def test_every_route_is_open_on_purpose_or_closed(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    closed = 0
    for route in all_routes(app):
        if route.path in OPEN:
            assert route.methods == {"GET"}
            continue
        path = route.path.format(room="user", verb="keys")
        for method in route.methods:
            for headers in ({}, {"authorization": "Bearer x"}):
                answer = await client.request(method, path, headers=headers)
                assert answer.status_code == 401, path
                closed += 1
    assert closed >= 4


async def test_the_token_opens_the_desk(client: httpx.AsyncClient, token: str) -> None:
    client.headers["authorization"] = f"Bearer {token}"

    made = await client.post("/admin/user/create", json={"subject": "alice"})
    asked = await client.post("/admin/user/whois", json={"key": made.json()["value"]})
    missing = await client.post("/admin/no/such", json={})
    wrong = await client.post("/admin/user/create", json={"subject": "abc"})

    assert asked.json() == {"value": ["alice", "alice"]}
    assert missing.status_code == 404
    assert wrong.status_code == 400
    assert wrong.json()["error"] == "Subject name must be at least 5 characters"


async def test_rows_come_one_a_line(client: httpx.AsyncClient, token: str) -> None:
    client.headers["authorization"] = f"Bearer {token}"
    for name in ("alice", "bobby"):
        await client.post("/admin/user/create", json={"subject": name})

    answer = await client.post("/admin/db/get", json={"database": "subjects"})
    empty = await client.post("/admin/db/get", json={"database": "activations"})
    wrong = await client.post("/admin/db/get", json={"database": "x"})

    assert answer.text.count("\n") == 2
    assert empty.text == ""
    assert wrong.status_code == 400


async def test_the_house_proves_that_it_knows_the_token(
    client: httpx.AsyncClient, token: str
) -> None:
    answer = await client.get("/admin/proof", params={"nonce": "abc"})

    assert answer.json() == {"proof": operator_proof(token, "abc")}
    assert token not in answer.text
    assert operator_proof(token, "abd") != operator_proof(token, "abc")
