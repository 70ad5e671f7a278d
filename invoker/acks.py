"""The three active acks, and the news that records are stored.

The body is the record as it is stored, so that nobody encodes it twice; what it means
to the caller is the controller's business.  Source: MessagingActiveAck.scala.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import orjson

from chasen.bus import topics
from chasen.entities import Activation, ActivationId, Outcome
from chasen.messages import AckKind, Stored
from chasen.ports.bus import MessageBus

BODY_BYTES_MAX = 1024 * 1024  # a bigger record is read from the store
STORED_IDS_MAX = 1000
LOST_BYTES_MAX = 64 * 1024 * 1024  # acks that wait for a bus that is down
_ACK = (
    b'{"kind":"%b","activation_id":"%b","invoker":%d,"namespace":%b,"outcome":%d,'
    b'"is_system_error":%b,"result":%b}\n%b'
)
_BEFORE_RESULT = b'"result":'


def result_span(record: Activation, encoded: bytes) -> list[int] | None:
    """Answer where in the encoded record its result lies.

    The first ``"result":`` is the member itself: inside a string the quotes would be
    escaped.
    """
    result = record.response.result
    if result is None:
        return None
    start = encoded.index(_BEFORE_RESULT) + len(_BEFORE_RESULT)
    return [start, start + len(result)]


def encode_ack(
    kind: AckKind, invoker_id: int, record: Activation, body: bytes
) -> bytes:
    """Answer what ``Ack(...).encode()`` would, at a fifth of the cost; a test compares
    the two."""
    outcome = record.response.outcome
    span = result_span(record, body) if body else None
    return _ACK % (
        kind.encode(),
        record.activation_id.encode(),
        invoker_id,
        orjson.dumps(record.namespace),
        outcome,
        b"true" if outcome is Outcome.WHISK_ERROR else b"false",
        b"null" if span is None else b"[%d,%d]" % tuple(span),
        body,
    )


class Acks:
    """Sends acks to the controller that waits for them."""

    def __init__(self, bus: MessageBus, invoker_id: int) -> None:
        self._bus = bus
        self._invoker_id = invoker_id
        self._lost: deque[tuple[str, bytes]] = deque()
        self._lost_bytes = 0

    def send(
        self, kind: AckKind, controller: str, record: Activation, encoded: bytes
    ) -> None:
        """Send one; an empty ``encoded`` tells that nobody waits for the record.

        A lost ack costs a look into the store, so it need not be durable: what is
        journaled is acked again after a crash.
        """
        body = b"" if len(encoded) > BODY_BYTES_MAX else encoded
        data = encode_ack(kind, self._invoker_id, record, body)
        self._post(topics.completed(controller), data)

    def stored(self, controller: str, ids: Sequence[ActivationId]) -> None:
        """Tell a controller that these have their record."""
        for first in range(0, len(ids), STORED_IDS_MAX):
            news = Stored(ids=list(ids[first : first + STORED_IDS_MAX]))
            self._post(topics.completed(controller), news.encode())

    def send_again(self) -> None:
        """What the bus did not take, when it is back; call it each second."""
        if not self._lost or self._bus.fault() is not None:
            return
        lost, self._lost, self._lost_bytes = self._lost, deque(), 0
        for topic, data in lost:
            self._post(topic, data)

    def _post(self, topic: str, data: bytes) -> None:
        posted = self._bus.post(topic, data, durable=False)
        if not posted.done():
            posted.add_done_callback(lambda done: self._posted(done, topic, data))
        elif posted.exception() is not None:
            self._keep(topic, data)

    def _posted(self, posted: asyncio.Future[None], topic: str, data: bytes) -> None:
        if not posted.cancelled() and posted.exception() is not None:
            self._keep(topic, data)

    def _keep(self, topic: str, data: bytes) -> None:
        """A long outage is bounded: the oldest go, and are looked up in the store."""
        self._lost.append((topic, data))
        self._lost_bytes += len(data)
        while self._lost_bytes > LOST_BYTES_MAX:
            self._lost_bytes -= len(self._lost.popleft()[1])
