"""The record of one activation, and the bytes it travels and is stored as.

A result stays the JSON text that the action answered: it is checked once where it
enters the house and passed on as bytes.  Source: WhiskActivation.scala.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from chasen.entities.names import ActivationId
from chasen.entities.parameters import Parameters


class Outcome(IntEnum):
    """``response.statusCode``: 1 the function said so, 2 it broke, 3 we broke."""

    SUCCESS = 0
    APPLICATION_ERROR = 1
    DEVELOPER_ERROR = 2
    WHISK_ERROR = 3

    @property
    def status(self) -> str:
        return _STATUS[self]


_STATUS = (
    "success",
    "application error",
    "action developer error",
    "whisk internal error",
)

LOST = "The platform lost track of this activation; it may have run."


@dataclass(frozen=True, slots=True)
class ActivationResponse:
    """``result`` is JSON text, None when there is none; ``size`` as it was answered."""

    outcome: Outcome
    result: bytes | None = None
    size: int = 0

    @classmethod
    def error(cls, outcome: Outcome, value: Any) -> ActivationResponse:
        """Answer a response whose result is ``{"error": value}``."""
        result = orjson.dumps({"error": value})
        return cls(outcome, result, len(result))


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """One record.  Times are epoch milliseconds; ``end_ms`` 0 means it has no end.

    ``placeholder`` marks a record written by somebody who does not know the outcome;
    only such a record may be replaced, and only by a real one.  An ``unstored`` record
    goes to who waits for it and never into a store: its namespace wants none.
    """

    activation_id: ActivationId
    namespace: str
    name: str
    version: str
    subject: str
    start_ms: int
    end_ms: int = 0
    duration_ms: int | None = None
    response: ActivationResponse
    annotations: Parameters = Parameters()
    logs: tuple[str, ...] = ()
    cause: ActivationId | None = None
    placeholder: bool = False
    unstored: bool = False

    @property
    def path(self) -> str:
        """What the ``name`` filter of a list matches: ``name`` or ``package/name``."""
        where = self.annotations.get("binding") or self.annotations.get("path")
        parts = where.split("/") if isinstance(where, str) else []
        if self.annotations.get("binding"):
            return f"{parts[-1]}/{self.name}"
        return "/".join(parts[1:]) if len(parts) == 3 else self.name


def encode_activation(record: Activation) -> bytes:
    """Answer the record as one line of JSON, in the stored shape.

    ``{"activationId", "namespace", "name", "version", "subject", "start", "end",
    "duration"?, "response": {"statusCode", "result"?, "size"}, "annotations", "logs",
    "cause"?, "placeholder"?}``
    """
    response: dict[str, Any] = {"statusCode": int(record.response.outcome)}
    if record.response.result is not None:
        response["result"] = orjson.Fragment(record.response.result)
    response["size"] = record.response.size
    document: dict[str, Any] = {
        "activationId": record.activation_id,
        "namespace": record.namespace,
        "name": record.name,
        "version": record.version,
        "subject": record.subject,
        "start": record.start_ms,
        "end": record.end_ms,
        "response": response,
        "annotations": record.annotations.to_json(),
        "logs": record.logs,
    }
    if record.duration_ms is not None:
        document["duration"] = record.duration_ms
    if record.cause is not None:
        document["cause"] = record.cause
    if record.placeholder:
        document["placeholder"] = True
    if record.unstored:
        document["unstored"] = True
    return orjson.dumps(document)


def decode_activation(text: bytes | str) -> Activation:
    """Answer the record in the stored shape; the inverse of ``encode_activation``."""
    return activation_from_document(orjson.loads(text))


def activation_from_document(document: dict[str, Any]) -> Activation:
    """Answer the record in a decoded document; extra members are ignored."""
    response = document["response"]
    result = response.get("result", _ABSENT)
    return Activation(
        activation_id=document["activationId"],
        namespace=document["namespace"],
        name=document["name"],
        version=document["version"],
        subject=document["subject"],
        start_ms=document["start"],
        end_ms=document.get("end", 0),
        duration_ms=document.get("duration"),
        response=ActivationResponse(
            Outcome(response["statusCode"]),
            None if result is _ABSENT else orjson.dumps(result),
            response.get("size", 0),
        ),
        annotations=Parameters.from_json(document.get("annotations", [])),
        logs=tuple(document.get("logs", ())),
        cause=document.get("cause"),
        placeholder=document.get("placeholder", False),
        unstored=document.get("unstored", False),
    )


_ABSENT = object()
