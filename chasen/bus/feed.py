"""Reading a topic without losing a message and without waiting for each.

A feed hands out messages one after the other, at most `capacity` of them at a time,
and commits behind those that are settled.  Which offset that is, is offsets.py.
Source: MessageFeed in MessageConsumer.scala, which commits before it hands out.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from chasen.bus.offsets import OffsetTracker
from chasen.ports.bus import Consumer, MessageBus, Received

log = logging.getLogger(__name__)

COMMIT_EVERY_S = 0.05  # what is settled in between goes into one commit
PEEK_WAIT_S = 1.0  # OpenWhisk's long poll
STOP_LIMIT_S = 2.0  # a bus that is down must not hold up the end


class Delivery:
    """One message in the hands of its handler, until it settles it."""

    __slots__ = ("_feed", "received")

    def __init__(self, feed: MessageFeed, received: Received) -> None:
        self._feed = feed
        self.received = received

    def settle(self) -> None:
        """Say that the message need not come again; twice is the same as once."""
        self._feed._settle(self.received)


class MessageFeed:
    """Calls `handle` for each message of a topic, in order, without awaiting it.

    Run it as a task (`run`), or for the length of a block (`async with`).  When it
    ends it commits once more; what is not settled then comes again.
    """

    def __init__(
        self,
        bus: MessageBus,
        topic: str,
        group: str,
        handle: Callable[[Delivery], None],
        *,
        capacity: int,
        shared: bool = False,
    ) -> None:
        assert capacity > 0, capacity
        self._bus = bus
        self._topic = topic
        self._group = group
        self._handle = handle
        self._capacity = capacity
        self._shared = shared
        self._tracker = OffsetTracker()
        self._waiting: deque[Received] = deque()
        self._room: asyncio.Future[None] | None = None
        self._settled = asyncio.Event()
        self._owed: dict[int, int] = {}  # on its way to the bus
        self._task: asyncio.Task[None] | None = None

    @property
    def unsettled(self) -> int:
        """How many messages are with the handler."""
        return self._tracker.unsettled

    async def run(self) -> None:
        """Read until cancelled."""
        async with self._bus.consumer(
            self._topic,
            group=self._group,
            max_peek=self._capacity,
            shared=self._shared,
        ) as consumer:
            try:
                async with asyncio.TaskGroup() as tasks:
                    name = f"{self._topic}/{self._group}"
                    tasks.create_task(self._commit(consumer), name=f"commit:{name}")
                    tasks.create_task(self._read(consumer), name=f"read:{name}")
            finally:
                await self._commit_last(consumer)

    async def __aenter__(self) -> Self:
        name = f"feed:{self._topic}/{self._group}"
        self._task = asyncio.create_task(self.run(), name=name)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _read(self, consumer: Consumer) -> None:
        while True:
            if not self._waiting:
                self._waiting.extend(await consumer.peek(wait_s=PEEK_WAIT_S))
                await asyncio.sleep(0)  # peek need not wait; others want to run too
            while self._waiting and self._tracker.unsettled < self._capacity:
                self._hand_out(self._waiting.popleft())
            if self._tracker.unsettled >= self._capacity:
                await self._some_room()

    def _hand_out(self, received: Received) -> None:
        self._tracker.delivered(received.partition, received.offset)
        try:
            self._handle(Delivery(self, received))
        except Exception:
            # Coming again would only fail again, and stop all that is behind it.
            log.exception(
                "message dropped: its handler failed",
                extra={
                    "topic": self._topic,
                    "partition": received.partition,
                    "offset": received.offset,
                },
            )
            self._settle(received)

    def _settle(self, received: Received) -> None:
        self._tracker.settled(received.partition, received.offset)
        self._settled.set()
        room = self._room
        if room is not None and not room.done():
            room.set_result(None)

    async def _some_room(self) -> None:
        self._room = asyncio.get_running_loop().create_future()
        try:
            await self._room
        finally:
            self._room = None

    async def _commit(self, consumer: Consumer) -> None:
        while True:
            await self._settled.wait()
            await asyncio.sleep(COMMIT_EVERY_S)
            self._settled.clear()
            self._owed = self._tracker.take_positions()
            if self._owed:
                await consumer.commit(self._owed)
                self._owed = {}

    async def _commit_last(self, consumer: Consumer) -> None:
        positions = self._owed | self._tracker.take_positions()
        if not positions:
            return
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await consumer.commit(positions)
        except TimeoutError:
            log.warning("last commit lost", extra={"topic": self._topic})
