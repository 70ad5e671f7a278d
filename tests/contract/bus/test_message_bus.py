"""The contract of chasen/ports/bus.py, on every adapter."""

from __future__ import annotations

import asyncio
import gc
from time import perf_counter

import pytest
from contract.bus.reading import bodies, nothing_more, post_all, read

from chasen.bus.open import open_bus
from chasen.bus.size import MESSAGE_LIMIT_BYTES
from chasen.errors import BusUnavailable, TooLarge
from chasen.ports.bus import BUS_TIMEOUT_S, MessageBus

pytestmark = pytest.mark.anyio

NUMBERS = [b"%d" % number for number in range(200)]


async def test_messages_come_in_the_order_of_the_calls(
    bus: MessageBus, topic: str
) -> None:
    """Durable or not: they share one queue."""
    async with bus.consumer(topic, group="g", max_peek=50) as consumer:
        for place, body in enumerate(NUMBERS):
            bus.post(topic, body, durable=place % 3 == 0)

        taken = await read(consumer, len(NUMBERS))

    assert bodies(taken) == NUMBERS
    offsets = [message.offset for message in taken]
    assert offsets == sorted(set(offsets))


async def test_a_peek_answers_at_most_max_peek(bus: MessageBus, topic: str) -> None:
    await post_all(bus, topic, *NUMBERS)

    async with bus.consumer(topic, group="g", max_peek=7) as consumer:
        sizes = []
        while sum(sizes) < len(NUMBERS):
            sizes.append(len(await consumer.peek(wait_s=2)))

    assert max(sizes) == 7


async def test_a_waiting_peek_ends_when_a_message_comes(
    bus: MessageBus, topic: str
) -> None:
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        await post_all(bus, topic, b"first")
        await read(consumer, 1)
        started = perf_counter()
        asyncio.get_running_loop().call_later(0.3, bus.post, topic, b"second")

        taken = await consumer.peek(wait_s=10)

    assert bodies(list(taken)) == [b"second"]
    assert 0.25 < perf_counter() - started < 2


async def test_an_empty_topic_answers_nothing_after_the_wait(
    bus: MessageBus, topic: str
) -> None:
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        started = perf_counter()

        taken = await consumer.peek(wait_s=0.3)

    assert not taken
    assert 0.2 < perf_counter() - started < 1.5


async def test_uncommitted_messages_come_again_and_committed_ones_never(
    bus: MessageBus, topic: str
) -> None:
    await post_all(bus, topic, b"a", b"b", b"c")
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        first = await read(consumer, 3)

    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        again = await read(consumer, 3)
        await consumer.commit({0: again[1].offset + 1})

    assert again == first
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        assert bodies(await read(consumer, 1)) == [b"c"]
        await consumer.commit({0: again[2].offset + 1})
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        assert await nothing_more(consumer)


async def test_a_consumer_goes_on_behind_what_it_peeked(
    bus: MessageBus, topic: str
) -> None:
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        await post_all(bus, topic, b"a")
        await read(consumer, 1)
        await post_all(bus, topic, b"b")

        assert bodies(await read(consumer, 1)) == [b"b"]


async def test_every_group_sees_every_message(bus: MessageBus, topic: str) -> None:
    """One group's commit takes nothing from the other."""
    async with (
        bus.consumer(topic, group="one", max_peek=500) as one,
        bus.consumer(topic, group="two", max_peek=500) as two,
    ):
        await post_all(bus, topic, *NUMBERS)
        taken = await read(one, len(NUMBERS))
        await one.commit({0: taken[-1].offset + 1})

        assert bodies(await read(two, len(NUMBERS))) == NUMBERS


async def test_a_new_group_starts_at_the_oldest_message(
    bus: MessageBus, topic: str
) -> None:
    await post_all(bus, topic, b"before")

    async with bus.consumer(topic, group="late", max_peek=10) as consumer:
        assert bodies(await read(consumer, 1)) == [b"before"]


async def test_headers_and_empty_bodies_arrive_as_they_were(
    bus: MessageBus, topic: str
) -> None:
    headers = {"id": b"1f" * 16, "raw": bytes(range(256)), "empty": b""}
    await bus.post(topic, b"", headers=headers)

    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        (taken,) = await read(consumer, 1)

    assert (taken.partition, taken.body, dict(taken.headers)) == (0, b"", headers)


async def test_a_body_of_a_mebibyte_arrives_whole(bus: MessageBus, topic: str) -> None:
    """The largest payload, with what an activation message puts around it."""
    body = bytes(range(256)) * 4 * 1024 + b"h" * 65536
    headers = {"id": b"f" * 32}
    await bus.post(topic, body, headers=headers)
    await bus.post(topic, b"small")

    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        taken = await read(consumer, 2)

    assert bodies(taken) == [body, b"small"]


async def test_the_largest_message_is_taken_and_one_above_is_refused(
    bus: MessageBus, topic: str
) -> None:
    fits = b"x" * (MESSAGE_LIMIT_BYTES - 1000)
    await bus.post(topic, fits)

    with pytest.raises(TooLarge):
        await bus.post(topic, b"x" * MESSAGE_LIMIT_BYTES)

    await bus.post(topic, b"after")
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        assert bodies(await read(consumer, 2)) == [fits, b"after"]


async def test_an_unknown_topic_is_unavailable_in_time(
    bus: MessageBus, new_name: str
) -> None:
    started = perf_counter()

    with pytest.raises(BusUnavailable, match=new_name):
        await bus.post(new_name, b"nobody made it")

    assert perf_counter() - started < BUS_TIMEOUT_S + 0.5
    assert bus.fault() is None


async def test_a_consumer_may_come_before_the_topic(
    bus: MessageBus, new_name: str
) -> None:
    async with bus.consumer(new_name, group="g", max_peek=10) as consumer:
        assert not await consumer.peek(wait_s=0.2)

        await bus.ensure_topic(new_name, retention_ms=60_000)
        await post_all(bus, new_name, b"here")

        assert bodies(await read(consumer, 1)) == [b"here"]


async def test_making_a_topic_twice_keeps_what_is_in_it(
    bus: MessageBus, topic: str
) -> None:
    await post_all(bus, topic, b"kept")

    await bus.ensure_topic(topic, retention_ms=3_600_000)

    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        assert bodies(await read(consumer, 1)) == [b"kept"]


async def test_members_of_a_group_divide_the_partitions(
    bus: MessageBus, new_name: str
) -> None:
    """Each message comes to one of them, and each of them has work."""
    await bus.ensure_topic(new_name, partitions=4, retention_ms=60_000)
    async with (
        bus.consumer(new_name, group="g", max_peek=10, shared=True) as one,
        bus.consumer(new_name, group="g", max_peek=10, shared=True) as two,
    ):
        taken: dict[str, set[bytes]] = {"one": set(), "two": set()}
        partitions: dict[str, set[int]] = {"one": set(), "two": set()}
        numbers = iter(range(100_000))
        sent: set[bytes] = set()

        async def take(name: str) -> None:
            consumer = one if name == "one" else two
            for message in await consumer.peek(wait_s=0.2):
                taken[name].add(message.body)
                partitions[name].add(message.partition)
                await consumer.commit({message.partition: message.offset + 1})

        async with asyncio.timeout(30):
            while not (taken["one"] and taken["two"]):
                body = b"%d" % next(numbers)
                sent.add(body)
                await bus.post(new_name, body)
                await asyncio.gather(take("one"), take("two"))
        async with asyncio.timeout(15):
            while taken["one"] | taken["two"] != sent:
                await asyncio.gather(take("one"), take("two"))


async def test_a_member_that_left_hands_its_partitions_over(
    bus: MessageBus, new_name: str
) -> None:
    """With what it had peeked and not committed."""
    await bus.ensure_topic(new_name, partitions=2, retention_ms=60_000)
    async with bus.consumer(new_name, group="g", max_peek=99, shared=True) as stays:
        async with bus.consumer(new_name, group="g", max_peek=99, shared=True) as goes:
            held: set[bytes] = set()
            async with asyncio.timeout(30):
                while not held:
                    await bus.post(new_name, b"%d" % len(held))
                    await bus.post(new_name, b"x%d" % len(held))
                    held |= set(bodies(list(await goes.peek(wait_s=0.2))))
                    await stays.peek(wait_s=0.2)

        async with asyncio.timeout(30):
            while held:
                held -= set(bodies(list(await stays.peek(wait_s=0.5))))


async def test_alone_one_consumer_has_every_partition(
    bus: MessageBus, new_name: str
) -> None:
    await bus.ensure_topic(new_name, partitions=3, retention_ms=60_000)
    await post_all(bus, new_name, *NUMBERS[:30])

    async with bus.consumer(new_name, group="g", max_peek=99) as consumer:
        taken = await read(consumer, 30)
        ends = {message.partition: message.offset + 1 for message in taken}
        await consumer.commit(ends)

    assert sorted(bodies(taken)) == sorted(NUMBERS[:30])
    assert set(ends) == {0, 1, 2}
    async with bus.consumer(new_name, group="g", max_peek=99) as consumer:
        assert await nothing_more(consumer)


async def test_a_failure_that_nobody_awaits_is_not_reported(
    bus: MessageBus, topic: str
) -> None:
    reports: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reports.append(context))

    bus.post(topic, b"x" * MESSAGE_LIMIT_BYTES)
    gc.collect()
    await asyncio.sleep(0.05)

    assert reports == []


async def test_a_cancelled_wait_does_no_harm(bus: MessageBus, topic: str) -> None:
    """Neither to a post, whose client hung up, nor to a peek."""
    bus.post(topic, b"cancelled").cancel()
    async with bus.consumer(topic, group="g", max_peek=10) as consumer:
        waiting = asyncio.ensure_future(consumer.peek(wait_s=30))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await post_all(bus, topic, b"after")

        taken: list[bytes] = []
        async with asyncio.timeout(15):
            while b"after" not in taken:
                taken += bodies(list(await consumer.peek(wait_s=0.5)))

    assert taken in ([b"after"], [b"cancelled", b"after"])


async def test_a_bus_opens_and_closes_without_use(bus_url: str) -> None:
    async with open_bus(bus_url) as opened:
        assert opened.fault() is None


async def test_closing_waits_for_what_was_posted(
    lasting_bus_url: str, new_name: str
) -> None:
    bus_url = lasting_bus_url
    async with open_bus(bus_url) as first:
        await first.ensure_topic(new_name, retention_ms=60_000)
        futures = [first.post(new_name, body) for body in NUMBERS]

    assert all(future.done() for future in futures)
    async with (
        open_bus(bus_url) as second,
        second.consumer(new_name, group="g", max_peek=500) as consumer,
    ):
        assert bodies(await read(consumer, len(NUMBERS))) == NUMBERS
