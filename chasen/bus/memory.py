"""The in-process bus: bytes in lists, bounded, with as few hops as possible.

No task and no queue stands between `post` and a waiting `peek`: the message goes
into a list and the reader's future is set.  With a spool (spool.py), messages
posted as durable are shown to consumers only after their transaction: nobody can
settle work that was never accepted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chasen.bus.log import (
    TOPIC_LIMIT_BYTES,
    TOPIC_LIMIT_MESSAGES,
    Group,
    Log,
    Topic,
)
from chasen.bus.size import MESSAGE_LIMIT_BYTES, message_size, too_large
from chasen.bus.spool import Spool, SpoolError, Write
from chasen.errors import BusUnavailable, ChasenError
from chasen.ports.bus import Received

log_ = logging.getLogger(__name__)

_NO_HEADERS: Mapping[str, bytes] = {}


@dataclass(slots=True)
class _Pending:
    """A message that waits for the spool, or behind one that does."""

    message: Received
    future: asyncio.Future[None] | None
    is_settled: bool
    error: ChasenError | None = None


class MemoryBus:
    """See `chasen.ports.bus.MessageBus`."""

    def __init__(self, spool: Spool | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._spool = spool
        self._topics: dict[str, Topic] = {}
        self._pending: dict[Log, deque[_Pending]] = {}
        self._fault: str | None = None
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._done.set_result(None)

    async def ensure_topic(
        self, topic: str, *, partitions: int = 1, retention_ms: int | None = None
    ) -> None:
        found = self._topic(topic)
        if found.is_made:
            return
        found.make(partitions, retention_ms)
        if self._spool is not None:
            await self._written(self._spool.make(found, retention_ms))

    def post(
        self,
        topic: str,
        body: bytes,
        *,
        headers: Mapping[str, bytes] | None = None,
        durable: bool = True,
    ) -> asyncio.Future[None]:
        found = self._topics.get(topic)
        size = message_size(body, headers)
        if found is None or not found.is_made or size > MESSAGE_LIMIT_BYTES:
            return self._refused(topic, size)
        log = found.next_log()
        if found.retention_s is not None:
            self._expire(found, log)
        if found.is_full:
            return self._failed(BusUnavailable(_full(topic)))
        found.count += 1
        found.size_bytes += len(body)
        offset = log.next_offset
        log.next_offset = offset + 1
        if offset >= log.ceiling and self._spool is not None:
            self._spool.reserve(found, log)
        message = Received(log.partition, offset, headers or _NO_HEADERS, body)
        if self._spool is not None and (durable or log in self._pending):
            return self._post_later(self._spool, found, log, message, durable=durable)
        found.append(log, message)
        return self._done

    @asynccontextmanager
    async def consumer(
        self, topic: str, *, group: str, max_peek: int, shared: bool = False
    ) -> AsyncGenerator[MemoryConsumer]:
        found = self._topic(topic)
        joined = found.group(group)
        joined.is_shared = shared
        consumer = MemoryConsumer(self, found, joined, max_peek)
        joined.members.append(consumer)
        joined.share_out()
        try:
            yield consumer
        finally:
            joined.members.remove(consumer)
            consumer.take_over(range(0))
            joined.share_out()

    @property
    def keeps_everything(self) -> bool:
        return False

    def fault(self) -> str | None:
        return self._fault

    async def commit(
        self, topic: Topic, group: Group, positions: Mapping[int, int]
    ) -> None:
        """Move the group forward, on disk too when there is something to forget."""
        before = list(group.committed)
        moved = topic.commit(group, positions)
        spool = self._spool
        if spool is None:
            return
        for partition, offset in moved.items():
            log = topic.logs[partition]
            if log.last_durable < before[partition]:
                continue
            floor = topic.floor(partition)
            await self._written(
                spool.commit(topic.name, partition, group.name, offset, floor)
            )

    def restore(self, topics: Sequence[Topic]) -> None:
        """Begin with what the spool kept."""
        self._topics = {topic.name: topic for topic in topics}

    def _topic(self, name: str) -> Topic:
        found = self._topics.get(name)
        if found is None:
            found = self._topics[name] = Topic(name)
        return found

    def _expire(self, topic: Topic, log: Log) -> None:
        if topic.expire(log, self._loop.time()) and self._spool is not None:
            floor = log.messages[0].offset if log.messages else log.next_offset
            if log.last_durable >= 0:
                self._spool.expire(topic.name, log.partition, floor)

    # Failing ---------------------------------------------------------------------

    def _refused(self, topic: str, size: int) -> asyncio.Future[None]:
        if size > MESSAGE_LIMIT_BYTES:
            return self._failed(too_large(size))
        return self._failed(BusUnavailable(f"The bus has no topic '{topic}' yet."))

    def _failed(self, error: ChasenError) -> asyncio.Future[None]:
        future = self._loop.create_future()
        _fail(future, error)
        return future

    # The spool -------------------------------------------------------------------

    def _post_later(
        self, spool: Spool, topic: Topic, log: Log, message: Received, *, durable: bool
    ) -> asyncio.Future[None]:
        """Show the message when it is on disk, and all before it are."""
        future = self._loop.create_future() if durable else None
        pending = _Pending(message, future, is_settled=not durable)
        self._pending.setdefault(log, deque()).append(pending)
        if future is None:
            return self._done
        log.last_durable = message.offset
        write = spool.post(topic.name, message)

        def written(error: SpoolError | None) -> None:
            self._note(error)
            pending.is_settled = True
            pending.error = _unavailable(error) if error else None
            self._show(topic, log)

        write.then = written
        return future

    def _show(self, topic: Topic, log: Log) -> None:
        queue = self._pending.get(log)
        while queue and queue[0].is_settled:
            pending = queue.popleft()
            if pending.error is None:
                topic.append(log, pending.message)
            else:
                topic.count -= 1
                topic.size_bytes -= len(pending.message.body)
            if pending.future is not None and not pending.future.done():
                if pending.error is None:
                    pending.future.set_result(None)
                else:
                    _fail(pending.future, pending.error)
        if not queue:
            self._pending.pop(log, None)

    async def _written(self, write: Write) -> None:
        """Raises BusUnavailable when the transaction failed."""
        future = self._loop.create_future()

        def written(error: SpoolError | None) -> None:
            self._note(error)
            if not future.done():
                future.set_result(error)

        write.then = written
        error = await future
        if error is not None:
            raise _unavailable(error)

    def _note(self, error: SpoolError | None) -> None:
        fault = None if error is None else str(error)
        if fault != self._fault:
            self._fault = fault
            log_.warning("spool changed", extra={"fault": fault})


class MemoryConsumer:
    """See `chasen.ports.bus.Consumer`."""

    def __init__(
        self, bus: MemoryBus, topic: Topic, group: Group, max_peek: int
    ) -> None:
        self._bus = bus
        self._topic = topic
        self._group = group
        self._max_peek = max_peek
        self._logs: list[Log] = []
        self._numbers: dict[int, int] = {}
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None

    async def peek(self, *, wait_s: float) -> Sequence[Received]:
        taken = self._take()
        if taken or wait_s <= 0:
            return taken
        self._waiter = waiter = self._loop.create_future()
        timer = self._loop.call_later(wait_s, self.wake)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
        return self._take()

    async def commit(self, positions: Mapping[int, int]) -> None:
        await self._bus.commit(self._topic, self._group, positions)

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def take_over(self, partitions: range) -> None:
        """Read these from now on; what is new begins at the committed offset."""
        for log in self._logs:
            log.readers.remove(self)
        self._logs = [self._topic.logs[partition] for partition in partitions]
        for log in self._logs:
            log.readers.append(self)
        committed = self._group.committed
        self._numbers = {
            log.partition: self._numbers.get(
                log.partition, log.number_of(committed[log.partition])
            )
            for log in self._logs
        }
        self.wake()

    def _take(self) -> list[Received]:
        taken: list[Received] = []
        for log in self._logs:
            room = self._max_peek - len(taken)
            start = max(self._numbers[log.partition] - log.dropped, 0)
            part = log.messages[start : start + room] if room else []
            if part:
                self._numbers[log.partition] = log.dropped + start + len(part)
                taken = taken + part if taken else part
        return taken


def _unavailable(error: SpoolError) -> BusUnavailable:
    """The path is for the operator (`fault`), not for users."""
    told = BusUnavailable()
    told.__cause__ = error
    return told


def _full(topic: str) -> str:
    return (
        f"The topic '{topic}' is full: {TOPIC_LIMIT_MESSAGES} messages or"
        f" {TOPIC_LIMIT_BYTES // 1024 // 1024} MiB wait to be taken."
        " Please try again."
    )


def _fail(future: asyncio.Future[None], error: ChasenError) -> None:
    future.set_exception(error)
    future.exception()  # nobody has to await it, and then nothing is reported


@asynccontextmanager
async def open_memory() -> AsyncGenerator[MemoryBus]:
    yield MemoryBus()


@asynccontextmanager
async def open_spooled(
    path: str, *, synchronous: str = "NORMAL"
) -> AsyncGenerator[MemoryBus]:
    """Raises BusUnavailable when the file cannot be used."""
    spool = Spool(path, synchronous=synchronous)
    try:
        topics = await spool.open()
    except SpoolError as error:
        raise BusUnavailable(str(error)) from error
    bus = MemoryBus(spool)
    bus.restore(topics)
    try:
        yield bus
    finally:
        await spool.close()
