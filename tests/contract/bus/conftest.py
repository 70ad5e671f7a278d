"""One bus, three houses: a test that passes on one must pass on all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from chasen.bus.open import open_bus
from chasen.ports.bus import MessageBus


@pytest.fixture(
    params=[
        pytest.param("memory", id="memory"),
        pytest.param("spool", id="spool"),
        pytest.param("kafka", id="kafka", marks=pytest.mark.kafka),
    ]
)
def bus_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    match request.param:
        case "memory":
            return "memory:"
        case "spool":
            return f"memory:{tmp_path / 'spool.db'}"
        case _:
            return request.getfixturevalue("kafka_url")


@pytest.fixture(
    params=[
        pytest.param("spool", id="spool"),
        pytest.param("kafka", id="kafka", marks=pytest.mark.kafka),
    ]
)
def lasting_bus_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Those that keep what was posted when they are closed."""
    if request.param == "spool":
        return f"memory:{tmp_path / 'spool.db'}"
    return request.getfixturevalue("kafka_url")


@pytest.fixture
async def bus(bus_url: str) -> AsyncIterator[MessageBus]:
    async with open_bus(bus_url) as opened:
        yield opened


@pytest.fixture
def new_name() -> str:
    return f"t{uuid4().hex}"


@pytest.fixture
async def topic(bus: MessageBus, new_name: str) -> str:
    await bus.ensure_topic(new_name, retention_ms=3_600_000)
    return new_name
