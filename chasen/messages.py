"""What travels between controllers and invokers, as bytes both ways.

A message is one line of JSON (the head), a newline, and raw bytes (the body: arguments
or a record) that nobody on the way has to decode.  A message never carries a key.
Source: Message.scala; the split into head and body is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from typing import Any, Self

import orjson

from chasen.entities import ActivationId
from chasen.entities.limits import RESULT_BYTES_MAX
from chasen.errors import ChasenError


class UndecodableMessage(ChasenError):
    sentence = "The message cannot be decoded."


class Delivery(StrEnum):
    """What may happen when an invoker dies while it runs the activation."""

    AT_MOST_ONCE = "at-most-once"
    AT_LEAST_ONCE = "at-least-once"


def _decode_head(data: bytes) -> tuple[dict[str, Any], bytes]:
    head, _, body = data.partition(b"\n")
    try:
        decoded = orjson.loads(head)
    except orjson.JSONDecodeError as error:
        raise UndecodableMessage from error
    if not isinstance(decoded, dict):
        raise UndecodableMessage
    return decoded, body


@cache
def _head_names(message: type) -> frozenset[str]:
    return frozenset(field.name for field in fields(message)) - {"body"}


class _Message:
    """Encodes a dataclass whose field ``body`` is bytes and the rest JSON."""

    def encode(self) -> bytes:
        head = {name: getattr(self, name) for name in _head_names(type(self))}
        return orjson.dumps(head) + b"\n" + getattr(self, "body", b"")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises UndecodableMessage; members unknown to us are left out."""
        head, body = _decode_head(data)
        known = _head_names(cls)
        try:
            taken = {key: value for key, value in head.items() if key in known}
            if "body" in cls.__dataclass_fields__:  # pyright: ignore
                taken["body"] = body
            return cls(**taken)
        except TypeError as error:
            raise UndecodableMessage from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationMessage(_Message):
    """Controller -> ``invoker<n>``: run this action on ``body`` (a JSON object).

    ``action`` is "ns/[package/]name" of the definition; ``binding`` "ns/name" of the
    binding it was reached by; ``accepted_ms`` is when the caller was accepted;
    ``start_before_ms`` is the last moment to start the run.

    ``init`` names the parameters for the environment, None: as the action has them.
    Containers with other ``package_marks`` were given other init parameters.
    ``locked`` are parameters to add, still sealed: name -> [namespace, sealed text].

    The namespace's limits: a result of more than ``result_max`` bytes is cut to
    ``result_kept``; an ``unstored`` activation has no record in the store.

    ``again``: somebody else may have sent this before, and it may have a record.
    """

    activation_id: ActivationId
    transid: str
    action: str
    version: str
    revision: str
    namespace: str
    namespace_uuid: str
    subject: str
    controller: str
    blocking: bool
    accepted_ms: int
    start_before_ms: int
    delivery: str = Delivery.AT_MOST_ONCE
    binding: str | None = None
    init: list[str] | None = None
    package_marks: str | None = None
    locked: Mapping[str, list[str]] | None = None
    result_max: int = RESULT_BYTES_MAX
    result_kept: int = RESULT_BYTES_MAX
    unstored: bool = False
    cause: ActivationId | None = None
    caused_by: str | None = None
    depth: int = 0
    again: bool = False
    body: bytes = b"{}"

    def headers(self) -> Mapping[str, bytes]:
        """What stays readable when the rest is not."""
        readable = {
            "id": self.activation_id.encode(),
            "ns": self.namespace.encode(),
            "subject": self.subject.encode(),
            "action": self.action.encode(),
            "class": self.delivery.encode(),
            "controller": self.controller.encode(),
        }
        return readable | {FORWARDED: b"1"} if self.again else readable


FORWARDED = "forwarded"  # the header of a message that was in other hands before


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose(_Message):
    """Controller -> ``sequences``: the primary activation of a sequence or composition.

    ``components`` are those of a sequence, None for a composition; names as in
    ``ActivationMessage``, ``named`` as the caller called the action.  ``invokers`` were
    usable when it was accepted, ``full`` those of them that had no room: from these
    each step's invoker follows, whoever walks the steps.
    """

    activation_id: ActivationId
    transid: str
    action: str
    named: str
    version: str
    namespace: str
    namespace_uuid: str
    subject: str
    controller: str
    blocking: bool
    accepted_ms: int
    components: list[str] | None
    timeout_ms: int
    logs_mb: int
    memory_mb: int
    invokers: list[int]
    full: list[int]
    binding: str | None = None
    result_max: int = RESULT_BYTES_MAX
    result_kept: int = RESULT_BYTES_MAX
    unstored: bool = False
    cause: ActivationId | None = None
    depth: int = 0
    body: bytes = b"{}"


class AckKind(StrEnum):
    """``result``: the answer is there; ``completion``: the slot is free."""

    RESULT = "result"
    COMPLETION = "completion"
    COMBINED = "combined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack(_Message):
    """Invoker -> ``completed<controller>``.

    ``body`` is the whole record (``encode_activation``) or empty when it is too big or
    nobody waits; ``result`` tells where in it the result's JSON lies, as [start, end].
    """

    kind: str
    activation_id: ActivationId
    invoker: int
    namespace: str
    outcome: int = 0
    is_system_error: bool = False
    result: list[int] | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(_Message):
    """Invoker -> ``completed<controller>``: these activations have their record."""

    kind: str = "stored"
    ids: list[ActivationId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(_Message):
    """Invoker -> ``health``, each second: I am here, and this is how I am.

    ``fault`` is the verdict of its own self-test, None when it is well.  ``sent_ms`` 0
    means that it does not say when.
    """

    invoker: int
    incarnation: str
    user_memory_mb: int
    is_enabled: bool = True
    fault: str | None = None
    sent_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FiredRule:
    """One rule chosen at the moment of the fire."""

    rule: str
    action: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire(_Message):
    """Controller -> ``fires``: the trigger was fired; ``body`` is the payload.

    ``arguments`` of the actions are the trigger's parameters overlaid by headers and
    payload; they are merged by the consumer.  ``among`` are invokers and full ones, as
    in ``Compose``, for rules that lead to one.
    """

    activation_id: ActivationId
    transid: str
    trigger: str
    version: str
    namespace: str
    namespace_uuid: str
    subject: str
    accepted_ms: int
    parameters: dict[str, Any]
    rules: list[dict[str, Any]]
    among: list[list[int]] | None = None
    depth: int = 0
    unstored: bool = False
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalidation(_Message):
    """Controller -> ``cacheInvalidation``: forget what you know under these names.

    ``names`` are of entities; of ``namespaces`` keys, rights or limits have changed.
    """

    controller: str
    names: list[str] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)


def decode_completed(data: bytes) -> Ack | Stored:
    """Answer what came on ``completed<n>``."""
    head, _ = _decode_head(data)
    return (Stored if head.get("kind") == "stored" else Ack).decode(data)
