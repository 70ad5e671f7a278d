"""Entities and code in SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from sqlite3 import Connection
from typing import TypeVar

from chasen.entities import (
    Entity,
    EntityPath,
    FullyQualifiedEntityName,
    code_digest,
)
from chasen.errors import CorruptDocument, NoDocument
from chasen.ports.stores import Page
from chasen.stores import documents, views
from chasen.stores.revisions import Stored, check_delete, check_write, next_revision
from chasen.stores.sqlite_database import Database

E = TypeVar("E", bound=Entity)

CODE_TIMEOUT_S = 30  # 48 MB take 0.5 s on an idle disk

_ONE = "SELECT document, revision, kind FROM entities WHERE id = ?"
_PUT = "INSERT OR REPLACE INTO entities VALUES (?, ?, ?, ?, ?, ?, ?)"
_WHERE = """
    WHERE namespace = :namespace AND kind = :kind
      AND updated BETWEEN :since AND :upto
"""
# One namespace has few packages, so this needs no column and no index of its own.
_SHARED = """
      AND json_extract(CAST(document AS TEXT), '$.publish')
      AND json_extract(CAST(document AS TEXT), '$.binding') IS NULL
"""
_LIST = """
    SELECT document, revision, id FROM entities {where}
    ORDER BY updated DESC, id LIMIT :limit OFFSET :skip
"""
_COUNT = "SELECT count(*) FROM entities {where}"

ALL_TIME = (0, 2**62)


class SqliteEntityStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, kind: type[E], name: FullyQualifiedEntityName) -> E:
        stored = await self._database.read(lambda db: _stored(db, str(name)))
        if stored is None:
            raise NoDocument
        return _decode(kind, str(name), stored)

    async def put(self, entity: E) -> E:
        text = documents.encode_document(documents.entity_document(entity))
        kind = documents.kind_name(type(entity))
        identifier = str(entity.fqn)
        row = (kind, entity.fqn.namespace, entity.fqn.path.package, entity.updated_ms)

        def write(db: Connection) -> Stored:
            check_write(_stored(db, identifier), kind, entity.revision)
            stored = Stored(text, next_revision(entity.revision), kind)
            db.execute(_PUT, (identifier, *row, stored.revision, text))
            return stored

        stored = await self._database.write(write)
        return _decode(type(entity), identifier, stored)

    async def delete(self, entity: Entity) -> None:
        identifier = str(entity.fqn)

        def write(db: Connection) -> None:
            check_delete(_stored(db, identifier), entity.revision)
            db.execute("DELETE FROM entities WHERE id = ?", (identifier,))

        await self._database.write(write)

    async def list(
        self, kind: type[E], path: EntityPath, page: Page, *, shared: bool = False
    ) -> Sequence[E]:
        query, values = _query(_LIST, kind, path, page, shared)
        rows = await self._database.read(
            lambda db: db.execute(query, values).fetchall()
        )
        return views.readable(
            rows,
            lambda row: _decode(kind, row[2], Stored(row[0], row[1], "")),
        )

    async def count(
        self, kind: type[Entity], path: EntityPath, *, shared: bool = False
    ) -> int:
        query, values = _query(_COUNT, kind, path, Page(), shared)
        (count,) = await self._database.read(
            lambda db: db.execute(query, values).fetchone()
        )
        return count


def _stored(db: Connection, identifier: str) -> Stored | None:
    row = db.execute(_ONE, (identifier,)).fetchone()
    return Stored(*row) if row else None


def _decode(kind: type[E], identifier: str, stored: Stored) -> E:
    document = documents.decode_document(stored.text)
    return documents.decode_entity(kind, document, identifier, stored.revision)


def _query(
    template: str, kind: type[Entity], path: EntityPath, page: Page, shared: bool
) -> tuple[str, dict[str, str | int | None]]:
    where = _WHERE if path.package is None else f"{_WHERE} AND package = :package"
    if shared:
        where += _SHARED
    return template.format(where=where), {
        "kind": documents.kind_name(kind),
        "namespace": path.namespace,
        "package": path.package,
        "since": ALL_TIME[0] if page.since_ms is None else page.since_ms,
        "upto": ALL_TIME[1] if page.upto_ms is None else page.upto_ms,
        "limit": page.limit,
        "skip": page.skip,
    }


class SqliteCodeStore:
    """Hashing and encoding 48 MB would hold up the event loop: a thread does it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, code: str) -> str:
        digest, text = await asyncio.to_thread(
            lambda: (code_digest(code), code.encode())
        )
        statement = "INSERT OR IGNORE INTO code VALUES (?, ?)"
        await self._database.write(
            lambda db: db.execute(statement, (digest, text)).rowcount,
            timeout_s=CODE_TIMEOUT_S,
        )
        return digest

    async def get(self, digest: str) -> str:
        """Raises: NoDocument; CorruptDocument when it is not what it was."""
        statement = "SELECT text FROM code WHERE digest = ?"

        def read(db: Connection) -> str:
            row = db.execute(statement, (digest,)).fetchone()
            if row is None:
                raise NoDocument
            code = row[0].decode("utf-8", "replace")
            if code_digest(code) != digest:
                raise CorruptDocument
            return code

        return await self._database.read(read, timeout_s=CODE_TIMEOUT_S)
