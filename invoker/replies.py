"""Reading one HTTP/1.1 reply strictly and within bounds.  Pure, fed with bytes.

A container may answer anything, so whatever is not plain HTTP with one Content-Length
counts as no response.  Asking is ``action_proxy``.
Source: ApacheBlockingContainerClient.scala.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from invoker.job import Reply

HEAD_BYTES_MAX = 16 * 1024
HEADERS_MAX = 64
INTERIM_MAX = 4
LOG_SLACK_BYTES = 64 * 1024  # time stamps and stream names do not count as log text

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_LENGTH = re.compile(rb"\d{1,18}")

# The head that our own launchers write: one match instead of a look at each line.
_USUAL = re.compile(
    rb"HTTP/1\.1 (\d\d\d) [A-Za-z ]+\r\nContent-Type: application/json\r\n"
    rb"X-Chasen-Result: (\d{1,18})\r\nContent-Length: (\d{1,18})\r\n\r\n"
)


class Verdict(Enum):
    """What the bytes so far amount to."""

    MORE = auto()
    DONE = auto()
    BROKEN = auto()


class ReplyReader:
    """Reads the reply to one request.

    ``limit`` bounds the result, ``log_limit`` the log behind it; None: there is no log
    in the reply.  After DONE there is ``reply``, and ``is_clean`` tells whether the
    connection may serve again.
    """

    __slots__ = (
        "_buffer",
        "_interims",
        "_length",
        "_limit",
        "_log_limit",
        "_logs_cut",
        "_result",
        "_status",
        "_wanted",
        "is_clean",
        "reply",
    )

    def __init__(self, limit: int, log_limit: int | None) -> None:
        self._limit = limit
        self._log_limit = log_limit
        self._buffer: bytes | bytearray = b""
        self._interims = 0
        self._status = 0
        self._length = 0
        self._result = 0
        self._wanted = -1
        self._logs_cut = False
        self.is_clean = True
        self.reply: Reply | None = None

    def feed(self, data: bytes) -> Verdict:
        """Take the next bytes."""
        if not self._buffer:
            if self._log_limit is not None and self._take_usual(data):
                return Verdict.DONE
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(self._buffer)  # grows without copies
            self._buffer += data
        while self._wanted < 0:
            end = self._buffer.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
            if end < 0:
                too_big = len(self._buffer) >= HEAD_BYTES_MAX
                return Verdict.BROKEN if too_big else Verdict.MORE
            head = bytes(self._buffer[:end])
            self._buffer = self._buffer[end + 4 :]
            if not self._take_head(head):
                return Verdict.BROKEN
        if len(self._buffer) < self._wanted:
            return Verdict.MORE
        return self._finish()

    def _take_usual(self, data: bytes) -> bool:
        """Answer whether this is a whole reply as our launchers write it, and small."""
        match = _USUAL.match(data)
        if match is None or self._wanted >= 0:
            return False
        start, result, length = match.end(), int(match[2]), int(match[3])
        status = int(match[1])
        if (
            len(data) - start != length
            or not 200 <= status <= 599
            or result > min(length, self._limit)
            or length - result > self._bound_of_logs()
        ):
            return False
        end = start + result
        self.reply = Reply(status, data[start:end], result, data[end:])
        return True

    def _bound_of_logs(self) -> int:
        return (self._log_limit or 0) + LOG_SLACK_BYTES

    def _take_head(self, head: bytes) -> bool:
        lines = head.split(b"\r\n", HEADERS_MAX + 1)
        status = _STATUS.fullmatch(lines[0])
        if status is None or len(lines) > HEADERS_MAX + 1:
            return False
        self._status = int(status[2])
        if self._status < 200:
            self._interims += 1
            return self._status != 101 and self._interims <= INTERIM_MAX
        headers: dict[bytes, bytes] = {}
        for line in lines[1:]:
            header = _HEADER.fullmatch(line)
            if header is None:
                return False
            name, value = header[1].lower(), header[2]
            if headers.setdefault(name, value) != value and name == b"content-length":
                return False
        if status[1] == b"0" or headers.get(b"connection", b"").lower() == b"close":
            self.is_clean = False
        return self._take_framing(headers)

    def _take_framing(self, headers: dict[bytes, bytes]) -> bool:
        length = headers.get(b"content-length", b"0" if self._status == 204 else b"")
        if not _LENGTH.fullmatch(length) or b"transfer-encoding" in headers:
            return False
        total = self._result = self._length = int(length)
        if self._log_limit is not None:
            split = headers.get(b"x-chasen-result")
            if split is not None:
                if not _LENGTH.fullmatch(split) or int(split) > total:
                    return False
                self._result = int(split)
            self._logs_cut = headers.get(b"x-chasen-logs-truncated") is not None
        self._wanted = self._bound(total)
        return True

    def _bound(self, total: int) -> int:
        """Answer how much to read of it; the rest is never drained."""
        if self._result > self._limit:
            return self._limit
        return min(total, self._result + self._bound_of_logs())

    def _finish(self) -> Verdict:
        body = bytes(self._buffer)
        if len(body) != self._length:  # cut, or bytes that nobody asked for
            self.is_clean = False
        if self._wanted < self._length:
            self.is_clean = False
            self._logs_cut = True
        body = body[: self._wanted]
        result, logs = body[: self._result], body[self._result :]
        self._buffer = b""
        self.reply = Reply(self._status, result, self._result, logs, self._logs_cut)
        return Verdict.DONE
