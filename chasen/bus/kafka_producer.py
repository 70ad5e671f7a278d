"""One producer of the library, watched, and replaced when it has given up.

Whether Kafka is there is decided here: an acknowledgement says so, and when there
was none for a moment, a question about its metadata.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from aiokafka import AIOKafkaProducer

from chasen.bus.size import MESSAGE_LIMIT_BYTES

log = logging.getLogger(__name__)

PROBE_EVERY_S = 0.75
PROBE_LIMIT_S = 1.5  # with twice the line above: a frozen broker is known within 3 s
RENEW_AFTER_S = 10.0  # then all addresses are tried again, and all state is dropped
RETRY_S = 0.5
STOP_LIMIT_S = 3.0
# Longer than anybody waits for us: a broker that was frozen for a moment gets the
# same batch again, with the same sequence number, and keeps one.
REQUEST_TIMEOUT_MS = 5000
# What one request to the broker holds at most; far below max.message.bytes.
BATCH_BYTES = 256 * 1024


class ProducerKeeper:
    """Has a producer for ever, while `run` runs.

    ``producer`` is None and ``fault`` says why before the first connection and
    while a new one is made.
    """

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._loop = asyncio.get_running_loop()
        self.producer: AIOKafkaProducer | None = None
        self.fault: str | None = f"Kafka at {servers} has not answered yet."
        self.is_tried = asyncio.Event()  # there is a first verdict
        self._was_told: str | None = None
        self._spoiled = asyncio.Event()
        self._last_answer_s = 0.0

    def answered(self) -> None:
        """The broker acknowledged something."""
        self._last_answer_s = self._loop.time()

    def refused(self, error: BaseException) -> None:
        """The producer or the broker did not take a message.

        The broker counts an idempotent producer's messages.  One that it refused
        for good leaves a gap, and it would refuse all that follow: a new one is due.
        """
        if not getattr(error, "retriable", False):
            log.warning("kafka refused a message", extra={"error": repr(error)})
            self._spoiled.set()

    async def run(self) -> None:
        """Connect, watch, throw away, for ever."""
        while True:
            producer = await self._connect()
            self._spoiled.clear()
            self.producer = producer
            self._say(None)
            try:
                await self._watch(producer)
            finally:
                self.producer = None
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
            except Exception as error:
                await _discard(producer)
                self._say(f"Kafka at {self._servers} is not reachable: {_why(error)}.")
            except asyncio.CancelledError:
                await _discard(producer)
                raise
            await asyncio.sleep(RETRY_S)

    async def _watch(self, producer: AIOKafkaProducer) -> None:
        """Ask now and then whether somebody is there; ends when to start anew."""
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
        self.fault = self._was_told = fault
        self.is_tried.set()


async def _discard(producer: AIOKafkaProducer) -> None:
    """Close it, whatever state it is in; what it still holds is dropped.

    `stop` alone waits for ever for a broker that is away, and closing connections
    under the sender makes it stumble.  So the sender ends first, and nothing is left
    to wait for.  Whoever waits for a dropped message is told by its time limit.
    """
    held = producer._message_accumulator
    with suppress(Exception):  # it was broken: that is why it goes
        async with asyncio.timeout(STOP_LIMIT_S):
            await _end(producer._sender.sender_task)
            held._batches.clear()
            held._pending_batches.clear()
            await producer.stop()


async def _end(task: asyncio.Task[None] | None) -> None:
    """Cancel it and, each time it waits again, what it waits for."""
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.05)


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__
