"""What a list holds and in which order: the same in every store.

Entities come newest first by ``updated_ms``, ties by name; activations newest first by
``start_ms``, ties by id downwards.  SQL and map functions elsewhere say the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from chasen.entities import (
    Activation,
    Entity,
    EntityPath,
    FullyQualifiedEntityName,
    Package,
)
from chasen.errors import CorruptDocument, WrongCollection
from chasen.ports.stores import Page

log = logging.getLogger(__name__)

R = TypeVar("R")
T = TypeVar("T")


def entity_order(entity: Entity) -> tuple[int, str]:
    return (-entity.updated_ms, str(entity.fqn))


def activation_order(record: Activation) -> tuple[int, str]:
    """Sort downwards by this."""
    return (record.start_ms, record.activation_id)


def lies_in(path: EntityPath, name: FullyQualifiedEntityName) -> bool:
    """Answer whether a list of this path shows an entity of this name."""
    if path.package is None:
        return name.namespace == path.namespace
    return name.path == path


def is_shared(entity: Entity) -> bool:
    return isinstance(entity, Package) and entity.is_shared


def is_within(time_ms: int, page: Page) -> bool:
    since_ms = 0 if page.since_ms is None else page.since_ms
    return since_ms <= time_ms and (page.upto_ms is None or time_ms <= page.upto_ms)


def window(rows: Sequence[T], page: Page) -> Sequence[T]:
    return rows[page.skip : page.skip + page.limit]


def readable(rows: Iterable[R], read: Callable[[R], T]) -> list[T]:
    """Answer what can be read: one corrupt document must not hide the others."""
    found: list[T] = []
    skipped = 0
    for row in rows:
        try:
            found.append(read(row))
        except (CorruptDocument, WrongCollection):
            skipped += 1
    if skipped:
        log.warning("corrupt documents left out of a list", extra={"count": skipped})
    return found
