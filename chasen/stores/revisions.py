"""Optimistic locking where no server does it: who may write over what.

CouchDB has its own; memory and SQLite follow it with what stands here.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from chasen.errors import DocumentConflict, DocumentExists, NoDocument, WrongCollection


class Stored(NamedTuple):
    """One document: JSON text, the mark of its last write, and what it holds."""

    text: bytes
    revision: str
    kind: str


def next_revision(last: str | None) -> str:
    """Answer a mark that no other write of this document has had.

    A counter alone would come again after delete and recreate, and an old reader's
    write would go through.
    """
    generation = last.partition("-")[0] if last else ""
    number = int(generation) if generation.isdecimal() else 0
    return f"{number + 1}-{secrets.token_hex(8)}"


def check_write(stored: Stored | None, kind: str, revision: str | None) -> None:
    """Raise what ``EntityStore.put`` raises when this write must not be."""
    if revision is None and stored is not None:
        raise DocumentExists if stored.kind == kind else WrongCollection
    if revision is not None and (stored is None or stored.revision != revision):
        raise DocumentConflict


def check_delete(stored: Stored | None, revision: str | None) -> None:
    """Raise what ``EntityStore.delete`` raises when this deletion must not be."""
    if stored is None:
        raise NoDocument
    if stored.revision != revision:
        raise DocumentConflict
