"""From an action's result to an HTTP response.

``to_http`` never raises, whatever JSON an action answers.  Headers of an action pass a
filter: what belongs to the connection, to nginx or to the house is dropped; what is no
header at all spoils the answer.  Source: WebActions.scala, the ``resultAs...``; the
filter is ours.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from chasen.entities import Outcome
from chasen.entities.executable import is_binary
from chasen.entities.headers import is_dropped
from controller.webactions import media
from controller.webactions.address import Extension
from controller.webactions.media import MediaType

NOT_PROCESSED = "There was an error processing your request."
NO_PROPERTY = "Response does not include requested property."
WRONG_TYPE = "Response type in header did not match generated content type."
UNKNOWN_TYPE = "Response did not specify a known content-type."
MESSAGE = "message/http"

STATUS_MIN, STATUS_MAX = 200, 599
HEADERS_MAX = 64
HEADER_BYTES_MAX = 16 * 1024  # nginx takes 32 KiB, ours included

JSON = MediaType("application/json")
HTML = MediaType("text/html")
SVG = MediaType("image/svg+xml")
TEXT = MediaType("text/plain")

_STATUS = re.compile(r"[2-5][0-9]{2}", re.ASCII)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# Beyond this, a number may not survive a double or a 64-bit integer.
_LONG_NUMBER = re.compile(rb"[0-9]{16}")


@dataclass(frozen=True, slots=True)
class WebResponse:
    """What the action wants to be sent; ``media_type`` None goes with an empty body."""

    status: int
    media_type: MediaType | None = None
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The result is no response; the caller is told this instead."""

    status: int
    sentence: str


class _Refused(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        self.refusal = Refusal(status, sentence)


def to_http(
    extension: Extension, outcome: Outcome, result: bytes | None
) -> WebResponse | Refusal:
    """Answer the response for a result, given as JSON."""
    if outcome not in (Outcome.SUCCESS, Outcome.APPLICATION_ERROR):
        return Refusal(400, NOT_PROCESSED)
    try:
        value = _decoded(result or b"{}")
        if outcome is Outcome.APPLICATION_ERROR:
            if not isinstance(value, dict) or "error" not in value:
                return Refusal(404, NO_PROPERTY)
            value = value["error"]
        return _TRANSCODERS[extension](value)
    except _Refused as refused:
        return refused.refusal
    except (ValueError, RecursionError):  # no JSON, or nested too deep to be printed
        return Refusal(400, NOT_PROCESSED)


def pretty(value: Any) -> bytes:
    """Answer JSON with an indentation of two, as web actions print it."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError:  # integers over 64 bits, or deeper than orjson goes
        return json.dumps(value, indent=2, ensure_ascii=False).encode()


def _decoded(text: bytes) -> Any:
    value = orjson.loads(text)
    if _LONG_NUMBER.search(text):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    return value


def _invalid(kind: str) -> _Refused:
    return _Refused(400, f"Response is not valid '{kind}'.")


def _as_json(value: Any) -> WebResponse:
    if not isinstance(value, dict | list):
        raise _invalid("application/json")
    return WebResponse(200, JSON, pretty(value))


def _as_markup(kind: MediaType, member: str) -> Callable[[Any], WebResponse]:
    def transcode(value: Any) -> WebResponse:
        if isinstance(value, dict):
            value = value["body"] if "body" in value else value.get(member)
        if not isinstance(value, str):
            raise _invalid(kind.essence)
        return WebResponse(200, kind, value.encode())

    return transcode


def _as_text(value: Any) -> WebResponse:
    if isinstance(value, dict):
        if "body" not in value and "text" not in value:
            raise _Refused(404, NO_PROPERTY)
        value = value["body"] if "body" in value else value["text"]
    text = value.encode() if isinstance(value, str) else pretty(value)
    return WebResponse(200, TEXT, text)


def _as_http(value: Any) -> WebResponse:
    if not isinstance(value, dict):
        raise _invalid(MESSAGE)
    headers = _Headers()
    if "headers" in value:
        headers.take(value["headers"])
    status = _status(value["statusCode"]) if "statusCode" in value else None
    body = value.get("body")
    if body is None or body == "":
        return WebResponse(status or 204, headers=tuple(headers.kept))
    kind = headers.media_type(HTML if isinstance(body, str) else JSON)
    data = _text_body(kind, body) if isinstance(body, str) else _json_body(kind, body)
    return WebResponse(status or 200, kind, data, tuple(headers.kept))


def _status(value: Any) -> int:
    if isinstance(value, str) and _STATUS.fullmatch(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(MESSAGE)
    if not STATUS_MIN <= value <= STATUS_MAX or value != int(value):
        raise _invalid(MESSAGE)
    return int(value)


def _json_body(kind: MediaType, body: Any) -> bytes:
    if not kind.is_json:
        raise _Refused(400, WRONG_TYPE)
    return pretty(body)


def _text_body(kind: MediaType, body: str) -> bytes:
    """Bytes come as base64; of JSON and SVG, OpenWhisk's older actions still may."""
    if kind.is_json or kind.essence == SVG.essence:
        return _from_base64(body.strip()) if is_binary(body) else body.encode()
    return body.encode() if kind.is_text else _from_base64(body)


def _from_base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        raise _Refused(400, WRONG_TYPE) from None


@dataclass(slots=True)
class _Headers:
    """The headers of one result, filtered."""

    kept: list[tuple[str, str]] = field(default_factory=list)
    content_type: str | None = None
    _count: int = 0
    _bytes: int = 0

    def take(self, given: Any) -> None:
        """Raises _Refused for what is not an object of headers."""
        if not isinstance(given, Mapping):
            raise _invalid(MESSAGE)
        for name, value in given.items():
            for each in value if isinstance(value, list) else (value,):
                self._add(name, _header_text(each))

    def _add(self, name: str, text: str) -> None:
        self._count += 1
        self._bytes += len(name) + len(text) + 4
        if self._count > HEADERS_MAX or self._bytes > HEADER_BYTES_MAX:
            raise _invalid(MESSAGE)
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(text):
            raise _invalid(MESSAGE)
        lower = name.lower()
        if lower == "content-type":
            self.content_type = self.content_type or text
        elif not is_dropped(lower):
            self.kept.append((lower, text.strip()))

    def media_type(self, default: MediaType) -> MediaType:
        if self.content_type is None:
            return default
        found = media.parse(self.content_type)
        if found is None:
            raise _Refused(400, UNKNOWN_TYPE)
        return found


def _header_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise _invalid(MESSAGE)


_TRANSCODERS: dict[Extension, Callable[[Any], WebResponse]] = {
    Extension.HTTP: _as_http,
    Extension.JSON: _as_json,
    Extension.HTML: _as_markup(HTML, "html"),
    Extension.SVG: _as_markup(SVG, "svg"),
    Extension.TEXT: _as_text,
}
