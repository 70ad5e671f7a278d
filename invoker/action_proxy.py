"""The HTTP client of ``POST /init`` and ``POST /run``, for any container address.

Own code where httpx or aiohttp could stand: a pre-connected ``asyncio.Protocol`` costs
5 to 10 us a request, aiohttp 77 to 120, httpx 640 and more.  Reading the reply is
``replies``; what it means is ``activation``.
Source: ApacheBlockingContainerClient.scala.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chasen.entities.limits import RESULT_BYTES_MAX
from invoker.job import Answer, Failure
from invoker.ports import ContainerAddress
from invoker.replies import ReplyReader, Verdict

CONNECT_PAUSE_S = 0.002  # a launcher listens within milliseconds; each try costs 50 us

Then = Callable[[Answer], None]


class Connection(asyncio.Protocol):
    """One connection; at most one request at a time, answered by one call of ``then``.

    Bytes that come when nothing was asked spoil the connection.
    """

    __slots__ = ("_deadline", "_loop", "_reader", "_then", "_transport", "is_usable")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._then: Then | None = None
        self._reader: ReplyReader | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.is_usable = False

    def exchange(
        self, request: bytes, reader: ReplyReader, *, timeout_s: float, then: Then
    ) -> None:
        """Send; call ``then`` once, later, with the reply or the failure."""
        assert self.is_usable, "a closed connection"
        assert self._then is None, "a busy connection"
        assert self._transport is not None
        self._then, self._reader = then, reader
        self._deadline = self._loop.call_later(timeout_s, self._timed_out)
        self._transport.write(request)

    def close(self) -> None:
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # pyright: ignore[reportAttributeAccessIssue]
        self.is_usable = True

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            self.close()
            return
        verdict = reader.feed(data)
        if verdict is Verdict.DONE:
            assert reader.reply is not None
            if not reader.is_clean:
                self.close()
            self._answer(reader.reply)
        elif verdict is Verdict.BROKEN:
            self.close()
            self._answer(Failure.NO_RESPONSE)

    def eof_received(self) -> bool:
        self.close()
        self._answer(Failure.NO_RESPONSE)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_usable = False
        self._answer(Failure.NO_RESPONSE)

    def _timed_out(self) -> None:
        self.close()
        self._answer(Failure.TIMED_OUT)

    def _answer(self, answer: Answer) -> None:
        then, self._then, self._reader = self._then, None, None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if then is not None:
            then(answer)


class ActionProxy:
    """The door of one container."""

    def __init__(self, address: ContainerAddress) -> None:
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._kept: Connection | None = None
        self._busy: set[Connection] = set()
        close = b"" if address.keep_alive else b"Connection: close\r\n"
        self._head = (
            b" HTTP/1.1\r\nHost: action\r\nAccept: application/json\r\n"
            b"Accept-Encoding: identity\r\nContent-Type: application/json\r\n"
            + close
            + b"Content-Length: %d\r\n"
        )

    @property
    def has_connection(self) -> bool:
        """Answer whether ``run_at_once`` may be called."""
        return self._kept is not None and self._kept.is_usable

    def run_at_once(
        self, body: bytes, *, log_limit: int, timeout_s: float, then: Then
    ) -> None:
        """``/run`` on the connection; ``then`` is called once, from the reader."""
        connection, self._kept = self._kept, None
        assert connection is not None
        self._exchange(connection, b"POST /run", body, log_limit, timeout_s, then)

    async def initialize(
        self, body: bytes, *, log_limit: int, timeout_s: float
    ) -> Answer:
        """``/init``; waits until the container listens, within the same budget."""
        ends_s = self._loop.time() + timeout_s
        try:
            async with asyncio.timeout_at(ends_s):
                connection = await self._connect_patiently()
        except TimeoutError:
            return Failure.TIMED_OUT
        if not connection.is_usable:  # it spoke, or left, before it was asked
            return Failure.NO_RESPONSE
        answered: asyncio.Future[Answer] = self._loop.create_future()

        def then(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        left_s = max(0.0, ends_s - self._loop.time())
        self._exchange(connection, b"POST /init", body, log_limit, left_s, then)
        try:
            return await answered
        except asyncio.CancelledError:
            connection.close()
            raise

    async def connect(self, *, timeout_s: float) -> bool:
        """See to it that ``run_at_once`` may be called; False: nobody listens."""
        if self.has_connection:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                self._kept = await self._connect_once()
        except (TimeoutError, OSError):
            return False
        return True

    def close(self) -> None:
        """Close everything; what is asked ends with NO_RESPONSE."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None
        for connection in tuple(self._busy):
            connection.close()

    def _exchange(
        self,
        connection: Connection,
        verb: bytes,
        body: bytes,
        log_limit: int,
        timeout_s: float,
        then: Then,
    ) -> None:
        inband = self._address.inband_logs
        head = verb + self._head % len(body)
        if inband:
            head += b"X-Chasen-Log-Limit: %d\r\n" % log_limit
        reader = ReplyReader(RESULT_BYTES_MAX, log_limit if inband else None)
        busy = self._busy

        def settled(answer: Answer) -> None:
            busy.discard(connection)
            if not self._address.keep_alive:
                connection.close()
            elif connection.is_usable:
                self._kept = connection
            then(answer)

        busy.add(connection)
        request = b"%b\r\n%b" % (head, body)
        connection.exchange(request, reader, timeout_s=timeout_s, then=settled)

    async def _connect_patiently(self) -> Connection:
        while True:
            try:
                return await self._connect_once()
            except OSError:
                await asyncio.sleep(CONNECT_PAUSE_S)

    async def _connect_once(self) -> Connection:
        loop, address = self._loop, self._address
        if address.unix is not None:
            _, connection = await loop.create_unix_connection(
                lambda: Connection(loop), address.unix
            )
        else:
            assert address.host is not None, "an address without socket or host"
            _, connection = await loop.create_connection(
                lambda: Connection(loop), address.host, address.port
            )
        return connection
