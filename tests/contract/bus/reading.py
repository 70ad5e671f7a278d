"""Small words for the tests of the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chasen.ports.bus import Consumer, MessageBus, Received


async def read(
    consumer: Consumer, count: int, *, limit_s: float = 15
) -> list[Received]:
    """Peek until so many messages came."""
    taken: list[Received] = []
    async with asyncio.timeout(limit_s):
        while len(taken) < count:
            taken.extend(await consumer.peek(wait_s=0.5))
    assert len(taken) == count, [message.body for message in taken]
    return taken


async def nothing_more(consumer: Consumer) -> bool:
    """Nothing comes within a second."""
    return not await consumer.peek(wait_s=0.5) and not await consumer.peek(wait_s=0.5)


async def post_all(bus: MessageBus, topic: str, *bodies: bytes) -> None:
    futures = [bus.post(topic, body) for body in bodies]
    for future in futures:
        await future


async def until(condition: Callable[[], bool], *, limit_s: float) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def bodies(messages: list[Received]) -> list[bytes]:
    return [message.body for message in messages]
