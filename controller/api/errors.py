"""What an error means for HTTP; the only place that knows statuses.

Body: ``{"error": sentence, "code": transaction id}``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from chasen import errors

log = logging.getLogger("controller.api")

JSON = "application/json"
ACTIVATION_ID = "x-openwhisk-activation-id"
NO_ROUTE = "The requested resource could not be found."

_STATUSES: tuple[tuple[type[errors.ChasenError], int], ...] = (
    (errors.BadInput, 400),
    (errors.Unauthenticated, 401),
    (errors.NotAuthorized, 403),
    (errors.NoDocument, 404),
    (errors.WrongCollection, 409),
    (errors.DocumentExists, 409),
    (errors.DocumentConflict, 409),
    (errors.NotEmpty, 409),
    (errors.TooLarge, 413),
    (errors.Circular, 422),
    (errors.Throttled, 429),
    (errors.Unavailable, 503),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response, whatever sends it."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class BadMethod(errors.ChasenError):
    """405; carries what is allowed."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(
            f"HTTP method not allowed, supported methods: {', '.join(allowed)}"
        )
        self.allowed = allowed


class BadContentType(errors.ChasenError):
    """415."""

    def __init__(self, given: str) -> None:
        super().__init__(
            f"The request's Content-Type [{given}] is not supported. Expected:\n{JSON}"
        )


class Misdirected(errors.ChasenError):
    """421."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"This house does not answer for the host '{host[:64]}'. Its operator "
            "can name it with CHASEN_API_HOST or CHASEN_WEB_HOST."
        )


def status_of(error: errors.ChasenError) -> int:
    """Answer the status; an error without one is ours: 500."""
    if isinstance(error, BadMethod):
        return 405
    if isinstance(error, BadContentType):
        return 415
    if isinstance(error, Misdirected):
        return 421
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def sentence_reply(status: int, sentence: str, transid: str, **headers: str) -> Reply:
    body = orjson.dumps({"error": sentence, "code": transid})
    return Reply(status, body, headers=headers)


def error_reply(error: Exception, transid: str) -> Reply:
    """Answer the response for an error; an unforeseen one is logged, not told."""
    if not isinstance(error, errors.ChasenError):
        log.error("unforeseen error", exc_info=error, extra={"transid": transid})
        error = errors.ChasenError()
    headers: dict[str, str] = {}
    match error:
        case errors.Unauthenticated():
            headers["www-authenticate"] = 'Basic realm="OpenWhisk secure realm"'
        case errors.Throttled():
            headers["retry-after"] = str(error.retry_after_s)
        case errors.Unavailable():
            headers["retry-after"] = str(error.retry_after_s)
            if error.activation_id is not None:
                headers[ACTIVATION_ID] = error.activation_id
        case BadMethod():
            headers["allow"] = ", ".join(error.allowed)
    return sentence_reply(status_of(error), str(error), transid, **headers)
