"""The stores in memory: gone with the process, otherwise with every promise kept.

It keeps documents, not objects, so that nobody can change what is stored from outside.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from chasen.entities import (
    Activation,
    ActivationId,
    Entity,
    EntityPath,
    FullyQualifiedEntityName,
    Identity,
    Subject,
    UserLimits,
    activation_time_ms,
    code_digest,
)
from chasen.errors import DocumentExists, NoDocument
from chasen.ports.stores import Page, Stores
from chasen.stores import documents, subjects, views
from chasen.stores.records import join_record, replaces, split_record
from chasen.stores.revisions import Stored, check_delete, check_write, next_revision

E = TypeVar("E", bound=Entity)


@asynccontextmanager
async def open_memory() -> AsyncIterator[Stores]:
    yield Stores(
        MemoryEntityStore(),
        MemoryCodeStore(),
        MemoryActivationStore(),
        MemoryAuthStore(),
    )


class MemoryEntityStore:
    def __init__(self) -> None:
        self._stored: dict[str, Stored] = {}

    async def get(self, kind: type[E], name: FullyQualifiedEntityName) -> E:
        stored = self._stored.get(str(name))
        if stored is None:
            raise NoDocument
        return self._decode(kind, str(name), stored)

    async def put(self, entity: E) -> E:
        document = documents.entity_document(entity)
        identifier = str(entity.fqn)
        kind = documents.kind_name(type(entity))
        check_write(self._stored.get(identifier), kind, entity.revision)
        stored = Stored(
            documents.encode_document(document), next_revision(entity.revision), kind
        )
        self._stored[identifier] = stored
        return self._decode(type(entity), identifier, stored)

    async def delete(self, entity: Entity) -> None:
        check_delete(self._stored.get(str(entity.fqn)), entity.revision)
        del self._stored[str(entity.fqn)]

    async def list(
        self, kind: type[E], path: EntityPath, page: Page, *, shared: bool = False
    ) -> Sequence[E]:
        found = [
            each
            for each in self._all(kind, path, shared)
            if views.is_within(each.updated_ms, page)
        ]
        return views.window(sorted(found, key=views.entity_order), page)

    async def count(
        self, kind: type[Entity], path: EntityPath, *, shared: bool = False
    ) -> int:
        return len(self._all(kind, path, shared))

    def _all(self, kind: type[E], path: EntityPath, shared: bool) -> Sequence[E]:
        name = documents.kind_name(kind)
        rows = [row for row in self._stored.items() if row[1].kind == name]
        found = views.readable(rows, lambda row: self._decode(kind, *row))
        return [
            each
            for each in found
            if views.lies_in(path, each.fqn) and (not shared or views.is_shared(each))
        ]

    def _decode(self, kind: type[E], identifier: str, stored: Stored) -> E:
        document = documents.decode_document(stored.text)
        return documents.decode_entity(kind, document, identifier, stored.revision)


class MemoryCodeStore:
    def __init__(self) -> None:
        self._stored: dict[str, str] = {}

    async def put(self, code: str) -> str:
        digest = code_digest(code)
        self._stored[digest] = code
        return digest

    async def get(self, digest: str) -> str:
        if digest not in self._stored:
            raise NoDocument
        return self._stored[digest]


class MemoryActivationStore:
    def __init__(self) -> None:
        self._stored: dict[tuple[str, ActivationId], Activation] = {}

    async def store(self, records: Sequence[Activation]) -> None:
        for record in records:
            key = (record.namespace, record.activation_id)
            if replaces(record, self._stored.get(key)):
                self._stored[key] = join_record(split_record(record))

    async def known(
        self, ids: Iterable[tuple[str, ActivationId]]
    ) -> frozenset[ActivationId]:
        return frozenset(key[1] for key in ids if key in self._stored)

    async def get(self, namespace: str, activation_id: ActivationId) -> Activation:
        try:
            return self._stored[namespace, activation_id]
        except KeyError:
            raise NoDocument from None

    async def list(
        self, namespace: str, name: str | None, page: Page, *, docs: bool = False
    ) -> Sequence[Activation]:
        found = self._all(namespace, name, page)
        return views.window(
            sorted(found, key=views.activation_order, reverse=True), page
        )

    async def count(self, namespace: str, name: str | None, page: Page) -> int:
        return len(self._all(namespace, name, page))

    async def expire(self, before_ms: int) -> int:
        """There are no buckets here: each record goes by its id's time."""
        gone = [key for key in self._stored if activation_time_ms(key[1]) < before_ms]
        for key in gone:
            del self._stored[key]
        return len(gone)

    def _all(self, namespace: str, name: str | None, page: Page) -> list[Activation]:
        return [
            record
            for (owner, _), record in self._stored.items()
            if owner == namespace
            and (name is None or record.path == name)
            and views.is_within(record.start_ms, page)
        ]


class MemoryAuthStore:
    def __init__(self) -> None:
        self._stored: dict[str, Stored] = {}
        self._owners: dict[str, str] = {}
        self._limits: dict[str, UserLimits] = {}

    async def identity_by_key(self, uuid: str, key: str) -> Identity:
        owner, namespace = subjects.admit(self._owner(uuid.lower()), uuid, key)
        limits = self._limits.get(namespace.name)
        return subjects.identity_of(owner, namespace, limits)

    async def identity_by_namespace(self, namespace: str) -> Identity:
        owner = self._owner(f"/{namespace}")
        return subjects.identity_in(owner, namespace, self._limits.get(namespace))

    async def subject(self, name: str) -> Subject:
        if name not in self._stored:
            raise NoDocument
        stored = self._stored[name]
        return subjects.decode_subject(
            documents.decode_document(stored.text), stored.revision
        )

    async def subjects(self, *, after: str = "", limit: int = 200) -> Sequence[Subject]:
        names = sorted(name for name in self._stored if name > after)
        return [await self.subject(name) for name in names[:limit]]

    async def put_subject(self, subject: Subject) -> Subject:
        subjects.distinct_or_refused(subject)
        check_write(self._stored.get(subject.name), "subject", subject.revision)
        handles = _handles(subject)
        if any(
            self._owners.get(each, subject.name) != subject.name for each in handles
        ):
            raise DocumentExists
        text = documents.encode_document(subjects.subject_document(subject))
        stored = Stored(text, next_revision(subject.revision), "subject")
        self._release(subject.name)
        self._stored[subject.name] = stored
        self._owners |= dict.fromkeys(handles, subject.name)
        return subjects.decode_subject(documents.decode_document(text), stored.revision)

    async def delete_subject(self, subject: Subject) -> None:
        check_delete(self._stored.get(subject.name), subject.revision)
        self._release(subject.name)
        del self._stored[subject.name]

    async def limits(self, namespace: str) -> UserLimits | None:
        return self._limits.get(namespace)

    async def put_limits(self, namespace: str, limits: UserLimits | None) -> None:
        if limits is None:
            self._limits.pop(namespace, None)
        else:
            self._limits[namespace] = limits

    def _owner(self, handle: str) -> Subject | None:
        name = self._owners.get(handle)
        if name is None:
            return None
        stored = self._stored[name]
        return subjects.decode_subject(
            documents.decode_document(stored.text), stored.revision
        )

    def _release(self, name: str) -> None:
        self._owners = {key: who for key, who in self._owners.items() if who != name}


def _handles(subject: Subject) -> list[str]:
    """What leads to a subject: its namespaces' names, marked by a slash, and uuids."""
    return [f"/{each.name}" for each in subject.namespaces] + [
        each.uuid.lower() for each in subject.namespaces
    ]
