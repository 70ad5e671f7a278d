"""One reader of one topic on Kafka, which outlives its broker.

A reader that is alone takes all partitions by hand and has a group for its offsets
only, so nothing has to time out when it died; readers that share join Kafka's group.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from chasen.ports.bus import Received

log = logging.getLogger(__name__)

RETRY_S = 0.5
START_LIMIT_S = 20.0  # joining a group waits for a dead member's session
STOP_LIMIT_S = 2.0
COMMIT_LIMIT_S = 2.0
SESSION_TIMEOUT_MS = 6000  # the least that brokers allow
HEARTBEAT_MS = 2000
REQUEST_TIMEOUT_MS = 5000
FETCH_WAIT_MS = 500  # an idle poll; a message ends it at once
FETCH_PARTITION_BYTES = 2 * 1024 * 1024
FETCH_BYTES = 16 * 1024 * 1024
NEVER_MS = 2**31 - 1  # how long a handler may take is not Kafka's business


class KafkaConsumer:
    """See `chasen.ports.bus.Consumer`; open it with `async with`."""

    def __init__(
        self,
        servers: str,
        topic: str,
        *,
        group: str,
        max_peek: int,
        is_shared: bool,
    ) -> None:
        self._servers = servers
        self._topic = topic
        self._group = group
        self._max_peek = max_peek
        self._is_shared = is_shared
        self._consumer: AIOKafkaConsumer | None = None
        self._next: dict[int, int] = {}
        self._owed: dict[int, int] = {}
        self._is_behind = False

    async def __aenter__(self) -> Self:
        self._ready = asyncio.Event()
        self._lost = asyncio.Event()
        name = f"kafka:consumer:{self._group}"
        self._keeper = asyncio.create_task(self._keep(), name=name)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeper.cancel()
        await asyncio.wait([self._keeper])

    async def peek(self, *, wait_s: float) -> Sequence[Received]:
        loop = asyncio.get_running_loop()
        ends = loop.time() + wait_s
        try:
            async with asyncio.timeout_at(ends + 0.05):
                if self._consumer is None:
                    await self._ready.wait()
                consumer = self._consumer
                if consumer is None:
                    return []
                left_ms = max(ends - loop.time(), 0) * 1000
                batches = await consumer.getmany(
                    timeout_ms=left_ms,  # pyright: ignore[reportArgumentType]
                    max_records=self._max_peek,
                )
        except TimeoutError:
            return []
        except KafkaError as error:
            self._give_up(repr(error))
            return []
        if not batches and _is_dead(consumer):
            self._give_up("its fetcher ended")
        return self._received(batches)

    async def commit(self, positions: Mapping[int, int]) -> None:
        for partition, offset in positions.items():
            self._owed[partition] = max(offset, self._owed.get(partition, 0))
        await self._pay()

    def _received(self, batches: Mapping[TopicPartition, list[Any]]) -> list[Received]:
        received = [
            Received(
                record.partition,
                record.offset,
                dict(record.headers),
                record.value or b"",
            )
            for records in batches.values()
            for record in records
        ]
        for message in received:
            self._next[message.partition] = message.offset + 1
        return received

    # Committing ------------------------------------------------------------------

    async def _pay(self) -> None:
        """Commit what is owed; what fails is owed until the next commit."""
        consumer = self._consumer
        if consumer is None:
            return self._fell_behind("the broker is away")
        self._forget_foreign(consumer)
        owed = dict(self._owed)
        if not owed:
            return None
        try:
            async with asyncio.timeout(COMMIT_LIMIT_S):
                await consumer.commit(
                    {TopicPartition(self._topic, part): at for part, at in owed.items()}
                )
        except (CommitFailedError, IllegalStateError):
            # The partitions went to another member, to whom the messages come again.
            self._owed.clear()
        except (KafkaError, TimeoutError) as error:
            self._fell_behind(repr(error))
        else:
            self._caught_up(owed)

    def _forget_foreign(self, consumer: AIOKafkaConsumer) -> None:
        if self._is_shared:
            mine = {each.partition for each in consumer.assignment()}
            for partition in self._owed.keys() - mine:
                del self._owed[partition]

    def _fell_behind(self, reason: str) -> None:
        if not self._is_behind:
            self._is_behind = True
            extra = {"topic": self._topic, "reason": reason}
            log.warning("kafka commits wait", extra=extra)

    def _caught_up(self, paid: Mapping[int, int]) -> None:
        for partition, offset in paid.items():
            if self._owed.get(partition) == offset:
                del self._owed[partition]
        if self._is_behind:
            self._is_behind = False
            log.warning("kafka commits work again", extra={"topic": self._topic})

    # Being there -----------------------------------------------------------------

    def _give_up(self, reason: str) -> None:
        extra = {"topic": self._topic, "reason": reason}
        log.warning("kafka consumer renewed", extra=extra)
        self._consumer = None
        self._ready.clear()
        self._lost.set()

    async def _keep(self) -> None:
        """Have a consumer of the library, for ever."""
        while True:
            consumer = self._make()
            try:
                await self._start(consumer)
                self._lost.clear()
                self._consumer = consumer
                self._ready.set()
                await self._lost.wait()
            except (KafkaError, OSError, TimeoutError) as error:
                log.debug("consumer not started: %r", error)
            except Exception:
                log.exception("kafka consumer failed", extra={"topic": self._topic})
            finally:
                self._ready.clear()
                self._consumer = None
                await _stop(consumer)
            await asyncio.sleep(RETRY_S)

    def _make(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            *([self._topic] if self._is_shared else []),
            bootstrap_servers=self._servers,
            client_id="chasen",
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=FETCH_PARTITION_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=NEVER_MS,
        )

    async def _start(self, consumer: AIOKafkaConsumer) -> None:
        if not self._is_shared:
            consumer.assign([TopicPartition(self._topic, 0)])
        async with asyncio.timeout(START_LIMIT_S):
            await consumer.start()
        if self._is_shared:
            return
        # Known only now: starting waited for the topic.
        partitions = consumer.partitions_for_topic(self._topic) or {0}
        if len(partitions) > 1:
            consumer.assign(
                [TopicPartition(self._topic, part) for part in sorted(partitions)]
            )
        for partition, offset in self._next.items():
            consumer.seek(TopicPartition(self._topic, partition), offset)


def _is_dead(consumer: AIOKafkaConsumer) -> bool:
    """`getmany` does not tell when the task behind it ended with an error."""
    fetcher = consumer._fetcher
    return fetcher is not None and fetcher.error_future.done()


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(STOP_LIMIT_S):
            await consumer.stop()
    except Exception:  # it was broken: that is why it goes
        # Or it waits for a broker that is away; its connections must not stay open.
        with suppress(Exception):
            await consumer._client.close()
