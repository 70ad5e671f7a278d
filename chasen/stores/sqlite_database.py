"""One SQLite file: a writer thread that commits in groups, and readers beside it.

Puts that wait at the same time share one transaction, and each returns after its
commit: 7 to 12 us a record instead of 225 with a commit for each.  The standard
library's module on our own threads is 3 to 7 times cheaper here than aiosqlite.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from chasen.errors import ChasenError, StoreUnavailable
from chasen.ports.stores import STORE_TIMEOUT_S
from chasen.stores.sqlite_schema import SCHEMA, VERSION

log = logging.getLogger(__name__)

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

GROUP_MAX = 256  # writes in one transaction
READERS = 2  # so that a list goes on while 48 MB of code are read
BUSY_MS = 2000  # another process (an admin command) may be writing


class Write(NamedTuple):
    """A job for the writer, and where its answer is awaited."""

    job: Job[Any]
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Outcome(NamedTuple):
    write: Write
    value: Any
    error: BaseException | None


class Database:
    """The open file.  A write job decides before it writes.

    A job that raises a ChasenError must not have written anything: its companions in
    the transaction are committed all the same.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._path = path
        self._durable = durable
        self._writes: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._connections: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")
        self._writer = threading.Thread(
            target=self._write_all, name="sqlite-writer", daemon=True
        )

    # Opening and closing; both block -------------------------------------------------

    def open(self) -> None:
        """Raises StoreUnavailable when the file cannot be used."""
        try:
            _make_private(self._path)
            self._connection = self._connect()
            with closing_on_error(self._connection):
                self._prepare()
            for _ in range(READERS):
                self._connections.put(self._connect())
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable(
                f"The database {self._path} cannot be opened: {error}"
            ) from error
        self._writer.start()

    def close(self) -> None:
        """Finish what was asked for, and close the file."""
        self._writes.put(None)
        self._writer.join()
        self._readers.shutdown()
        for _ in range(READERS):
            self._connections.get().close()
        self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_MS / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        level = "FULL" if self._durable else "NORMAL"
        connection.execute(f"PRAGMA synchronous = {level}")
        return connection

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreUnavailable(
                f"The database {self._path} was written by a newer Chasen (schema "
                f"{version}, this one knows {VERSION}). Start that version, or name "
                "another file."
            )
        if version == 0:
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")

    # Asking --------------------------------------------------------------------------

    async def write(self, job: Job[T], *, timeout_s: float = STORE_TIMEOUT_S) -> T:
        """Answer what the job answers, after its commit."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._writes.put(Write(job, answer, loop))
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise StoreUnavailable from error

    async def read(self, job: Job[T], *, timeout_s: float = STORE_TIMEOUT_S) -> T:
        """Answer what the job answers; it sees every commit before the call."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                return await loop.run_in_executor(self._readers, self._read, job)
        except TimeoutError as error:
            raise StoreUnavailable from error
        except sqlite3.Error as error:
            log.error("database cannot be read", extra={"reason": str(error)})
            raise StoreUnavailable from error

    def _read(self, job: Job[T]) -> T:
        connection = self._connections.get()
        try:
            return job(connection)
        finally:
            self._connections.put(connection)

    # The writer thread ---------------------------------------------------------------

    def _write_all(self) -> None:
        is_open = True
        while is_open:
            group = self._next_group()
            is_open = None not in group
            writes = [each for each in group if each is not None]
            if writes:
                _deliver(self._commit(writes))

    def _next_group(self) -> list[Write | None]:
        group = [self._writes.get()]
        while group[-1] is not None and len(group) < GROUP_MAX:
            try:
                group.append(self._writes.get_nowait())
            except queue.Empty:
                break
        return group

    def _commit(self, writes: list[Write]) -> list[Outcome]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._carry_out(each) for each in writes]
            self._connection.execute("COMMIT")
            return outcomes
        except sqlite3.OperationalError as error:
            # Locked, full, not writable: it is so for each of them.
            self._roll_back()
            log.warning("database does not take writes", extra={"reason": str(error)})
            down = StoreUnavailable()
            down.__cause__ = error
            return [Outcome(each, None, down) for each in writes]
        except Exception as error:  # becomes the answer of the one whose fault it is
            self._roll_back()
            if len(writes) == 1:
                return [Outcome(writes[0], None, error)]
            return [self._commit([each])[0] for each in writes]

    def _carry_out(self, write: Write) -> Outcome:
        if write.answer.cancelled():  # the caller has given up: it shall not happen
            return Outcome(write, None, None)
        try:
            return Outcome(write, write.job(self._connection), None)
        except ChasenError as error:
            return Outcome(write, None, error)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _deliver(outcomes: Iterable[Outcome]) -> None:
    for loop in {outcome.write.loop for outcome in outcomes}:
        mine = [outcome for outcome in outcomes if outcome.write.loop is loop]
        try:
            loop.call_soon_threadsafe(_settle, mine)
        except RuntimeError:  # the loop was closed: nobody waits any more
            continue


def _settle(outcomes: Iterable[Outcome]) -> None:
    for write, value, error in outcomes:
        if write.answer.done():
            continue
        if error is None:
            write.answer.set_result(value)
        else:
            write.answer.set_exception(error)


@contextmanager
def closing_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _make_private(path: Path) -> None:
    """Make the file and a missing folder readable by nobody but us."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
