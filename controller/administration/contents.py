"""A look into the stores: ``wskadmin db get``.

Walks from subject to namespace to list, a page at a time, so it never holds more than
one; what belongs to no namespace any more is not shown.  Documents are as they are
stored: keys and locked parameters stay sealed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

import orjson

from chasen.entities import (
    Action,
    Entity,
    EntityPath,
    Package,
    Rule,
    Subject,
    Trigger,
    encode_activation,
)
from chasen.errors import BadInput
from chasen.ports.stores import Page, Stores
from chasen.stores.documents import entity_document
from chasen.stores.subjects import subject_document

PAGE = 200
_KINDS: dict[str, type[Entity]] = {
    "actions": Action,
    "packages": Package,
    "rules": Rule,
    "triggers": Trigger,
}
_IDENTITIES = "subjects.v2.0.0/identities"
_BLOCKED = "namespaceThrottlings/blockedNamespaces"
VIEWS = {
    "subjects": (_IDENTITIES, _BLOCKED),
    "whisks": tuple(f"whisks.v2.1.0/{name}" for name in _KINDS),
    "activations": ("whisks-filters.v2.1.0/activations",),
}

Row = dict[str, Any]  # {"id", "key", "value", "doc"?}, as CouchDB gives them
T = TypeVar("T")


def check_names(database: str, view: str | None) -> None:
    """Raises BadInput for what there is not."""
    if database not in VIEWS:
        raise BadInput(f"database must be one of {', '.join(VIEWS)}")
    if view is None or view in VIEWS[database]:
        return
    if view.count("/") != 1:
        raise BadInput(
            f'view name "{view[:64]}" is not formatted correctly, should be design/view'
        )
    raise BadInput(f"views of {database}: {', '.join(VIEWS[database])}")


class Contents:
    """Reads what the stores hold."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def rows(
        self, database: str, view: str | None = None, *, docs: bool = False
    ) -> AsyncIterator[Row]:
        """Answer row after row; raises BadInput before the first."""
        check_names(database, view)
        async for subject in self._subjects():
            if database == "subjects":
                for row in await self._rows_of(subject, view):
                    yield _shown(row, docs)
                continue
            for each in subject.namespaces:
                async for row in self._rows_in(each.name, database, view):
                    yield _shown(row, docs)

    async def _subjects(self) -> AsyncIterator[Subject]:
        name = ""
        while found := await self._stores.auth.subjects(after=name, limit=PAGE):
            for each in found:
                yield each
            name = found[-1].name

    async def _rows_of(self, subject: Subject, view: str | None) -> list[Row]:
        document = {"_id": subject.name} | subject_document(subject)
        if view is None:
            return [
                _row(subject.name, subject.name, {"rev": subject.revision}, document)
            ]
        rows: list[Row] = []
        for each in subject.namespaces:
            limits = await self._stores.auth.limits(each.name)
            value = {"_id": f"{each.name}/limits", "namespace": each.name}
            value["uuid"] = each.uuid
            of_limits = limits and {"_id": value["_id"]} | limits.to_json()
            if view == _IDENTITIES and not subject.blocked:
                rows.append(_row(subject.name, [each.name], value, of_limits))
            is_shut = limits is not None and 0 in (
                limits.invocations_per_minute,
                limits.concurrent_invocations,
            )
            if view == _BLOCKED and (subject.blocked or is_shut):
                rows.append(_row(subject.name, each.name, 1, document))
        return rows

    async def _rows_in(
        self, namespace: str, database: str, view: str | None
    ) -> AsyncIterator[Row]:
        if database == "activations":
            async for row in self._records(namespace):
                yield row
            return
        wanted = view.partition("/")[2] if view else None
        for name, kind in _KINDS.items():
            if wanted in (None, name):
                async for row in self._entities(namespace, kind, with_key=bool(view)):
                    yield row

    async def _entities(
        self, namespace: str, kind: type[Entity], *, with_key: bool
    ) -> AsyncIterator[Row]:
        path, entities = EntityPath(namespace), self._stores.entities
        async for each in _paged(lambda page: entities.list(kind, path, page)):
            name = str(each.fqn)
            key = [str(each.fqn.path), each.updated_ms] if with_key else name
            document = {"_id": name} | entity_document(each)
            yield _row(name, key, {"rev": each.revision}, document)

    async def _records(self, namespace: str) -> AsyncIterator[Row]:
        store = self._stores.activations
        async for each in _paged(
            lambda page: store.list(namespace, None, page, docs=True)
        ):
            name = f"{namespace}/{each.activation_id}"
            document = {"_id": name} | orjson.loads(encode_activation(each))
            yield _row(name, [namespace, each.start_ms], None, document)


async def _paged(read: Callable[[Page], Any]) -> AsyncIterator[Any]:
    """Answer page after page; what is written meanwhile may be missed or repeated."""
    skip = 0
    while True:
        found: Sequence[Any] = await read(Page(skip=skip, limit=PAGE))
        for each in found:
            yield each
        if len(found) < PAGE:
            return
        skip += PAGE


def _row(name: str, key: Any, value: Any, document: Any) -> Row:
    return {"id": name, "key": key, "value": value, "doc": document}


def _shown(row: Row, docs: bool) -> Row:
    return row if docs else {key: row[key] for key in ("id", "key", "value")}
