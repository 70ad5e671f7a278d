"""The three active acks, and the news that records are stored.

The body is the record as it is stored, so that nobody encodes it twice; what it means
to the caller is the controller's business.  Source: MessagingActiveAck.scala.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from chasen.bus import topics
from chasen.entities import Activation, ActivationId, Outcome
from chasen.messages import AckKind, Stored
from chasen.ports.bus import MessageBus

BODY_BYTES_MAX = 1024 * 1024  # a bigger record is read from the store
STORED_IDS_MAX = 1000
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

    def send(
        self, kind: AckKind, controller: str, record: Activation, encoded: bytes
    ) -> None:
        """Send one; an empty ``encoded`` tells that nobody waits for the record.

        A lost ack costs a look into the store, so it need not be durable: what is
        journaled is acked again after a crash.
        """
        body = b"" if len(encoded) > BODY_BYTES_MAX else encoded
        data = encode_ack(kind, self._invoker_id, record, body)
        self._bus.post(topics.completed(controller), data, durable=False)

    def stored(self, controller: str, ids: Sequence[ActivationId]) -> None:
        """Tell a controller that these have their record."""
        for first in range(0, len(ids), STORED_IDS_MAX):
            news = Stored(ids=list(ids[first : first + STORED_IDS_MAX]))
            self._bus.post(topics.completed(controller), news.encode(), durable=False)
