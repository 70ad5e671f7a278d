"""A file that keeps durable messages while the in-process bus is down.

SQLite, one writer thread, one transaction for all that came while the last one was
being written (group commit).  Write-ahead log with `synchronous=NORMAL`: an accepted
message survives the death of the process; with FULL also a power cut.  Committed
messages are deleted.  Showing and counting messages is memory.py's.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import orjson

from chasen.bus.log import Log, Topic
from chasen.ports.bus import Received

SCHEMA_VERSION = 1
BATCH_LIMIT = 1000  # writes in one transaction
_ROWS_AT_ONCE = 50  # one statement takes and gives back the interpreter lock once
# Offsets are reserved in blocks, so that they never come again although messages
# that are not durable leave no trace.
_BLOCK = 1 << 20

_SCHEMA = """
CREATE TABLE IF NOT EXISTS logs (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    retention_ms INTEGER, reserved INTEGER NOT NULL, UNIQUE (topic, partition));
CREATE TABLE IF NOT EXISTS messages (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL,
    headers BLOB NOT NULL, body BLOB NOT NULL,
    UNIQUE (topic, partition, position));
CREATE TABLE IF NOT EXISTS groups (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, name TEXT NOT NULL,
    position INTEGER NOT NULL, PRIMARY KEY (topic, partition, name)) WITHOUT ROWID;
"""
_POST = "INSERT INTO messages (topic, partition, position, headers, body) VALUES "
_ROW = "(?, ?, ?, ?, ?)"
_MAKE = "INSERT OR IGNORE INTO logs VALUES (NULL, ?, ?, ?, ?)"
_RESERVE = "UPDATE logs SET reserved = ? WHERE topic = ? AND partition = ?"
_FORGET = "DELETE FROM messages WHERE topic = ? AND partition = ? AND position < ?"
_COMMIT = "INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?)"


class SpoolError(Exception):
    """The file cannot be read or written; the sentence says which and why."""


class Write:
    """What one transaction has to hold, and whom to tell on the loop."""

    __slots__ = ("row", "statements", "then")

    def __init__(
        self,
        row: tuple[Any, ...] | None = None,
        statements: Sequence[tuple[str, tuple[Any, ...]]] = (),
    ) -> None:
        self.row = row
        self.statements = statements
        self.then: Callable[[SpoolError | None], None] | None = None


class Spool:
    """All methods but `open` and `close` return at once."""

    def __init__(self, path: str, *, synchronous: str = "NORMAL") -> None:
        assert synchronous in ("NORMAL", "FULL"), synchronous
        self._path = Path(path)
        self._synchronous = synchronous
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._opened: asyncio.Future[list[Topic]] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()

    async def open(self) -> list[Topic]:
        """Answer the topics with the messages that were not committed.

        Raises:
            SpoolError: the file cannot be used, or another process does.
        """
        self._thread.start()
        return await self._opened

    async def close(self) -> None:
        """Write what is waiting, then close the file."""
        self._queue.put(None)
        await self._closed

    def post(self, topic: str, message: Received) -> Write:
        headers = b""
        if message.headers:
            # Bytes are no JSON; Latin-1 gives each byte a character and back.
            headers = orjson.dumps(
                {name: raw.decode("latin-1") for name, raw in message.headers.items()}
            )
        row = (topic, message.partition, message.offset, headers, message.body)
        return self._put(Write(row=row))

    def make(self, topic: Topic, retention_ms: int | None) -> Write:
        statements: list[tuple[str, tuple[Any, ...]]] = []
        for log in topic.logs:
            reserved = _reserve(log)
            row = (topic.name, log.partition, retention_ms, reserved)
            statements.append((_MAKE, row))
        return self._put(Write(statements=statements))

    def reserve(self, topic: Topic, log: Log) -> Write:
        row = (_reserve(log), topic.name, log.partition)
        return self._put(Write(statements=[(_RESERVE, row)]))

    def commit(
        self, topic: str, partition: int, group: str, offset: int, floor: int
    ) -> Write:
        """The group is at offset, and nobody wants what is below floor."""
        statements = [
            (_COMMIT, (topic, partition, group, offset)),
            (_FORGET, (topic, partition, floor)),
        ]
        return self._put(Write(statements=statements))

    def expire(self, topic: str, partition: int, floor: int) -> Write:
        return self._put(Write(statements=[(_FORGET, (topic, partition, floor))]))

    def _put(self, write: Write) -> Write:
        self._queue.put(write)
        return write

    # On the loop -----------------------------------------------------------------

    def _tell(self, batch: list[Write], error: SpoolError | None) -> None:
        for write in batch:
            if write.then is not None:
                write.then(error)

    # In the thread ---------------------------------------------------------------

    def _run(self) -> None:
        tell = self._loop.call_soon_threadsafe
        try:
            database = self._connect()
            try:
                topics = _load(database)
            except BaseException:
                database.close()
                raise
        except (sqlite3.Error, OSError, SpoolError) as error:
            told = error if isinstance(error, SpoolError) else self._error(error)
            tell(_end, self._opened, told, None)
            return
        tell(_end, self._opened, None, topics)
        try:
            self._write_all(database, tell)
        finally:
            database.close()
            tell(_end, self._closed, None, None)

    def _write_all(
        self, database: sqlite3.Connection, tell: Callable[..., Any]
    ) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._next_batch()
            error = self._transact(database, batch) if batch else None
            tell(self._tell, batch, error)

    def _next_batch(self) -> tuple[list[Write], bool]:
        """Wait for one write and take all others that are there."""
        batch: list[Write] = []
        item = self._queue.get()
        try:
            while item is not None:
                batch.append(item)
                if len(batch) == BATCH_LIMIT:
                    return batch, True
                item = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _transact(
        self, database: sqlite3.Connection, batch: list[Write]
    ) -> SpoolError | None:
        try:
            database.execute("BEGIN IMMEDIATE")
            rows = (write.row for write in batch if write.row is not None)
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                values = [value for row in some for value in row]
                database.execute(_POST + ", ".join([_ROW] * len(some)), values)
            for write in batch:
                for statement, values in write.statements:
                    database.execute(statement, values)
            database.execute("COMMIT")
        except sqlite3.Error as error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            return self._error(error)
        return None

    def _connect(self) -> sqlite3.Connection:
        # Messages carry arguments; the file is for its owner alone, and SQLite
        # gives its companions the same mode.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(
            self._path, isolation_level=None, timeout=0.5, check_same_thread=True
        )
        try:
            # Nobody else may read it, so the index of the log can stay in memory.
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"PRAGMA synchronous = {self._synchronous}")
            database.execute("PRAGMA journal_size_limit = 67108864")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version not in (0, SCHEMA_VERSION):
                raise SpoolError(
                    f"The message spool {self._path} is of version {version}, this"
                    f" program knows {SCHEMA_VERSION}. Use the program that wrote it."
                )
            database.executescript(_SCHEMA)
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._reserve_anew(database)
        except BaseException:
            database.close()
            raise
        return database

    @staticmethod
    def _reserve_anew(database: sqlite3.Connection) -> None:
        database.execute("UPDATE logs SET reserved = reserved + ?", (_BLOCK,))

    def _error(self, error: Exception) -> SpoolError:
        reason = str(error)
        if "locked" in reason:
            reason = "another process uses it"
        sentence = f"The message spool {self._path} cannot be used: {reason}."
        told = SpoolError(sentence)
        told.__cause__ = error
        return told


def _reserve(log: Log) -> int:
    """Move the log's ceiling up; answers what to write down."""
    log.ceiling = log.next_offset + _BLOCK // 2
    return log.next_offset + _BLOCK


def _end(future: asyncio.Future[Any], error: Exception | None, result: Any) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _load(database: sqlite3.Connection) -> list[Topic]:
    """Answer what the last process left; offsets go on behind what it reserved."""
    topics: dict[str, Topic] = {}
    rows = database.execute("SELECT * FROM logs ORDER BY topic, partition").fetchall()
    for _, name, _, retention_ms, _ in rows:
        if name not in topics:
            topics[name] = Topic(name)
            count = sum(1 for row in rows if row[1] == name)
            topics[name].make(count, retention_ms)
    for _, name, partition, _, reserved in rows:
        log = topics[name].logs[partition]
        log.next_offset = reserved - _BLOCK  # raised by one block just now
        log.ceiling = log.next_offset + _BLOCK // 2
    groups = "SELECT topic, partition, name, position FROM groups"
    for name, partition, group, position in database.execute(groups):
        topics[name].group(group).committed[partition] = position
    messages = "SELECT * FROM messages ORDER BY topic, partition, position"
    for name, partition, offset, headers, body in database.execute(messages):
        topic = topics[name]
        log = topic.logs[partition]
        found = {
            key: text.encode("latin-1")
            for key, text in orjson.loads(headers or b"{}").items()
        }
        topic.append(log, Received(partition, offset, found, body))
        topic.count += 1
        topic.size_bytes += len(body)
        log.last_durable = offset
    return list(topics.values())
