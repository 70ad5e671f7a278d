"""The in-process bus does not eat the house: full topics and old messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from contract.bus.reading import bodies, post_all, read

from chasen.bus.open import open_bus
from chasen.errors import BusUnavailable
from chasen.ports.bus import MessageBus

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory:", "memory:{folder}/spool.db"], ids=["memory", "spool"])
async def bus(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[MessageBus]:
    async with open_bus(request.param.format(folder=tmp_path)) as opened:
        yield opened


async def test_a_topic_takes_ten_thousand_messages_and_more_after_a_commit(
    bus: MessageBus,
) -> None:
    await bus.ensure_topic("t")
    await post_all(bus, "t", *(b"%d" % number for number in range(10_000)))

    with pytest.raises(BusUnavailable, match="10000 messages or 64 MiB"):
        await bus.post("t", b"too many")

    async with bus.consumer("t", group="g", max_peek=10_000) as consumer:
        taken = await read(consumer, 10_000)
        await consumer.commit({0: taken[0].offset + 1})
        await bus.post("t", b"one more")
        with pytest.raises(BusUnavailable):
            await bus.post("t", b"too many again", durable=False)
        assert bodies(await read(consumer, 1)) == [b"one more"]


async def test_a_topic_takes_64_mebibytes(bus: MessageBus) -> None:
    await bus.ensure_topic("t")
    body = b"x" * 1024 * 1024
    for _ in range(64):
        await bus.post("t", body, durable=False)

    with pytest.raises(BusUnavailable, match="full"):
        await bus.post("t", b"little")

    async with bus.consumer("t", group="g", max_peek=100) as consumer:
        taken = await read(consumer, 64)
        await consumer.commit({0: taken[-1].offset + 1})
        await bus.post("t", b"little")


async def test_a_full_topic_does_not_stop_the_others(bus: MessageBus) -> None:
    await bus.ensure_topic("full")
    await bus.ensure_topic("free")
    await post_all(bus, "full", *[b"x"] * 10_000)

    await post_all(bus, "free", b"goes on")


async def test_messages_older_than_the_retention_make_room(bus: MessageBus) -> None:
    """Pings of a controller that is gone must not fill the topic."""
    await bus.ensure_topic("t", retention_ms=500)
    await post_all(bus, "t", *[b"old"] * 10_000)

    await asyncio.sleep(1)
    await post_all(bus, "t", *[b"new"] * 9_000)

    async with bus.consumer("t", group="late", max_peek=10_000) as consumer:
        assert set(bodies(await read(consumer, 9_000))) == {b"new"}
