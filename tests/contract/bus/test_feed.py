"""MessageFeed on every bus: what settles, what comes again, what stops it."""

from __future__ import annotations

import asyncio
import logging

import pytest
from contract.bus.reading import bodies, nothing_more, post_all, read, until

from chasen.bus.feed import Delivery, MessageFeed
from chasen.ports.bus import MessageBus

pytestmark = pytest.mark.anyio


class Handler:
    """Keeps what it was given, until told to settle it."""

    def __init__(self) -> None:
        self.held: list[Delivery] = []
        self.seen: list[bytes] = []

    def __call__(self, delivery: Delivery) -> None:
        self.seen.append(delivery.received.body)
        self.held.append(delivery)

    def settle(self, body: bytes) -> None:
        delivery = next(each for each in self.held if each.received.body == body)
        delivery.settle()

    async def saw(self, count: int) -> None:
        await until(lambda: len(self.seen) >= count, limit_s=15)


def feed(
    bus: MessageBus, topic: str, handler: Handler, *, capacity: int = 100
) -> MessageFeed:
    return MessageFeed(bus, topic, "g", handler, capacity=capacity)


async def test_what_settled_out_of_order_is_committed_as_far_as_it_goes(
    bus: MessageBus, topic: str
) -> None:
    await post_all(bus, topic, b"a", b"b", b"c", b"d")
    handler = Handler()
    async with feed(bus, topic, handler):
        await handler.saw(4)
        for body in (b"d", b"a", b"b"):
            handler.settle(body)

    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        assert bodies(await read(consumer, 2)) == [b"c", b"d"]


async def test_all_settled_means_nothing_comes_again(
    bus: MessageBus, topic: str
) -> None:
    handler = Handler()
    async with feed(bus, topic, handler):
        await post_all(bus, topic, b"a", b"b", b"c")
        await handler.saw(3)
        for delivery in handler.held:
            delivery.settle()
            delivery.settle()

    assert handler.seen == [b"a", b"b", b"c"]
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        assert await nothing_more(consumer)


async def test_commits_happen_while_it_runs(bus: MessageBus, topic: str) -> None:
    """A process that is killed has no last commit."""
    await post_all(bus, topic, b"a", b"b")
    handler = Handler()
    async with feed(bus, topic, handler) as running:
        await handler.saw(2)
        handler.settle(b"a")
        assert running.unsettled == 1
        await asyncio.sleep(0.5)

        async with bus.consumer(topic, group="g", max_peek=10) as second:
            assert bodies(await read(second, 1)) == [b"b"]


async def test_no_more_than_the_capacity_is_handed_out(
    bus: MessageBus, topic: str
) -> None:
    await post_all(bus, topic, *(b"%d" % number for number in range(10)))
    handler = Handler()
    async with feed(bus, topic, handler, capacity=3) as running:
        await handler.saw(3)
        await asyncio.sleep(0.3)
        assert len(handler.seen) == 3

        handler.settle(b"1")
        await handler.saw(4)
        await asyncio.sleep(0.1)
        assert len(handler.seen) == 4
        assert running.unsettled == 3

        while len(handler.seen) < 10:
            handler.held.pop(0).settle()
            await asyncio.sleep(0.01)

    assert handler.seen == [b"%d" % number for number in range(10)]


async def test_a_message_whose_handler_fails_is_logged_and_left_behind(
    bus: MessageBus, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bytes] = []

    def handle(delivery: Delivery) -> None:
        seen.append(delivery.received.body)
        if delivery.received.body == b"poison":
            raise ValueError("cannot be decoded")
        delivery.settle()

    with caplog.at_level(logging.ERROR, logger="chasen.bus.feed"):
        async with MessageFeed(bus, topic, "g", handle, capacity=5):
            await post_all(bus, topic, b"a", b"poison", b"b")
            await until(lambda: len(seen) == 3, limit_s=15)

    (record,) = caplog.records
    assert record.__dict__["topic"] == topic
    assert record.__dict__["partition"] == 0
    assert isinstance(record.__dict__["offset"], int)
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        assert await nothing_more(consumer)


async def test_the_feed_of_a_shared_group_takes_every_message(
    bus: MessageBus, new_name: str
) -> None:
    await bus.ensure_topic(new_name, partitions=3, retention_ms=60_000)
    handler = Handler()
    async with MessageFeed(bus, new_name, "g", handler, capacity=50, shared=True):
        await post_all(bus, new_name, *(b"%d" % number for number in range(30)))
        await handler.saw(30)

    assert sorted(handler.seen) == sorted(b"%d" % number for number in range(30))


async def test_a_feed_ends_when_it_is_cancelled_while_full(
    bus: MessageBus, topic: str
) -> None:
    await post_all(bus, topic, b"a", b"b")
    handler = Handler()
    running = asyncio.ensure_future(feed(bus, topic, handler, capacity=1).run())
    await handler.saw(1)

    running.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([running])

    assert running.cancelled()
