"""One store, three houses: a test that passes in one must pass in all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chasen.ports.stores import (
    ActivationStore,
    AuthStore,
    CodeStore,
    EntityStore,
    Stores,
)
from chasen.stores.open import open_stores


@pytest.fixture(
    params=["memory", "sqlite", pytest.param("couchdb", marks=pytest.mark.couchdb)]
)
def store_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "couchdb":
        return request.getfixturevalue("couchdb_address")
    return {"memory": "memory:", "sqlite": f"sqlite:{tmp_path}/data/chasen.db"}[
        request.param
    ]


@pytest.fixture
async def stores(anyio_backend: str, store_address: str) -> AsyncIterator[Stores]:
    async with open_stores(store_address) as opened:
        yield opened


@pytest.fixture
def entities(stores: Stores) -> EntityStore:
    return stores.entities


@pytest.fixture
def code(stores: Stores) -> CodeStore:
    return stores.code


@pytest.fixture
def activations(stores: Stores) -> ActivationStore:
    return stores.activations


@pytest.fixture
def auth(stores: Stores) -> AuthStore:
    return stores.auth
