"""The hot path: invocations, fires and web actions, taken before FastAPI.

A subclass of uvicorn's own protocol decides at the end of the headers, by method and
address, and answers without scope, ASGI and routing: 50 us of CPU a request against
150 to 210 us for a FastAPI endpoint with a model (ratio 3 to 4; with the usual
middleware 12).  ``make bench`` prints the ratio on your machine.  The rules are not
here: ``invocations.py`` and ``web.py`` have them, and the ordinary routes call the same
for whatever this file leaves alone (encoded names, pipelined requests, ...).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from chasen.entities.limits import PAYLOAD_BYTES_MAX
from controller.api.edge import CORS, client_address, transaction_id
from controller.api.errors import Reply, error_reply
from controller.api.invocations import EXTRA_LOGGING, Call, fire, invoke
from controller.api.web import METHODS, WebCall, WebReply, any_method
from controller.services import Services
from controller.webactions.address import PREFIX as WEB

_TARGET = re.compile(
    rb"/api/v1/namespaces/([\w@. &-]{1,256})/(actions|triggers)/([\w@.&-]{1,256})"
    rb"(?:/([\w@.&-]{1,256}))?(?:\?([\x21-\x7e]*))?"
)
_HEADERS = b"".join(name + b": " + value + b"\r\n" for name, value in CORS)
_WEB_METHODS = frozenset(name.encode() for name in METHODS)
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_WANTED = frozenset({b"authorization", b"content-type", b"x-request-id"})


class HotCycle:
    """One hot request; stands where uvicorn's own cycle would."""

    __slots__ = (
        "_protocol",
        "_task",
        "body",
        "call",
        "disconnected",
        "is_fire",
        "keep_alive",
        "message_event",
        "more_body",
        "response_complete",
    )

    def __init__(
        self,
        protocol: HotProtocol,
        call: Call | WebCall,
        *,
        is_fire: bool = False,
        keep_alive: bool,
    ) -> None:
        self._protocol = protocol
        self._task: asyncio.Task[None] | None = None
        self.call = call
        self.is_fire = is_fire
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.message_event = _NO_EVENT

    def received(self, data: bytes) -> None:
        if self._task is not None:
            return  # answered before its end: too big
        self.body += data
        if len(self.body) > PAYLOAD_BYTES_MAX:
            self.refuse_the_rest(len(self.body))

    def refuse_the_rest(self, size_bytes: int) -> None:
        self.call.size_bytes = size_bytes
        self.keep_alive = False
        self.body.clear()
        self._start()

    def complete(self) -> None:
        if self._task is None:
            self.call.body = bytes(self.body)
            self.call.size_bytes = len(self.body)
            self._start()

    def cancel(self) -> None:
        """The caller is gone: release the wait; the activation goes on."""
        if self._task is not None and not self.response_complete:
            self._task.cancel()

    def _start(self) -> None:
        protocol = self._protocol
        self._task = task = protocol.loop.create_task(self._run())
        protocol.tasks.add(task)
        task.add_done_callback(protocol.tasks.discard)

    async def _run(self) -> None:
        use_case = fire if self.is_fire else invoke
        assert isinstance(self.call, Call)
        try:
            reply = await use_case(self._protocol.services, self.call)
        except Exception as error:
            reply = error_reply(error, self.call.transid)
        self._write(reply)

    def _write(self, reply: Reply) -> None:
        head = [
            b"content-type: application/json\r\ncontent-length: ",
            str(len(reply.body)).encode(),
            b"\r\n",
            _HEADERS,
        ]
        for name, value in reply.headers.items():
            head.append(f"{name}: {value}\r\n".encode("latin-1"))
        self._send(reply.status, head, reply.body)

    def _send(self, status: int, head: list[bytes], body: bytes) -> None:
        self.response_complete = True
        transport = self._protocol.transport
        if self.disconnected or transport.is_closing():
            return
        transport.write(
            b"".join(
                (
                    STATUS_LINE[status],
                    *head,
                    b"x-request-id: ",
                    self.call.transid.encode(),
                    b"\r\n\r\n" if self.keep_alive else _LAST,
                    body,
                )
            )
        )
        if not self.keep_alive:
            transport.close()
        self._protocol.on_response_complete()


class WebCycle(HotCycle):
    """A hot request for a web action, whose response the action shapes."""

    __slots__ = ()
    call: WebCall

    async def _run(self) -> None:
        reply = await any_method(self._protocol.services, self.call)
        self._write_web(reply)

    def _write_web(self, reply: WebReply) -> None:
        head = []
        for name, value in reply.headers:
            head += (name, b": ", value, b"\r\n")
        if reply.status not in (204, 304):
            head += (b"content-length: ", str(len(reply.body)).encode(), b"\r\n")
        is_head = self.call.method == "HEAD"
        self._send(reply.status, head, b"" if is_head else reply.body)


class _NoEvent:
    """The base class sets an event that nobody here waits for."""

    def set(self) -> None:
        pass


_NO_EVENT = _NoEvent()
_LAST = b"\r\nconnection: close\r\n\r\n"


class HotProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with the invocations taken out."""

    services: Services
    cycle: Any
    _is_reading = False

    def data_received(self, data: bytes) -> None:
        if b"pgrade:" in data and not self._is_reading:
            data = _not_upgraded(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._is_reading = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        found = None
        parser = self.parser
        assert parser is not None, "headers come from a parser"
        if self.url.startswith(WEB):
            self._take_web()
            return
        if parser.get_method() == b"POST":
            found = _TARGET.fullmatch(self.url)
        busy = self.cycle is not None and not self.cycle.response_complete
        if found is None or busy or self.expect_100_continue:
            super().on_headers_complete()
            return
        headers = {name: value for name, value in self.headers if name in _WANTED}
        others = dict(self.headers)
        if b"content-encoding" in others or len(headers) < _count(self.headers):
            super().on_headers_complete()
            return
        namespace, collection, first, second, query = found.groups()
        if second is not None and collection == b"triggers":
            super().on_headers_complete()
            return
        call = Call(
            namespace=namespace.decode(),
            package=first.decode() if second else None,
            name=(second or first).decode(),
            query=query or b"",
            headers=self.headers,
            authorization=headers.get(b"authorization"),
            content_type=headers.get(b"content-type"),
            address=client_address(self.client, others),
            transid=transaction_id(headers.get(b"x-request-id")),
            is_watched=others.get(EXTRA_LOGGING, b"").lower() == b"on",
        )
        self.cycle = HotCycle(
            self,
            call,
            is_fire=collection == b"triggers",
            keep_alive=parser.get_http_version() != "1.0"
            and parser.should_keep_alive(),
        )
        self._refuse_early(others)

    def _take_web(self) -> None:
        parser = self.parser
        assert parser is not None, "headers come from a parser"
        method = parser.get_method()
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.expect_100_continue or method not in _WEB_METHODS:
            super().on_headers_complete()
            return
        others = dict(self.headers)
        path, _, query = self.url.partition(b"?")
        call = WebCall(
            method=method.decode(),
            path=path,
            query=query.partition(b"#")[0],
            headers=self.headers,
            address=client_address(self.client, others),
            transid=transaction_id(others.get(b"x-request-id")),
        )
        self.cycle = WebCycle(
            self,
            call,
            keep_alive=parser.get_http_version() != "1.0"
            and parser.should_keep_alive(),
        )
        self._refuse_early(others)

    def _refuse_early(self, headers: dict[bytes, bytes]) -> None:
        """Do not read what is announced to be too much."""
        announced = headers.get(b"content-length", b"0")
        if len(announced) > 7 or int(announced) > PAYLOAD_BYTES_MAX:
            self.cycle.refuse_the_rest(int(announced))

    def on_body(self, body: bytes) -> None:
        if isinstance(self.cycle, HotCycle):
            self.cycle.received(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_reading = False
        if isinstance(self.cycle, HotCycle):
            self.cycle.more_body = False
            self.cycle.complete()
        else:
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(self.cycle, HotCycle):
            self.cycle.disconnected = True
            self.cycle.cancel()
        super().connection_lost(exc)


def _not_upgraded(data: bytes) -> bytes:
    """Answer the request without its offer to change the protocol.

    We never do, but the parser would leave out the body: of every POST of a client
    that prefers HTTP/2, as Java's does.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nx-not-upgraded:", head) + end + rest


def _count(headers: list[tuple[bytes, bytes]]) -> int:
    """Answer how many of the wanted headers there are, repeated ones counted."""
    return sum(name in _WANTED for name, _ in headers)


def hot_protocol(services: Services) -> Callable[..., HotProtocol]:
    """Answer the protocol class that serves this house."""
    return type("BoundHotProtocol", (HotProtocol,), {"services": services})
