"""The message bus port: topics of bytes, at least once, in order per partition.

The docstrings are the contract that ``tests/contract`` proves on every adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Received:
    """One message as the bus gave it out."""

    partition: int
    offset: int
    headers: Mapping[str, bytes]
    body: bytes


class Consumer(Protocol):
    """One reader of one topic."""

    async def peek(self, *, wait_s: float) -> Sequence[Received]:
        """Answer the next messages, at most ``max_peek``; [] when nothing came.

        A consumer goes on behind what it peeked; a *new* consumer of the same group
        starts behind what was committed.  Raises BusUnavailable never for long: it
        waits and retries inside ``wait_s`` and answers [].
        """
        ...

    async def commit(self, positions: Mapping[int, int]) -> None:
        """Partition -> offset of the first message that is *not* settled.

        May be lost when the bus is down (it is logged); messages then come again.
        """
        ...


class MessageBus(Protocol):
    """Everything between controllers and invokers goes through here."""

    async def ensure_topic(
        self, topic: str, *, partitions: int = 1, retention_ms: int | None = None
    ) -> None:
        """Make the topic if it is not there.  ``retention_ms`` None keeps messages
        until they are committed (or for ever)."""
        ...

    def post(
        self,
        topic: str,
        body: bytes,
        *,
        headers: Mapping[str, bytes] | None = None,
        durable: bool = True,
    ) -> asyncio.Future[None]:
        """Send without waiting; order per topic is the order of the calls.

        The future is done when the bus has the message: with ``durable`` it then
        survives the death of any process.  It fails with BusUnavailable within
        BUS_TIMEOUT_S when the bus is down (the message may have been taken all the
        same).  Nobody has to await it; an unawaited failure is not reported.
        """
        ...

    def consumer(
        self, topic: str, *, group: str, max_peek: int, shared: bool = False
    ) -> AbstractAsyncContextManager[Consumer]:
        """Open a reader that starts at the group's committed offset, or the oldest.

        Not ``shared``: the caller is alone with this topic and group and gets every
        partition at once.  ``shared``: members of the group divide the partitions and
        take over those of a dead member.
        """
        ...

    @property
    def keeps_everything(self) -> bool:
        """Whether a post survives the death of a process also without ``durable``."""
        ...

    def fault(self) -> str | None:
        """Answer why the bus is not reachable just now, None when it seems fine."""
        ...


BUS_TIMEOUT_S = 2.5  # a bus that is down must be a 503 within three seconds
