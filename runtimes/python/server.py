"""HTTP as an invoker speaks it: a small head, a body with a length, kept alive.

One thread serves all connections, one request at a time: user code has the main
thread, where signals work, and nothing else wants to run meanwhile.
"""

from __future__ import annotations

import _socket
import os
import sys
from select import EPOLLIN, epoll

from action import Action, BadRequest, failure
from codec import loads
from logs import LOG_LIMIT_BYTES, InbandLogs, SentinelLogs

BODY_LIMIT_BYTES = 160 << 20  # 48 MB of code, if JSON escapes blow it up threefold
HEAD_LIMIT_BYTES = 16 << 10
RECEIVE_BYTES = 16 << 10
STALLED_REQUEST_S = 10  # half a request must not hold up the others for ever
IDLE_BEFORE_PRELOAD_S = 0.1  # no /init by then: a stem cell, with time on its hands

TOO_LARGE = "The request is too large."
NO_SUCH_PATH = "This is an action runtime: POST to /init, then to /run."
REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    411: "Length Required",
    413: "Payload Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
}


class Hangup(Exception):
    """The connection is of no more use; nothing can be answered on it."""


class Head:
    """What matters of a request's head."""

    __slots__ = ("close", "expects", "length", "limit_bytes", "route")

    def __init__(self, head: bytes) -> None:
        line, _, fields = head.partition(b"\r\n")
        words = line.split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            raise Hangup
        self.route = b" ".join(words[:2])
        self.length: int | None = None
        self.limit_bytes = LOG_LIMIT_BYTES
        self.expects = False
        self.close = words[2] == b"HTTP/1.0"
        for field in fields.split(b"\r\n"):
            name, _, value = field.partition(b":")
            self._read(name.strip().lower(), value.strip())

    def _read(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            # Two lengths, or a strange one: whoever sent them means mischief.
            if self.length is not None or not value.isdigit():
                raise Hangup
            self.length = int(value)
        elif name == b"connection":
            self.close = self.close or value.lower() == b"close"
        elif name == b"expect":
            self.expects = value.lower() == b"100-continue"
        elif name == b"x-chasen-log-limit" and value.isdigit():
            self.limit_bytes = int(value)


class Server:
    """One thread, any number of kept-alive connections, one request at a time."""

    def __init__(
        self,
        listener: _socket.socket,
        action: Action,
        logs: InbandLogs | SentinelLogs,
    ) -> None:
        self._listener = listener
        self._routes = {b"POST /init": action.init, b"POST /run": action.run}
        self._logs = logs
        self._ready = epoll()
        self._ready.register(listener.fileno(), EPOLLIN)
        self._connections: dict[int, _socket.socket] = {}
        self._heads: dict[bytes, Head] = {}
        self._process = os.getpid()

    def serve(self) -> None:
        """Answer requests until the process ends."""
        if not self._ready.poll(IDLE_BEFORE_PRELOAD_S):
            import json  # noqa: F401 - most actions do, and now it costs nobody
        listening = self._listener.fileno()
        while True:
            for descriptor, _ in self._ready.poll():
                if descriptor == listening:
                    self._accept()
                elif not self._exchange(self._connections[descriptor]):
                    self._ready.unregister(descriptor)
                    self._connections.pop(descriptor).close()

    def _accept(self) -> None:
        try:
            descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]
        except OSError:
            return  # gone before we came
        connection = _socket.socket(fileno=descriptor)
        connection.setblocking(True)
        patience = STALLED_REQUEST_S.to_bytes(8, sys.byteorder) + bytes(8)
        connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, patience)
        if connection.family == _socket.AF_INET:
            connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._connections[descriptor] = connection
        self._ready.register(descriptor, EPOLLIN)

    def _exchange(self, connection: _socket.socket) -> bool:
        """Answer what has come in on a connection; false when it is over."""
        try:
            data = connection.recv(RECEIVE_BYTES)
            while data:
                head, body, data = self._receive(connection, data)
                connection.sendall(self._answer(head, body))
                if head.close:
                    return False
                if not data:
                    return True
        except (Hangup, OSError):
            pass
        return False

    def _receive(
        self, connection: _socket.socket, data: bytes
    ) -> tuple[Head, bytes | bytearray, bytes]:
        """Answer (head, body, what came behind it)."""
        end = data.find(b"\r\n\r\n")
        while end < 0:
            more = connection.recv(RECEIVE_BYTES)
            if not more or len(data) > HEAD_LIMIT_BYTES:
                raise Hangup
            data += more
            end = data.find(b"\r\n\r\n")
        head = self._head(data[:end])
        end += 4
        length = head.length or 0
        if len(data) - end >= length:
            return head, data[end : end + length], data[end + length :]
        if length > BODY_LIMIT_BYTES:
            connection.sendall(self._reply(413, failure(TOO_LARGE), ends_run=False))
            raise Hangup
        if head.expects:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray(length)
        view = memoryview(body)
        got = len(data) - end
        view[:got] = data[end:]
        while got < length:
            count = connection.recv_into(view[got:])
            if not count:
                raise Hangup
            got += count
        return head, body, b""

    def _head(self, text: bytes) -> Head:
        # An invoker says nearly the same each time: 6 us saved.
        head = self._heads.get(text)
        if head is None:
            if len(self._heads) > 200:
                self._heads.clear()
            head = self._heads[text] = Head(text)
        return head

    def _answer(self, head: Head, body: bytes | bytearray) -> bytes:
        self._logs.begin(head.limit_bytes)
        route = self._routes.get(head.route)
        if route is None:
            return self._reply(404, failure(NO_SUCH_PATH), ends_run=False)
        if head.length is None:
            return self._reply(411, failure("Content-Length missing."), ends_run=False)
        try:
            request = loads(body.decode())
            if not isinstance(request, dict):
                raise BadRequest("it is not an object")
            status, result, ends_run = route(request)
        except (BadRequest, ValueError, RecursionError) as error:
            sentence = failure(f"Error unmarshaling request: {error}")
            status, result, ends_run = 400, sentence, False
        if os.getpid() != self._process:
            os._exit(0)  # user code forked and let the child come back
        return self._reply(status, result, ends_run=ends_run)

    def _reply(self, status: int, result: bytes, *, ends_run: bool) -> bytes:
        headers, body = self._logs.frame(result, ends_run=ends_run)
        return (
            b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\n%bContent-Length: %d"
            b"\r\n\r\n%b"
        ) % (status, REASONS[status].encode(), headers, len(body), body)
