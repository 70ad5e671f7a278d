"""From a web request to the JSON object that the action gets.

``{"__ow_method": "post", "__ow_headers": {...}, "__ow_path": "/rest", "__ow_user"?,
query and body members, or "__ow_query" and "__ow_body"}``, over the action's own
parameters.  A JSON body is checked and spliced in as bytes, so that its numbers arrive
as they were sent.  Source: Context in WebActions.scala.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from chasen import jsontext
from chasen.errors import BadInput, MalformedContent
from controller.webactions import media

FIELDS_MAX = 1000
FIELD_NAME_MAX = 8192
RESERVED = frozenset(
    f"__ow_{name}" for name in ("method", "headers", "path", "user", "query", "body")
)
NOT_ALLOWED = (
    "Request defines parameters that are not allowed (e.g., reserved properties)."
)
FORM = "application/x-www-form-urlencoded"

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Of the connection, not of the request; and what only the house may read.
_NOT_TOLD = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authorization",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"x-not-upgraded",
        b"x-ow-extra-logging",
    }
)
_CHARSETS = {
    "iso-8859-1": "cp1252",  # as browsers read it
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
}


@dataclass(frozen=True, slots=True)
class WebRequest:
    """What of a request reaches the action; ``query`` without its question mark."""

    method: str
    headers: Sequence[tuple[bytes, bytes]]
    rest: str = ""
    query: str = ""
    content_type: str | None = None
    body: bytes = b""


def to_arguments(
    request: WebRequest,
    *,
    raw: bool,
    user: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    final: frozenset[str] = frozenset(),
) -> bytes:
    """Answer the arguments as JSON.

    Args:
        user: the caller's namespace, if the credentials were good.
        final: keys of ``defaults`` that a request may not give.

    Raises:
        MalformedContent: the body.  BadInput: the query, or a key that is not allowed.
    """
    found: dict[str, Any] = dict(defaults or ())
    found["__ow_method"] = request.method.lower()
    found["__ow_headers"] = told_headers(request.headers)
    found["__ow_path"] = request.rest
    if user is not None:
        found["__ow_user"] = user
    if raw:
        found["__ow_query"] = request.query
        found["__ow_body"] = _opaque(request, json_as_text=False)
        return orjson.dumps(found)
    forbidden = RESERVED | final if final else RESERVED
    if request.query:
        fields = _fields(request.query)
        _check(fields, forbidden)
        found.update(fields)
    if not request.body:
        return orjson.dumps(found)
    return _with_body(found, request, forbidden)


def told_headers(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Answer the headers by lower-case name; repeated ones are joined."""
    told: dict[str, str] = {}
    for name, value in headers:
        if name in _NOT_TOLD:
            continue
        key, text = name.decode("latin-1"), value.decode("latin-1")
        if key in told:
            text = told[key] + ("; " if key == "cookie" else ", ") + text
        told[key] = text
    return told


def _with_body(
    found: dict[str, Any], request: WebRequest, forbidden: frozenset[str]
) -> bytes:
    kind = media.parse(request.content_type or "")
    if kind is not None and kind.essence == FORM:
        fields = _form(request.body)
        _check(fields, forbidden)
        return orjson.dumps(found | fields)
    if kind is None or not kind.is_json:
        found["__ow_body"] = _opaque(request, json_as_text=True)
        return orjson.dumps(found)
    value = jsontext.decode(request.body)
    if not isinstance(value, dict):
        found["__ow_body"] = orjson.Fragment(request.body.strip())
        return orjson.dumps(found)
    _check(value, forbidden)
    for key in value.keys() & found.keys():
        del found[key]
    if not value:
        return orjson.dumps(found)
    return orjson.dumps(found)[:-1] + b"," + request.body.strip()[1:]


def _check(given: Mapping[str, Any], forbidden: frozenset[str]) -> None:
    if not forbidden.isdisjoint(given):
        raise BadInput(NOT_ALLOWED)


def _opaque(request: WebRequest, *, json_as_text: bool) -> str:
    """Answer text as it is, and bytes (with them, raw JSON) as base64."""
    kind = media.parse(request.content_type or "")
    if kind is None or not kind.is_text or (kind.is_json and not json_as_text):
        return base64.b64encode(request.body).decode()
    charset = _CHARSETS.get(kind.charset or "", "utf-8")
    return request.body.decode(charset, "replace")


def _form(body: bytes) -> dict[str, str]:
    try:
        return _fields(body.decode())
    except UnicodeDecodeError:
        raise MalformedContent("the form is not UTF-8") from None
    except BadInput as error:
        raise MalformedContent(str(error)) from None


def _fields(text: str) -> dict[str, str]:
    """Answer the fields; of a repeated one, the last counts."""
    if "%" in text and _BROKEN_ESCAPE.search(text):
        raise BadInput("A percent sign is not followed by two hexadecimal digits.")
    if text.count("&") >= FIELDS_MAX:
        raise BadInput(f"There are too many fields; {FIELDS_MAX} are allowed.")
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
        )
    except UnicodeDecodeError:
        raise BadInput("A field is not UTF-8.") from None
    if any(len(key) > FIELD_NAME_MAX for key, _ in pairs):
        raise BadInput(f"A field name is longer than {FIELD_NAME_MAX} characters.")
    return dict(pairs)
