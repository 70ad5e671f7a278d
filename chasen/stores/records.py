"""Records of activations as they are stored: in parts, for one id one, in days.

A result is kept as the very text that the action answered, beside the rest (the head):
numbers of any size and shape come back as they went in.  Ordering is ``views.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import orjson

from chasen.entities import (
    Activation,
    ActivationId,
    ActivationResponse,
    Outcome,
    Parameters,
    activation_time_ms,
    decode_activation,
    encode_activation,
)
from chasen.stores.documents import corrupt_unless_readable

log = logging.getLogger(__name__)

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
UNSTORABLE = "The record of this activation could not be stored as it was."


class Parts(NamedTuple):
    """One record: the head without result and logs, and these two as JSON text."""

    head: bytes
    result: bytes | None
    logs: bytes | None


def split_record(record: Activation) -> Parts:
    """Answer the record in parts; text that is no Unicode is mended."""
    response = record.response
    bare = replace(
        record,
        logs=(),
        response=ActivationResponse(response.outcome, None, response.size),
    )
    try:
        logs = orjson.dumps(record.logs) if record.logs else None
        return Parts(encode_activation(bare), response.result, logs)
    except TypeError:
        log.warning(
            "activation record is no JSON", extra={"activation": record.activation_id}
        )
        bare = replace(
            bare,
            name=_as_unicode(record.name),
            subject=_as_unicode(record.subject),
            annotations=Parameters(),
        )
        logs = orjson.dumps([_as_unicode(line) for line in record.logs])
        return Parts(encode_activation(bare), response.result, logs)


def reduced(record: Activation) -> Activation:
    """Answer what is left when a store refuses a record: who, when and how it ended.

    Accepted means exactly one record, so a poor one is better than none.
    """
    reason = ActivationResponse.error(Outcome.WHISK_ERROR, UNSTORABLE).result
    response = ActivationResponse(record.response.outcome, reason, record.response.size)
    return replace(record, logs=(), annotations=Parameters(), response=response)


def _as_unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def join_record(parts: Parts) -> Activation:
    """Answer the record; CorruptDocument when a part cannot be read."""
    with corrupt_unless_readable():
        return joined(decode_activation(parts.head), parts.result, parts.logs)


def joined(head: Activation, result: bytes | None, logs: bytes | None) -> Activation:
    """Answer the record made of a read head and the two JSON texts beside it."""
    if result is None and logs is None:
        return head
    response = head.response
    return replace(
        head,
        logs=tuple(orjson.loads(logs)) if logs else (),
        response=ActivationResponse(response.outcome, result, response.size),
    )


def one_per_id(records: Iterable[Activation]) -> list[Activation]:
    """Answer the batch without repetitions, by the rule for records already stored."""
    found: dict[tuple[str, ActivationId], Activation] = {}
    for record in records:
        key = (record.namespace, record.activation_id)
        if replaces(record, found.get(key)):
            found[key] = record
    return list(found.values())


def replaces(record: Activation, stored: Activation | None) -> bool:
    """Answer whether this record goes in where that one is (None: nothing is)."""
    if record.unstored:
        return False
    return stored is None or (stored.placeholder and not record.placeholder)


def day_of(identifier: ActivationId) -> str:
    """Answer the UTC day of the id's first 48 bits: YYYYMMDD."""
    return day_name(activation_time_ms(identifier) // DAY_MS)


def day_name(number: int) -> str:
    """Answer the day that many days after 1970-01-01; the last one is in 9999."""
    return f"{date.fromordinal(min(_EPOCH + number, date.max.toordinal())):%Y%m%d}"


def day_end_ms(day: str) -> int:
    """Answer the first instant after the day.  Raises ValueError: no such day."""
    if len(day) != 8 or not day.isdecimal():
        raise ValueError(day)
    return (date.fromisoformat(day).toordinal() - _EPOCH + 1) * DAY_MS
