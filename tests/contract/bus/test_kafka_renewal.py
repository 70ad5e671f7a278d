"""When the library's own tasks end with an error, new ones take over.

These tests break its private parts on purpose: there is no other way to reach
states that it should not have.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from contract.bus.reading import bodies, post_all, read, until

from chasen.bus.kafka import KafkaBus
from chasen.bus.kafka_consumer import KafkaConsumer
from chasen.bus.open import open_bus
from chasen.errors import BusUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]


@pytest.fixture
async def deaf_loop() -> AsyncIterator[None]:
    """The library stumbles again where it reports its failure, which is not ours."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda *_: None)
    yield
    loop.set_exception_handler(before)


@pytest.mark.usefixtures("deaf_loop")
async def test_a_producer_whose_sender_failed_is_made_anew(
    kafka_url: str, new_name: str
) -> None:
    async with open_bus(kafka_url) as bus:
        assert isinstance(bus, KafkaBus)
        await bus.ensure_topic(new_name, retention_ms=60_000)
        await bus.post(new_name, b"before")
        first = bus._keeper.producer
        assert first is not None

        def fail(**_: object) -> None:
            raise RuntimeError("the sender fails")

        first._message_accumulator.drain_by_nodes = fail

        with pytest.raises(BusUnavailable):
            await bus.post(new_name, b"at the wrong moment")
        await until(lambda: bus._keeper.producer not in (None, first), limit_s=5)
        await post_all(bus, new_name, b"after")

        async with bus.consumer(new_name, group="g", max_peek=10) as consumer:
            assert bodies(await read(consumer, 2)) == [b"before", b"after"]


async def test_a_consumer_whose_fetcher_ended_goes_on_where_it_was(
    kafka_url: str, new_name: str
) -> None:
    async with open_bus(kafka_url) as bus:
        await bus.ensure_topic(new_name, retention_ms=60_000)
        async with bus.consumer(new_name, group="g", max_peek=10) as consumer:
            assert isinstance(consumer, KafkaConsumer)
            await post_all(bus, new_name, b"before")
            await read(consumer, 1)

            inner = consumer._consumer
            assert inner is not None
            assert inner._fetcher is not None
            inner._fetcher._fetch_task.cancel()
            await asyncio.sleep(0.05)
            await post_all(bus, new_name, b"after")

            assert bodies(await read(consumer, 1)) == [b"after"]
