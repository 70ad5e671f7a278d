"""What becomes of the output of user code: the streams and a sentinel, or in band.

Source: the sentinel of OpenWhisk's proxies, and the line format of its log stores.
"""

from __future__ import annotations

import _thread
import io
import os
import sys
from select import EPOLLIN, epoll
from time import gmtime, strftime, time_ns

SENTINEL = b"XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n"
LOG_LIMIT_BYTES = 10 << 20  # OpenWhisk's default, when the request names none
CHUNK_BYTES = 64 << 10


class SentinelLogs:
    """The public contract: output goes where it goes, a sentinel ends each run."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            assert isinstance(stream, io.TextIOWrapper), "the interpreter's own"
            stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)

    def begin(self, limit_bytes: int) -> None:
        """Nothing to bound here: whoever reads the streams keeps the limit."""

    def frame(self, result: bytes, *, ends_run: bool) -> tuple[bytes, bytes]:
        """Answer (headers, body) of a reply; the logs are flushed and ended first."""
        if ends_run:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                    os.write(stream.fileno(), SENTINEL)
                except (OSError, ValueError):
                    pass  # user code closed it; the answer matters more
        return b"", result


class InbandLogs:
    """Gathers what user code prints, as the block of lines that follows the result.

    sys.stdout and sys.stderr append to `records`; a pipe over fd 1 and 2 catches
    the rest (subprocesses, C code), emptied by a thread that sleeps until it is
    written to.  Nothing beyond the limit is kept, however long a run prints.
    """

    NAMES = (b"stdout", b"stderr", b"stdout", b"stderr")
    FOLD_CHARACTERS = 256 << 10
    FOLD_RECORDS = 2048

    def __init__(self) -> None:
        self.records: list[
            tuple[int, int, str | bytes]
        ] = []  # (nanoseconds, source, text or bytes): 0, 1 text, 2, 3 bytes
        self.load = 0
        self.block = bytearray()
        self.partial = [bytearray(), bytearray(), bytearray(), bytearray()]
        self.limit_bytes = LOG_LIMIT_BYTES
        self.cut = False
        self.forked = False  # this is a child
        self._has_forked = False
        self._modules = sys.modules
        self._second = (-1, b"")
        self._lock = _thread.RLock()
        self._pipes: dict[int, int] = {}
        self._ready = epoll()
        self._capture()

    def _capture(self) -> None:
        for target in (1, 2):
            reading, writing = os.pipe()
            os.dup2(writing, target)
            os.close(writing)
            os.set_blocking(reading, False)
            self._pipes[reading] = target + 1
            self._ready.register(reading, EPOLLIN)
        sys.stdout = sys.__stdout__ = _Printed(self, 0)
        sys.stderr = sys.__stderr__ = _Printed(self, 1)
        os.register_at_fork(before=self._fork, after_in_child=self._become_child)
        _thread.start_new_thread(self._watch, ())

    def _fork(self) -> None:
        self._has_forked = True

    def _become_child(self) -> None:
        # A forked child's memory is its own: it must print through the pipe.
        self.forked = True
        self.records.clear()
        self._lock = _thread.RLock()

    def _watch(self) -> None:
        while True:
            for reading, _ in self._ready.poll():
                self._drain(reading)

    def _drain(self, reading: int) -> None:
        # Reading happens under the lock only, so that no output is in somebody's
        # hands, read but not recorded, when a run ends.
        with self._lock:
            try:
                while data := os.read(reading, CHUNK_BYTES):
                    self.add(self._pipes[reading], data)
            except BlockingIOError:
                pass

    def add(self, source: int, data: str | bytes) -> None:
        """Record text (source 0, 1) or bytes (2, 3) as printed now."""
        if self.cut:
            return
        size = len(data)
        if size > self.limit_bytes:
            data = data[: self.limit_bytes + 1]
        self.records.append((time_ns(), source, data))
        self.load += size
        if self.load > self.FOLD_CHARACTERS or len(self.records) > self.FOLD_RECORDS:
            self._fold()

    def print(self, source: int, text: str) -> None:
        """Record what user code prints, behind what its children printed before."""
        if "_posixsubprocess" in self._modules or self._has_forked:
            self._empty_pipes()
        self.add(source, text)

    def _empty_pipes(self) -> None:
        for reading, _ in self._ready.poll(0):
            self._drain(reading)

    def begin(self, limit_bytes: int) -> None:
        """Take the limit of the coming answer; output since the last one counts."""
        self.limit_bytes = limit_bytes

    def frame(self, result: bytes, *, ends_run: bool) -> tuple[bytes, bytes]:
        """Answer (headers, body) of a reply: the result, then the log block."""
        block, cut = self._take() if ends_run else (b"", False)
        lost = b"X-Chasen-Logs-Truncated: 1\r\n" if cut else b""
        return b"X-Chasen-Result: %d\r\n%b" % (len(result), lost), result + block

    def _take(self) -> tuple[bytes, bool]:
        self._empty_pipes()
        with self._lock:
            self._fold()
            for source, rest in enumerate(self.partial):
                if rest:
                    self._line(time_ns(), source, bytes(rest))
                    rest.clear()
            # A limit of nothing means nobody asked: that is no loss to report.
            block, cut = bytes(self.block), self.cut and self.limit_bytes > 0
            self.block.clear()
            self.cut = False
        return block, cut

    def _fold(self) -> None:
        with self._lock:
            batch = self.records[:]
            del self.records[: len(batch)]
            self.load = 0
            for stamp, source, data in batch:
                if self.cut:
                    return
                if isinstance(data, str):
                    data = data.encode("utf-8", "replace")
                self._split(stamp, source, data)

    def _split(self, stamp: int, source: int, data: bytes) -> None:
        first, *rest = data.split(b"\n")
        partial = self.partial[source]
        partial += first
        for line in rest:
            self._line(stamp, source, bytes(partial))
            partial[:] = line
        if len(partial) > self.limit_bytes - len(self.block):
            self._line(stamp, source, bytes(partial))
            partial.clear()

    def _line(self, stamp: int, source: int, line: bytes) -> None:
        if self.cut:
            return
        if source > 1:
            line = line.decode("utf-8", "replace").encode()
        if line.endswith(b"\r"):
            line = line[:-1]
        line = b"%b%b: %b" % (self._time(stamp), self.NAMES[source], line)
        room = self.limit_bytes - len(self.block) - (1 if self.block else 0)
        if len(line) > room:
            self.cut = True
            shortest = len("2026-11-22T02:05:05.123456789Z stdout: ")
            # Half a character must not stay behind, nor a time without a text.
            line = line[: max(room, 0)].decode("utf-8", "ignore").encode()
            if len(line) <= shortest:
                return
        if self.block:
            self.block += b"\n"
        self.block += line

    def _time(self, stamp: int) -> bytes:
        second, rest = divmod(stamp, 1_000_000_000)
        if second != self._second[0]:
            text = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
            self._second = (second, text.encode())
        return b"%b.%09dZ " % (self._second[1], rest)


class _Printed(io.TextIOBase):
    """sys.stdout or sys.stderr of user code; what is written becomes a record."""

    def __init__(self, logs: InbandLogs, source: int) -> None:
        self._logs, self._source = logs, source
        self._unsent = ""
        self.buffer = _PrintedBytes(logs, source)
        self.name = ("<stdout>", "<stderr>")[source]
        self.mode = "w"

    encoding = "utf-8"
    errors = "replace"
    newlines = None
    line_buffering = True
    write_through = False

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(f"write() argument must be str, not {kind}")
        if self._logs.forked:
            self._write_from_child(text)
        elif text:
            self._logs.print(self._source, text)
        return len(text)

    def _write_from_child(self, text: str) -> None:
        # Whole lines, or those of two children would mix.
        self._unsent += text
        if "\n" in text:
            self.flush()

    def flush(self) -> None:
        if self._unsent:
            text, self._unsent = self._unsent, ""
            self.buffer.write(text.encode("utf-8", "replace"))

    def reconfigure(self, **_: object) -> None:
        """The encoding is UTF-8 whatever one asks for."""

    def fileno(self) -> int:
        return self._source + 1

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stays open: the next run prints too."""


class _PrintedBytes(io.RawIOBase):
    """sys.stdout.buffer: bytes that need not be text."""

    def __init__(self, logs: InbandLogs, source: int) -> None:
        self._logs, self._source = logs, source

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        data = bytes(data)
        if not self._logs.forked:
            self._logs.add(self._source + 2, data)
            return len(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._source + 1, rest) :]
        return len(data)

    def fileno(self) -> int:
        return self._source + 1

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stays open: the next run prints too."""
