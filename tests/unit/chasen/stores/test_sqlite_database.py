"""Group commit: many writes in one transaction, and none answers for another."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chasen.errors import DocumentConflict, StoreUnavailable
from chasen.stores.sqlite_database import Database

pytestmark = pytest.mark.anyio

INSERT = "INSERT INTO names (number, name) VALUES (?, ?)"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "chasen.db", durable=False)
    opened.open()
    yield opened
    opened.close()


class Gate:
    """Keeps the writer busy, so that what follows waits together."""

    def __init__(self) -> None:
        self._is_open = threading.Event()

    def __call__(self, db: sqlite3.Connection) -> None:
        self._is_open.wait(5)

    def open(self) -> None:
        self._is_open.set()


def inserting(number: int, name: str):
    return lambda db: db.execute(INSERT, (number, name)).rowcount


async def stored(database: Database) -> list[int]:
    rows = await database.read(
        lambda db: db.execute("SELECT number FROM names ORDER BY 1").fetchall()
    )
    return [number for (number,) in rows]


async def together(database: Database, *jobs) -> list[object]:
    """Answer the jobs' answers or errors; they were in the queue at the same time."""
    gate = Gate()
    blocked = asyncio.create_task(database.write(gate))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(database.write(job)) for job in jobs]
    await asyncio.sleep(0)
    gate.open()
    await blocked
    await asyncio.wait(waiting)
    return [each.exception() or each.result() for each in waiting]


async def test_writes_that_wait_share_a_transaction(database: Database) -> None:
    statements: list[str] = []
    database._connection.set_trace_callback(statements.append)

    await together(database, *(inserting(n, f"n{n}") for n in range(1, 101)))

    database._connection.set_trace_callback(None)
    assert await stored(database) == list(range(1, 101))
    # The gate's, and at most two for the hundred: some may have come in beside it.
    assert statements.count("COMMIT") <= 3


async def test_a_refused_write_leaves_the_others_alone(database: Database) -> None:
    def refuse(db: sqlite3.Connection) -> None:
        raise DocumentConflict

    answers = await together(
        database, inserting(1, "a"), refuse, inserting(2, "b"), inserting(3, "c")
    )

    assert [type(each) for each in answers] == [int, DocumentConflict, int, int]
    assert await stored(database) == [1, 2, 3]


async def test_a_broken_write_leaves_the_others_alone(database: Database) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute(INSERT, (7, "half"))
        db.execute(INSERT, (8, "a"))  # not unique

    answers = await together(
        database, inserting(1, "a"), half, inserting(2, "b"), lambda db: 1 // 0
    )

    assert [type(each) for each in answers] == [
        int,
        sqlite3.IntegrityError,
        int,
        ZeroDivisionError,
    ]
    assert await stored(database) == [1, 2]


async def test_what_nobody_waits_for_any_more_is_not_written(
    database: Database,
) -> None:
    gate = Gate()
    blocked = asyncio.create_task(database.write(gate))
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await database.write(inserting(1, "late"), timeout_s=0.05)
    gate.open()
    await blocked

    await database.write(inserting(2, "after"))
    assert await stored(database) == [2]


async def test_a_full_disk_is_unavailable_and_passes(database: Database) -> None:
    await database.write(inserting(1, "before"))
    (pages,) = await database.write(
        lambda db: db.execute("PRAGMA page_count").fetchone()
    )
    await database.write(
        lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone()
    )

    with pytest.raises(StoreUnavailable):
        await database.write(inserting(2, "x" * 100_000))

    await database.write(
        lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone()
    )
    await database.write(inserting(3, "after"))
    assert await stored(database) == [1, 3]


async def test_readers_do_not_wait_for_the_writer(database: Database) -> None:
    await database.write(inserting(1, "before"))
    gate = Gate()
    blocked = asyncio.create_task(database.write(gate))
    await asyncio.sleep(0.05)

    assert await stored(database) == [1]

    gate.open()
    await blocked
