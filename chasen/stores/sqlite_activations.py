"""Records of activations in SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import Any

from chasen.entities import Activation, ActivationId
from chasen.errors import NoDocument
from chasen.ports.stores import Page
from chasen.stores import views
from chasen.stores.records import Parts, join_record, split_record
from chasen.stores.sqlite_database import Database
from chasen.stores.sqlite_entities import ALL_TIME

EXPIRE_CHUNK = 500  # rows in one go, so that other writes come through
NAMES_CACHED_MAX = 10_000
ID_TIME_MAX_MS = 2**48 - 1

# An id that has a record keeps it; a placeholder alone gives way, and to no other.
_PUT = """
    INSERT INTO activations VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id, namespace) DO UPDATE SET
        start = excluded.start, path = excluded.path, placeholder = 0,
        head = excluded.head, result = excluded.result, logs = excluded.logs
    WHERE placeholder = 1 AND excluded.placeholder = 0
"""
_NUMBER = "(SELECT number FROM names WHERE name = :{name})"
_WHERE = f"""
    WHERE namespace = {_NUMBER.format(name="namespace")}
      AND start BETWEEN :since AND :upto
"""
_WHERE_PATH = f"{_WHERE} AND path = {_NUMBER.format(name='path')}"
_WHOLE, _SUMMARY = "head, result, logs", "head, NULL, NULL"
_LIST = """
    SELECT {columns} FROM activations {where}
    ORDER BY start DESC, id DESC LIMIT :limit OFFSET :skip
"""
_ONE = """
    SELECT {columns} FROM activations
    WHERE id = ? AND namespace = (SELECT number FROM names WHERE name = ?)
"""
_EXPIRE = """
    DELETE FROM activations WHERE rowid IN
        (SELECT rowid FROM activations WHERE id < ? LIMIT ?)
"""


class SqliteActivationStore:
    """Namespaces and paths are stored as numbers out of ``names``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[str, int] = {}  # committed ones only

    async def store(self, records: Sequence[Activation]) -> None:
        rows = [
            (record, split_record(record)) for record in records if not record.unstored
        ]
        fresh: dict[str, int] = {}

        def number(db: Connection, name: str) -> int:
            known = self._numbers.get(name) or fresh.get(name)
            if known is None:
                known = fresh[name] = _number(db, name)
            return known

        def row(db: Connection, record: Activation, parts: Parts) -> tuple[Any, ...]:
            return (
                bytes.fromhex(record.activation_id),
                number(db, record.namespace),
                record.start_ms,
                number(db, record.path),
                record.placeholder,
                *parts,
            )

        def write(db: Connection) -> None:
            fresh.clear()  # a repeated job starts over: its first numbers are void
            db.executemany(_PUT, [row(db, *each) for each in rows])

        await self._database.write(write)
        if len(self._numbers) > NAMES_CACHED_MAX:
            self._numbers.clear()
        self._numbers |= fresh

    async def known(
        self, ids: Iterable[tuple[str, ActivationId]]
    ) -> frozenset[ActivationId]:
        wanted = list(ids)

        def read(db: Connection) -> frozenset[ActivationId]:
            return frozenset(each[1] for each in wanted if _one(db, "1", *each))

        return await self._database.read(read)

    async def get(self, namespace: str, activation_id: ActivationId) -> Activation:
        row = await self._database.read(
            lambda db: _one(db, _WHOLE, namespace, activation_id)
        )
        if row is None:
            raise NoDocument
        return join_record(Parts(*row))

    async def list(
        self, namespace: str, name: str | None, page: Page, *, docs: bool = False
    ) -> Sequence[Activation]:
        query = _LIST.format(columns=_WHOLE if docs else _SUMMARY, where=_where(name))
        values = _values(namespace, name, page)
        rows = await self._database.read(
            lambda db: db.execute(query, values).fetchall()
        )
        return views.readable(rows, lambda row: join_record(Parts(*row)))

    async def count(self, namespace: str, name: str | None, page: Page) -> int:
        query = f"SELECT count(*) FROM activations {_where(name)}"  # noqa: S608
        values = _values(namespace, name, page)
        (count,) = await self._database.read(
            lambda db: db.execute(query, values).fetchone()
        )
        return count

    async def expire(self, before_ms: int) -> int:
        """There are no buckets here: each record goes by its id's time."""
        bound = min(max(before_ms, 0), ID_TIME_MAX_MS).to_bytes(6, "big")
        total, gone = 0, EXPIRE_CHUNK
        while gone == EXPIRE_CHUNK:
            gone = await self._database.write(
                lambda db: db.execute(_EXPIRE, (bound, EXPIRE_CHUNK)).rowcount
            )
            total += gone
        return total


def _one(db: Connection, columns: str, namespace: str, identifier: str) -> Any:
    query = _ONE.format(columns=columns)
    return db.execute(query, (bytes.fromhex(identifier), namespace)).fetchone()


def _number(db: Connection, name: str) -> int:
    db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
    (number,) = db.execute(
        "SELECT number FROM names WHERE name = ?", (name,)
    ).fetchone()
    return number


def _where(name: str | None) -> str:
    return _WHERE if name is None else _WHERE_PATH


def _values(namespace: str, name: str | None, page: Page) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "path": name,
        "since": ALL_TIME[0] if page.since_ms is None else page.since_ms,
        "upto": ALL_TIME[1] if page.upto_ms is None else page.upto_ms,
        "limit": page.limit,
        "skip": page.skip,
    }
