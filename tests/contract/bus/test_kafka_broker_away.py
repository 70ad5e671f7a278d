"""What holds when the broker dies, freezes, or was never there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

import pytest
from contract.bus.reading import bodies, post_all, read, until
from fixtures.kafka import Broker

from chasen.bus.open import open_bus
from chasen.errors import BusUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]

StartBroker = Callable[[], Broker]


async def test_a_killed_broker_loses_nothing_and_all_works_again(
    start_broker: StartBroker, new_name: str
) -> None:
    """The heart of it: kill -9 under load, restart on the same data."""
    broker = await asyncio.to_thread(start_broker)
    acknowledged: list[bytes] = []
    refusals: list[float] = []
    is_over = False

    async with open_bus(broker.url) as bus:
        await bus.ensure_topic(new_name, retention_ms=3_600_000)

        async def post_all_the_time() -> None:
            number = 0
            while not is_over:
                number += 1
                body = b"%d" % number
                started = perf_counter()
                try:
                    await bus.post(new_name, body)
                    acknowledged.append(body)
                except BusUnavailable:
                    refusals.append(perf_counter() - started)
                await asyncio.sleep(0.01)

        async with bus.consumer(new_name, group="g", max_peek=100) as consumer:
            posting = asyncio.create_task(post_all_the_time())
            taken: list[bytes] = bodies(await read(consumer, 20))

            killed = perf_counter()
            await asyncio.to_thread(broker.kill)
            await until(lambda: bus.fault() is not None, limit_s=4)
            assert perf_counter() - killed < 3.5
            assert await consumer.peek(wait_s=0.2) is not None
            await until(lambda: len(refusals) > 5, limit_s=4)
            before = len(acknowledged)
            await asyncio.to_thread(broker.start_again)
            await until(lambda: bus.fault() is None, limit_s=10)
            await until(lambda: len(acknowledged) > before + 20, limit_s=10)
            is_over = True
            await posting

            async with asyncio.timeout(20):
                while set(acknowledged) - set(taken):
                    messages = await consumer.peek(wait_s=0.5)
                    taken += bodies(list(messages))
            last = [int(body) for body in taken]

    assert max(refusals) < 3
    assert len(last) == len(set(last)), "a message was written twice"
    assert last == sorted(last)


async def test_what_was_committed_stays_committed_after_a_kill(
    start_broker: StartBroker, new_name: str
) -> None:
    broker = await asyncio.to_thread(start_broker)
    async with open_bus(broker.url) as bus:
        await bus.ensure_topic(new_name, retention_ms=3_600_000)
        async with bus.consumer(new_name, group="g", max_peek=10) as consumer:
            await post_all(bus, new_name, b"a", b"b")
            first, _ = await read(consumer, 2)
            await consumer.commit({0: first.offset + 1})
            await asyncio.to_thread(broker.kill)
            await consumer.commit({0: first.offset + 2})  # lost, and no error
            await asyncio.to_thread(broker.start_again)

    async with (
        open_bus(broker.url) as bus,
        bus.consumer(new_name, group="g", max_peek=10) as consumer,
    ):
        assert bodies(await read(consumer, 1)) == [b"b"]


async def test_a_commit_that_failed_is_made_good_by_the_next(
    start_broker: StartBroker, new_name: str
) -> None:
    broker = await asyncio.to_thread(start_broker)
    async with open_bus(broker.url) as bus:
        await bus.ensure_topic(new_name, partitions=2, retention_ms=3_600_000)
        async with bus.consumer(new_name, group="g", max_peek=10) as consumer:
            await post_all(bus, new_name, b"a", b"b")
            one, two = await read(consumer, 2)
            await asyncio.to_thread(broker.kill)
            await consumer.commit({one.partition: one.offset + 1})
            await asyncio.to_thread(broker.start_again)
            await until(lambda: bus.fault() is None, limit_s=10)
            await consumer.commit({two.partition: two.offset + 1})

        async with bus.consumer(new_name, group="g", max_peek=10) as consumer:
            await post_all(bus, new_name, b"c")
            assert bodies(await read(consumer, 1)) == [b"c"]


async def test_a_bus_opens_before_its_broker_and_finds_it(
    start_broker: StartBroker, new_name: str
) -> None:
    broker = await asyncio.to_thread(start_broker)
    await asyncio.to_thread(broker.kill)

    async with open_bus(broker.url) as bus:
        assert bus.fault() is not None
        started = perf_counter()
        with pytest.raises(BusUnavailable):
            await bus.ensure_topic(new_name, retention_ms=60_000)
        with pytest.raises(BusUnavailable):
            await bus.post(new_name, b"refused")
        assert perf_counter() - started < 4
        async with bus.consumer(new_name, group="g", max_peek=10) as consumer:
            assert not await consumer.peek(wait_s=0.2)

            await asyncio.to_thread(broker.start_again)
            await until(lambda: bus.fault() is None, limit_s=10)
            await bus.ensure_topic(new_name, retention_ms=60_000)
            await post_all(bus, new_name, b"works")

            assert bodies(await read(consumer, 1)) == [b"works"]


async def test_a_frozen_broker_is_a_fault_and_thaws_without_doubles(
    start_broker: StartBroker, new_name: str
) -> None:
    """It keeps its connections open and says nothing: only limits help."""
    broker = await asyncio.to_thread(start_broker)
    async with open_bus(broker.url) as bus:
        await bus.ensure_topic(new_name, retention_ms=60_000)
        await post_all(bus, new_name, b"before")
        broker.freeze()
        started = perf_counter()

        with pytest.raises(BusUnavailable):
            await bus.post(new_name, b"perhaps")
        assert perf_counter() - started < 3
        await until(lambda: bus.fault() is not None, limit_s=4)
        assert perf_counter() - started < 3.5

        await asyncio.sleep(6)  # longer than the library waits for an answer
        broker.thaw()
        await until(lambda: bus.fault() is None, limit_s=10)
        await post_all(bus, new_name, b"after")
        async with bus.consumer(new_name, group="g", max_peek=10) as consumer:
            taken: list[bytes] = []
            async with asyncio.timeout(15):
                while b"after" not in taken:
                    taken += bodies(list(await consumer.peek(wait_s=0.5)))

    assert taken in ([b"before", b"after"], [b"before", b"perhaps", b"after"])


async def test_a_long_absence_is_survived(
    start_broker: StartBroker, new_name: str
) -> None:
    """After ten seconds the producer is thrown away and made anew."""
    broker = await asyncio.to_thread(start_broker)
    async with open_bus(broker.url) as bus:
        await bus.ensure_topic(new_name, retention_ms=3_600_000)
        async with bus.consumer(new_name, group="g", max_peek=10) as consumer:
            await post_all(bus, new_name, b"before")
            await read(consumer, 1)
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(14)
            await asyncio.to_thread(broker.start_again)
            await until(lambda: bus.fault() is None, limit_s=10)
            await post_all(bus, new_name, b"after")

            assert bodies(await read(consumer, 1)) == [b"after"]
