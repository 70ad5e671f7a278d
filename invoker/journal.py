"""What this invoker did, in a file that survives SIGKILL: one ``write()`` a line.

*Noted* stands before the first byte of ``/run`` leaves, *finished* (the whole record)
before the answer or an ack does, *stored* after the store has the record.  A segment
is removed when all in it is stored and old enough that the bus no longer gives its
messages again.  Reading it after a crash is ``replay``.

    N{"id", "ns", "action", ...}           the head of the message
    F{"controller", "blocking"}<TAB>{...}  the record as it is stored
    S["id", ...]
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from chasen.entities import ActivationId
from chasen.errors import ChasenError
from chasen.messages import ActivationMessage
from chasen.ports.clock import Clock

log = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_AGE_S = 60  # a commit on the bus lags behind the store by far less
SEGMENT_AGE_MAX_S = 48 * 3600  # no message is kept for longer, so none asks for it
Then = Callable[[], None]


class JournalBroken(ChasenError):
    sentence = "The journal cannot be written."


@dataclass(slots=True)
class _Segment:
    """``open`` holds what is noted or finished in it and not known to be stored."""

    path: Path
    open: set[ActivationId] = field(default_factory=set)
    closed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A record that was made; nobody may have heard of it."""

    record: bytes
    controller: str
    blocking: bool


@dataclass(slots=True)
class Past:
    """What earlier lives of this invoker left behind.

    ``stored`` ids need nothing; ``finished`` want to be stored and acked; ``noted``
    may have run.
    """

    noted: dict[ActivationId, ActivationMessage] = field(default_factory=dict)
    finished: dict[ActivationId, Finished] = field(default_factory=dict)
    stored: set[ActivationId] = field(default_factory=set)


class Journal:
    """The journal of one invoker.  ``durable``: lines are synced before ``then``."""

    def __init__(self, path: Path, clock: Clock, *, durable: bool) -> None:
        self._path = path
        self._clock = clock
        self._durable = durable
        self._handle = -1
        self._size = 0
        self._torn = False
        self._current = _Segment(path)
        self._older: list[_Segment] = []
        self._unsynced: list[Then] = []
        self._syncing: asyncio.Future[None] | None = None
        self.fault: str | None = None

    def open(self) -> Past:
        """Read what earlier lives left, and begin a new segment."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        past = Past()
        paths = [path for _, path in sorted(self._closed_paths())]
        if self._path.exists():
            paths.append(self._archive())
        for path in paths:
            segment = _Segment(path, closed_s=self._clock.monotonic_s())
            _read(path, past, segment.open)
            self._older.append(segment)
        for segment in self._older:
            segment.open -= past.stored
        self._begin()
        return past

    def note(self, identifier: ActivationId, head: bytes, then: Then) -> None:
        """Write that this is about to run; then call ``then``.

        ``head`` is the message without its arguments.  Raises JournalBroken, and does
        not call ``then``, when the line cannot be written.
        """
        self._write(b"N%b\n" % head)
        self._current.open.add(identifier)
        self._call(then)

    def finish(self, message: ActivationMessage, record: bytes, then: Then) -> None:
        """Write the record; then call ``then``.  Raises JournalBroken as ``note``."""
        blocking = b"true" if message.blocking else b"false"
        line = b'F{"controller":%b,"blocking":%b}\t%b\n'
        self._write(line % (orjson.dumps(message.controller), blocking, record))
        self._current.open.add(message.activation_id)
        self._call(then)

    def stored(self, ids: Iterable[ActivationId]) -> None:
        """Take note that the store has their records; drop what is no longer needed."""
        ids = list(ids)
        with suppress(JournalBroken):  # then they are stored once more after a crash
            self._write(b"S%b\n" % orjson.dumps(ids))
        for segment in (self._current, *self._older):
            segment.open.difference_update(ids)
        if self._size > SEGMENT_BYTES:
            self._rotate()
        self.sweep()

    def sweep(self) -> None:
        """Remove segments that no crash could ask for; see whether a fault is over."""
        if self.fault is not None:
            with suppress(JournalBroken):
                self._write(b"\n")
        now_s = self._clock.monotonic_s()
        for segment in tuple(self._older):
            age_s = now_s - segment.closed_s
            if age_s >= (SEGMENT_AGE_MAX_S if segment.open else SEGMENT_AGE_S):
                segment.path.unlink(missing_ok=True)
                self._older.remove(segment)

    @property
    def segments(self) -> int:
        return 1 + len(self._older)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _closed_paths(self) -> list[tuple[int, Path]]:
        pattern = re.compile(re.escape(self._path.name) + r"\.(\d+)")
        found = []
        for path in self._path.parent.iterdir():
            match = pattern.fullmatch(path.name)
            if match is not None:
                found.append((int(match[1]), path))
        return found

    def _archive(self) -> Path:
        number = max((number for number, _ in self._closed_paths()), default=0) + 1
        path = self._path.with_name(f"{self._path.name}.{number}")
        self._path.rename(path)
        return path

    def _begin(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._handle = os.open(self._path, flags, 0o600)
        self._size = 0
        self._current = _Segment(self._path)
        if self._durable:
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)  # a file without a name survives nothing
            os.close(folder)

    def _rotate(self) -> None:
        closed = self._current
        closed.path, closed.closed_s = self._archive(), self._clock.monotonic_s()
        self._older.append(closed)
        if self._durable:
            os.fdatasync(self._handle)  # lines that wait for a sync lie in there
        if self._syncing is None:
            os.close(self._handle)
        else:  # a thread still syncs it
            handle = self._handle
            self._syncing.add_done_callback(lambda _: os.close(handle))
        self._begin()

    def _write(self, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line
        try:
            written = os.write(self._handle, line)
        except OSError as error:
            self.fault = f"The journal cannot be written: {error.strerror}."
            raise JournalBroken(self.fault) from error
        self._size += written
        self._torn = written < len(line)
        if self._torn:
            self.fault = "The journal's disk is full."
            raise JournalBroken(self.fault)
        self.fault = None

    def _call(self, then: Then) -> None:
        if self._durable:
            self._unsynced.append(then)
            self._sync()
        else:
            then()

    def _sync(self) -> None:
        """One sync at a time; it serves all lines written before it began."""
        if self._syncing is not None or not self._unsynced:
            return
        waiting, self._unsynced = self._unsynced, []
        loop = asyncio.get_running_loop()
        self._syncing = loop.run_in_executor(None, os.fdatasync, self._handle)

        def synced(done: asyncio.Future[None]) -> None:
            self._syncing = None
            if not done.cancelled() and done.exception() is not None:
                self.fault = "The journal cannot be synced."
                log.error(self.fault, exc_info=done.exception())
            for then in waiting:
                then()
            self._sync()

        self._syncing.add_done_callback(synced)


def _read(path: Path, past: Past, opened: set[ActivationId]) -> None:
    unreadable = 0
    with path.open("rb") as file:
        for line in file:
            try:
                _take(line, past, opened)
            except (ValueError, KeyError, TypeError, ChasenError):
                unreadable += 1  # torn by a power cut or a full disk
    if unreadable:
        log.warning(
            "the journal has unreadable lines",
            extra={"path": str(path), "lines": unreadable},
        )


def _take(line: bytes, past: Past, opened: set[ActivationId]) -> None:
    kind, text = line[:1], line[1:].rstrip(b"\n")
    if kind == b"N":
        message = ActivationMessage.decode(text)
        opened.add(message.activation_id)
        past.noted[message.activation_id] = message
    elif kind == b"F":
        head, _, record = text.partition(b"\t")
        facts, identifier = orjson.loads(head), orjson.loads(record)["activationId"]
        opened.add(identifier)
        past.noted.pop(identifier, None)
        past.finished[identifier] = Finished(
            record, facts["controller"], facts["blocking"]
        )
    elif kind == b"S":
        for identifier in orjson.loads(text):
            past.noted.pop(identifier, None)
            past.finished.pop(identifier, None)
            past.stored.add(identifier)
    elif kind.strip():
        raise ValueError(kind)
