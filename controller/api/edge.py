"""What every request through FastAPI passes first: a frame of pure ASGI.

Gives the transaction id, refuses paths that could be read in two ways, answers OPTIONS,
and adds the headers that every response carries.  (A BaseHTTPMiddleware would cost
three times what the whole hot path does.)
"""

from __future__ import annotations

import os
import re
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chasen.errors import BadInput
from controller.api.errors import BadContentType, Reply, error_reply
from controller.webactions.address import PREFIX as WEB

CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, DELETE, POST, PUT, HEAD"),
    (
        b"access-control-allow-headers",
        b"Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent",
    ),
)
_TRANSID = re.compile(rb"(?!sid_)[\w-]{1,64}", re.ASCII)
# An encoded slash or control character would make a name of two segments, or a line.
_AMBIGUOUS = re.compile(rb"%(?:2f|00|0a|0d|5c)|//|/\.{1,2}(?:/|$)|[^\x21-\x7e]", re.I)


def transaction_id(given: bytes | None) -> str:
    """Answer the caller's id if it is a plain word, else a fresh one."""
    if given and _TRANSID.fullmatch(given):
        return given.decode()
    return os.urandom(16).hex()


def client_address(scope_client: Any, headers: dict[bytes, bytes]) -> str:
    """Answer the caller's address; the gateway, on a private one, tells for it."""
    address = scope_client[0] if scope_client else ""
    told = headers.get(b"x-real-ip")
    if told and address.startswith(("127.", "10.", "172.", "192.168.", "::1")):
        return told.decode("latin-1")[:64]
    return address


class Edge:
    """Wraps the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        transid = transaction_id(headers.get(b"x-request-id"))
        scope.setdefault("state", {})["transid"] = transid
        scope["state"]["address"] = client_address(scope.get("client"), headers)
        frame = _Frame(send, transid, is_web=_is_web(scope))
        refused = _refuse(scope, headers, transid)
        if refused is not None:
            await frame.reply(refused)
            return
        try:
            await self._app(scope, receive, frame.send)
        except Exception as error:
            if frame.started:
                raise
            await frame.reply(error_reply(error, transid))


def _raw_path(scope: Scope) -> bytes:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0]


def _is_web(scope: Scope) -> bool:
    """Web actions have rules of their own for paths, OPTIONS and CORS: ``web.py``."""
    return _raw_path(scope).startswith(WEB)


def _refuse(scope: Scope, headers: dict[bytes, bytes], transid: str) -> Reply | None:
    path = _raw_path(scope)
    if path.startswith(WEB):
        return None
    if scope["method"] == "OPTIONS" and path.startswith(b"/api/v1"):
        return Reply(200)
    if _AMBIGUOUS.search(path):
        error = BadInput("The name of the entity contains illegal characters.")
        return error_reply(error, transid)
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        encoding = headers[b"content-encoding"].decode("latin-1")[:64]
        return error_reply(BadContentType(f"encoded as {encoding}"), transid)
    return None


class _Frame:
    """Adds the headers of the house to a response."""

    def __init__(self, send: Send, transid: str, *, is_web: bool) -> None:
        self._send = send
        self._transid = transid
        self._cors = () if is_web else CORS
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [
                *message.get("headers", ()),
                *self._cors,
                (b"x-request-id", self._transid.encode()),
            ]
        await self._send(message)

    async def reply(self, reply: Reply) -> None:
        await self.send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [
                    (b"content-type", reply.content_type.encode()),
                    (b"content-length", str(len(reply.body)).encode()),
                    *(
                        (name.encode(), value.encode("latin-1"))
                        for name, value in reply.headers.items()
                    ),
                ],
            }
        )
        await self.send({"type": "http.response.body", "body": reply.body})
