"""The bus on Kafka: one producer, its watchdog, and the making of topics.

aiokafka does the work.  What stands here is what it leaves open: a post that never
waits, a limit on how long a broker may stay silent, and starting anew when the
library's producer has given up.  Consumers are kafka_consumer.py.

`post` drives the coroutine `AIOKafkaProducer.send` by hand, because with a known
topic and room in the batch it ends without waiting: 10 us for each message instead
of 170 with a task and an awaited acknowledgement (ratio 15, measured).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
)

from chasen.bus.kafka_consumer import KafkaConsumer
from chasen.bus.kafka_topics import make_topic
from chasen.bus.size import MESSAGE_LIMIT_BYTES, message_size, too_large
from chasen.errors import BusUnavailable, ChasenError
from chasen.ports.bus import BUS_TIMEOUT_S, Consumer

log = logging.getLogger(__name__)

PROBE_EVERY_S = 0.75
PROBE_LIMIT_S = 1.5  # with twice the line above: a frozen broker is known within 3 s
RENEW_AFTER_S = 10.0  # then all addresses are tried again, and all state is dropped
RETRY_S = 0.5
STOP_LIMIT_S = 3.0
SWEEP_EVERY_S = 0.2
POST_LIMIT_S = BUS_TIMEOUT_S - 2 * SWEEP_EVERY_S
# Longer than anybody waits for us: a broker that was frozen for a moment gets the
# same batch again, with the same sequence number, and keeps one.
REQUEST_TIMEOUT_MS = 5000
# What one request to the broker holds at most; far below max.message.bytes.
BATCH_BYTES = 256 * 1024
BACKLOG_LIMIT = 10_000  # messages that wait for a full batch or an unknown topic


@dataclass(slots=True)
class _Post:
    topic: str
    body: bytes
    headers: list[tuple[str, bytes]]
    future: asyncio.Future[None]
    until: float


class KafkaBus:
    """See `chasen.ports.bus.MessageBus`; open it with `async with`."""

    def __init__(self, servers: str, *, replication: int = 1) -> None:
        self._servers = servers
        self._replication = replication
        self._fault: str | None = f"Kafka at {servers} has not answered yet."
        self._was_told: str | None = None
        self._last_answer_s = 0.0
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._backlogs: dict[str, deque[_Post]] = {}
        self._open: deque[_Post] = deque()  # in the order of their time limits
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        _quiet_library()
        self._loop = asyncio.get_running_loop()
        self._spoiled = asyncio.Event()
        self._tried = asyncio.Event()
        self._own(self._keep(), name="kafka:keep")
        self._own(self._sweep(), name="kafka:sweep")
        with suppress(TimeoutError):
            async with asyncio.timeout(BUS_TIMEOUT_S):
                await self._tried.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_LIMIT_S):
                await self._flush()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        while self._open:
            _fail(self._open.popleft().future, BusUnavailable())

    async def ensure_topic(
        self, topic: str, *, partitions: int = 1, retention_ms: int | None = None
    ) -> None:
        """Raises BusUnavailable after BUS_TIMEOUT_S."""
        try:
            async with asyncio.timeout(BUS_TIMEOUT_S):
                await make_topic(
                    self._servers,
                    topic,
                    partitions=partitions,
                    replication=self._replication,
                    retention_ms=retention_ms,
                )
                await self._known(topic)
        except TimeoutError as error:
            raise BusUnavailable() from error

    def post(
        self,
        topic: str,
        body: bytes,
        *,
        headers: Mapping[str, bytes] | None = None,
        durable: bool = True,
    ) -> asyncio.Future[None]:
        """Kafka keeps everything, so ``durable`` makes no difference."""
        future: asyncio.Future[None] = self._loop.create_future()
        if self._fault is not None:
            return _fail(future, BusUnavailable())  # addresses are not for users
        size = message_size(body, headers)
        if size > MESSAGE_LIMIT_BYTES:
            return _fail(future, too_large(size))
        until = self._loop.time() + POST_LIMIT_S
        pairs = list(headers.items()) if headers else []
        post = _Post(topic, body, pairs, future, until)
        self._open.append(post)
        backlog = self._backlogs.get(topic)
        if backlog is None and self._send_at_once(post):
            return future
        if backlog is None:
            backlog = self._backlogs[topic] = deque()
            self._own(self._work_off(topic, backlog), name=f"kafka:backlog:{topic}")
        if len(backlog) >= BACKLOG_LIMIT:
            return _fail(future, BusUnavailable())
        backlog.append(post)
        return future

    def consumer(
        self, topic: str, *, group: str, max_peek: int, shared: bool = False
    ) -> AbstractAsyncContextManager[Consumer]:
        return KafkaConsumer(
            self._servers,
            topic,
            # Offsets of a group are kept for each topic, its members are not: two
            # topics with one group would disturb each other.
            group=f"{topic}.{group}",
            max_peek=max_peek,
            is_shared=shared,
        )

    def fault(self) -> str | None:
        return self._fault

    # Posting ---------------------------------------------------------------------

    def _send_at_once(self, post: _Post) -> bool:
        """Answer whether the producer took it without waiting."""
        producer = self._producer
        if producer is None or post.topic not in self._partitions:
            return False
        sending = self._sending(producer, post)
        try:
            sending.send(None)
        except StopIteration as ended:
            self._follow(post, ended.value)
            return True
        except KafkaError as error:
            self._refused(error)
            return False
        sending.close()  # the batch is full; nothing of this message is in it
        return False

    def _sending(self, producer: AIOKafkaProducer, post: _Post) -> Any:
        count = self._partitions[post.topic]
        partition = 0
        if count > 1:
            partition = self._turns.get(post.topic, -1) + 1
            self._turns[post.topic] = partition = partition % count
        return producer.send(
            post.topic, post.body, partition=partition, headers=post.headers
        )

    async def _work_off(self, topic: str, backlog: deque[_Post]) -> None:
        """Send what could not be sent at once, in order, while anybody waits."""
        try:
            while backlog:
                post = backlog[0]
                if not post.future.done() and not await self._sent_late(post):
                    await asyncio.sleep(RETRY_S / 5)
                    continue
                backlog.popleft()
        finally:
            del self._backlogs[topic]

    async def _sent_late(self, post: _Post) -> bool:
        producer = self._producer
        if producer is None or not await self._learn(post.topic):
            return False
        try:
            async with asyncio.timeout_at(post.until):
                self._follow(post, await self._sending(producer, post))
        except TimeoutError:
            return False
        except KafkaError as error:
            self._refused(error)
            return False
        return True

    def _refused(self, error: BaseException) -> None:
        if not getattr(error, "retriable", False):
            # The broker counts an idempotent producer's messages.  One that it
            # refused leaves a gap, and it would refuse all that follow.
            log.warning("kafka refused a message", extra={"error": repr(error)})
            self._spoiled.set()

    async def _known(self, topic: str) -> None:
        while True:
            if await self._learn(topic):
                return
            await asyncio.sleep(RETRY_S / 10)

    async def _learn(self, topic: str) -> bool:
        """Answer whether the topic is known, and remember its partitions."""
        producer = self._producer
        if producer is None:
            return False
        try:
            async with asyncio.timeout(POST_LIMIT_S):
                self._partitions[topic] = len(await producer.partitions_for(topic))
        except (KafkaError, TimeoutError) as error:
            log.debug("topic unknown: %r", error)
            return False
        return True

    def _follow(self, post: _Post, sent: asyncio.Future[Any]) -> None:
        sent.add_done_callback(partial(self._ended, post.future))

    def _ended(self, future: asyncio.Future[None], sent: asyncio.Future[Any]) -> None:
        error = sent.exception()
        if error is None:
            self._last_answer_s = self._loop.time()
            if not future.done():
                future.set_result(None)
            return
        self._refused(error)
        if future.done():
            return
        if isinstance(error, MessageSizeTooLargeError):
            _fail(future, too_large(MESSAGE_LIMIT_BYTES + 1))
        else:
            told = BusUnavailable()
            told.__cause__ = error
            _fail(future, told)

    async def _sweep(self) -> None:
        """Fail what has waited too long; the limits lie in order."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            now = self._loop.time()
            while self._open and (
                self._open[0].future.done() or self._open[0].until <= now
            ):
                post = self._open.popleft()
                if not post.future.done():
                    _fail(post.future, BusUnavailable(self._late(post.topic)))

    def _late(self, topic: str) -> str | None:
        if self._fault is None and topic not in self._partitions:
            return f"The bus has no topic '{topic}' yet."
        return None

    async def _flush(self) -> None:
        while self._fault is None and self._open:
            if self._open[0].future.done():
                self._open.popleft()
            else:
                await asyncio.wait([self._open[0].future])

    # Watching --------------------------------------------------------------------

    async def _keep(self) -> None:
        """Have a producer, for ever: connect, watch it, throw it away."""
        while True:
            producer = await self._connect()
            self._spoiled.clear()
            self._producer = producer
            self._say(None)
            try:
                await self._watch(producer)
            finally:
                self._producer = None
                await _discard(producer)

    async def _connect(self) -> AIOKafkaProducer:
        while True:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                client_id="chasen",
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                max_batch_size=BATCH_BYTES,
                max_request_size=MESSAGE_LIMIT_BYTES,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                    await producer.start()
                return producer
            except (KafkaError, OSError, TimeoutError) as error:
                await _discard(producer)
                self._say(f"Kafka at {self._servers} is not reachable: {_why(error)}.")
            except BaseException:
                await _discard(producer)
                raise
            await asyncio.sleep(RETRY_S)

    async def _watch(self, producer: AIOKafkaProducer) -> None:
        """Ask each second whether somebody is there; ends when to start anew."""
        silent_since: float | None = None
        while not self._spoiled.is_set():
            if await self._answers(producer):
                silent_since = None
                self._say(None)
            else:
                silent_since = silent_since or self._loop.time()
                self._say(f"Kafka at {self._servers} does not answer.")
                if self._loop.time() - silent_since > RENEW_AFTER_S:
                    return
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_EVERY_S):
                    await self._spoiled.wait()
        log.warning("kafka producer renewed")

    async def _answers(self, producer: AIOKafkaProducer) -> bool:
        if self._loop.time() - self._last_answer_s < PROBE_EVERY_S:
            return True
        try:
            async with asyncio.timeout(PROBE_LIMIT_S):
                return bool(await producer.client.force_metadata_update())
        except TimeoutError:
            return False

    def _say(self, fault: str | None) -> None:
        """Remember the verdict; one line for each change."""
        if fault is not None and self._was_told is None:
            log.warning("kafka is away", extra={"fault": fault})
        elif fault is None and self._was_told is not None:
            log.warning("kafka is back", extra={"servers": self._servers})
        self._fault = self._was_told = fault
        self._tried.set()

    def _own(self, work: Any, *, name: str) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _discard(producer: AIOKafkaProducer) -> None:
    """Close it, whatever state it is in; what it still holds is failed."""
    # There is no other way to make `stop` not wait for a broker that is away.
    producer._message_accumulator.fail_all(KafkaConnectionError("closed"))
    with suppress(Exception):  # it was broken: that is why it goes
        async with asyncio.timeout(STOP_LIMIT_S):
            await producer.client.close()
            await producer.stop()


def _fail(future: asyncio.Future[None], error: ChasenError) -> asyncio.Future[None]:
    future.set_exception(error)
    future.exception()  # nobody has to await it, and then nothing is reported
    return future


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _quiet_library() -> None:
    """Leave it to us to say once that the broker is away; it says so at each try."""
    library = logging.getLogger("aiokafka")
    if library.level == logging.NOTSET:
        library.setLevel(logging.CRITICAL)
