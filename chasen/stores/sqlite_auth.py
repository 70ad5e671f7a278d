"""Subjects, namespaces and limits in SQLite.

The table ``namespaces`` repeats what the subjects' documents hold, to find a subject
and to keep names and uuids unique; both are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any

from chasen.entities import Identity, Subject, UserLimits
from chasen.errors import DocumentExists, NoDocument
from chasen.stores import subjects
from chasen.stores.documents import decode_document, encode_document
from chasen.stores.revisions import Stored, check_delete, check_write, next_revision
from chasen.stores.sqlite_database import Database

_FIND = """
    SELECT subjects.document, subjects.revision, limits.document
    FROM namespaces
    JOIN subjects ON subjects.name = namespaces.subject
    LEFT JOIN limits ON limits.namespace = namespaces.name
    WHERE namespaces.{handle} = ?
"""
_TAKEN = """
    SELECT 1 FROM namespaces WHERE (name = ? OR uuid = ?) AND subject <> ?
"""


class SqliteAuthStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def identity_by_key(self, uuid: str, key: str) -> Identity:
        owner, limits = await self._find("uuid", uuid.lower())
        owner, namespace = subjects.admit(owner, uuid, key)
        return subjects.identity_of(owner, namespace, limits)

    async def identity_by_namespace(self, namespace: str) -> Identity:
        owner, limits = await self._find("name", namespace)
        return subjects.identity_in(owner, namespace, limits)

    async def subject(self, name: str) -> Subject:
        stored = await self._database.read(lambda db: _stored(db, name))
        if stored is None:
            raise NoDocument
        return subjects.decode_subject(decode_document(stored.text), stored.revision)

    async def subjects(self, *, after: str = "", limit: int = 200) -> Sequence[Subject]:
        query = """
            SELECT document, revision FROM subjects WHERE name > ?
            ORDER BY name LIMIT ?
        """
        rows = await self._database.read(
            lambda db: db.execute(query, (after, limit)).fetchall()
        )
        return [
            subjects.decode_subject(decode_document(document), revision)
            for document, revision in rows
        ]

    async def put_subject(self, subject: Subject) -> Subject:
        subjects.distinct_or_refused(subject)
        document = subjects.subject_document(subject)
        text = encode_document(document)
        handles = [(each.name, each.uuid.lower()) for each in subject.namespaces]

        def write(db: Connection) -> str:
            check_write(_stored(db, subject.name), "subject", subject.revision)
            for handle in handles:
                if db.execute(_TAKEN, (*handle, subject.name)).fetchone():
                    raise DocumentExists
            revision = next_revision(subject.revision)
            _release(db, subject.name)
            row = (subject.name, revision, text)
            db.execute("INSERT OR REPLACE INTO subjects VALUES (?, ?, ?)", row)
            db.executemany(
                "INSERT INTO namespaces VALUES (?, ?, ?)",
                [(*handle, subject.name) for handle in handles],
            )
            return revision

        revision = await self._database.write(write)
        return subjects.decode_subject(document, revision)

    async def delete_subject(self, subject: Subject) -> None:
        def write(db: Connection) -> None:
            check_delete(_stored(db, subject.name), subject.revision)
            _release(db, subject.name)
            db.execute("DELETE FROM subjects WHERE name = ?", (subject.name,))

        await self._database.write(write)

    async def limits(self, namespace: str) -> UserLimits | None:
        query = "SELECT document FROM limits WHERE namespace = ?"
        row = await self._database.read(
            lambda db: db.execute(query, (namespace,)).fetchone()
        )
        return subjects.decode_limits(decode_document(row[0])) if row else None

    async def put_limits(self, namespace: str, limits: UserLimits | None) -> None:
        if limits is None:
            statement = "DELETE FROM limits WHERE namespace = ?"
            values: tuple[Any, ...] = (namespace,)
        else:
            statement = "INSERT OR REPLACE INTO limits VALUES (?, ?)"
            values = (namespace, encode_document(limits.to_json()))
        await self._database.write(lambda db: db.execute(statement, values).rowcount)

    async def _find(
        self, handle: str, value: str
    ) -> tuple[Subject | None, UserLimits | None]:
        query = _FIND.format(handle=handle)
        row = await self._database.read(
            lambda db: db.execute(query, (value,)).fetchone()
        )
        if row is None:
            return None, None
        owner = subjects.decode_subject(decode_document(row[0]), row[1])
        limits = subjects.decode_limits(decode_document(row[2])) if row[2] else None
        return owner, limits


def _stored(db: Connection, name: str) -> Stored | None:
    query = "SELECT document, revision, 'subject' FROM subjects WHERE name = ?"
    row = db.execute(query, (name,)).fetchone()
    return Stored(*row) if row else None


def _release(db: Connection, name: str) -> None:
    db.execute("DELETE FROM namespaces WHERE subject = ?", (name,))
