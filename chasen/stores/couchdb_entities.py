"""Entities and code in CouchDB."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any, TypeVar

import orjson

from chasen.entities import (
    Entity,
    EntityPath,
    FullyQualifiedEntityName,
    code_digest,
)
from chasen.errors import (
    CorruptDocument,
    DocumentConflict,
    DocumentExists,
    NoDocument,
    WrongCollection,
)
from chasen.ports.stores import Page
from chasen.stores import documents, views
from chasen.stores.couchdb_database import CouchDatabase, deletion
from chasen.stores.couchdb_server import SLOWEST_BYTES_PER_S
from chasen.stores.couchdb_views import TIME_TOP_MS
from chasen.stores.documents import Document

E = TypeVar("E", bound=Entity)

CREATE_ATTEMPTS = 5  # each lost to a creator whose document was deleted at once
ATTACHMENT = "code"
CODE_TIMEOUT_S = 2.5 + 48 * 1024 * 1024 / SLOWEST_BYTES_PER_S


class CouchEntityStore:
    def __init__(self, database: CouchDatabase) -> None:
        self._database = database

    async def get(self, kind: type[E], name: FullyQualifiedEntityName) -> E:
        document = await self._database.get(document_id(str(name)))
        if document is None:
            raise NoDocument
        return _decode(kind, document)

    async def put(self, entity: E) -> E:
        identifier = document_id(str(entity.fqn))
        document = documents.entity_document(entity)
        head = {"_id": identifier}
        if entity.revision is not None:
            head["_rev"] = entity.revision
        text = documents.encode_document(head | document)
        for _ in range(CREATE_ATTEMPTS):
            reply = await self._database.save(text)
            if reply.is_success:
                return _decode(
                    type(entity), {**head, **document, "_rev": reply.json()["rev"]}
                )
            if reply.status == 400 and entity.revision is not None:
                raise DocumentConflict  # a revision that CouchDB cannot even read
            if reply.status != 409:
                raise reply.unexpected()
            stored = await self._database.get(identifier)
            if stored and reply.is_repeated and _is_same(stored, document):
                return _decode(type(entity), stored)  # our first attempt had gone in
            if entity.revision is not None:
                raise DocumentConflict
            if stored:
                own_kind = documents.kind_name(type(entity))
                is_own = stored.get(documents.ENTITY_TYPE) == own_kind
                raise DocumentExists if is_own else WrongCollection
        raise DocumentConflict

    async def delete(self, entity: Entity) -> None:
        identifier = document_id(str(entity.fqn))
        reply = await self._database.save(
            deletion(identifier, entity.revision or "0-0")
        )
        if reply.is_success:
            return
        if reply.status not in (400, 409):
            raise reply.unexpected()
        if await self._database.get(identifier):
            raise DocumentConflict
        if not reply.is_repeated:  # else it was we
            raise NoDocument

    async def list(
        self, kind: type[E], path: EntityPath, page: Page, *, shared: bool = False
    ) -> Sequence[E]:
        rows = await self._database.view(
            "list",
            {
                **_range(documents.list_name(kind, shared=shared), path, page),
                "skip": page.skip,
                "limit": page.limit,
                "include_docs": True,
                "reduce": False,
            },
        )
        # A document deleted since the index was read comes as null.
        found = [row["doc"] for row in rows if row.get("doc")]
        return views.readable(found, lambda document: _decode(kind, document))

    async def count(
        self, kind: type[Entity], path: EntityPath, *, shared: bool = False
    ) -> int:
        name = documents.list_name(kind, shared=shared)
        return await self._database.count("list", _range(name, path, Page()))


def document_id(name: str) -> str:
    """Answer the document's id: the name, without CouchDB's own first character."""
    return name if not name.startswith("_") else f"%5F{name[1:]}"


def _decode(kind: type[E], document: Document) -> E:
    with documents.corrupt_unless_readable():
        identifier = documents.taken(document, "_id", str)
        revision = documents.taken(document, "_rev", str)
    if identifier.startswith("%5F"):
        identifier = f"_{identifier[3:]}"
    return documents.decode_entity(kind, document, identifier, revision)


def _is_same(stored: Document, document: Document) -> bool:
    bare = {key: value for key, value in stored.items() if not key.startswith("_")}
    # Through JSON once more, since only there 1.0 and 1 are the same everywhere.
    return bare == orjson.loads(orjson.dumps(document))


def _range(name: str, path: EntityPath, page: Page) -> dict[str, Any]:
    key = [name, str(path)]
    upto = [] if page.upto_ms is None else [TIME_TOP_MS - page.upto_ms]
    since = [] if page.since_ms is None else [TIME_TOP_MS - page.since_ms]
    return {"startkey": [*key, *upto], "endkey": [*key, *since, {}]}


class CouchCodeStore:
    """One document for each digest, with the code as an attachment.

    Attachments do not count against CouchDB's 8 MB for a document.  They are sent
    inside it as base64: atomic, and the only form that is fast everywhere.
    """

    def __init__(self, database: CouchDatabase) -> None:
        self._database = database

    async def put(self, code: str) -> str:
        digest, text = await asyncio.to_thread(
            lambda: (code_digest(code), code.encode())
        )
        stored = await self._database.get(digest)
        if stored and _attached_bytes(stored) == len(text):
            return digest
        body = await asyncio.to_thread(_code_document, digest, text, stored)
        reply = await self._database.save(body)
        if not reply.is_success and reply.status != 409:
            raise reply.unexpected()
        return digest

    async def get(self, digest: str) -> str:
        """Raises: NoDocument; CorruptDocument when it is not what it was."""
        text = await self._database.attachment(
            digest, ATTACHMENT, timeout_s=CODE_TIMEOUT_S
        )
        if text is None:
            raise CorruptDocument if await self._database.get(digest) else NoDocument
        return await asyncio.to_thread(_checked, text, digest)


def _attached_bytes(document: Document) -> int:
    return document.get("_attachments", {}).get(ATTACHMENT, {}).get("length", -1)


def _code_document(digest: str, text: bytes, stored: Document | None) -> bytes:
    head = {"_id": digest, documents.ENTITY_TYPE: "code", "size": len(text)}
    if stored:  # its attachment was lost
        head["_rev"] = stored["_rev"]
    return (
        orjson.dumps(head)[:-1]
        + b',"_attachments":{"%b":{"content_type":"text/plain","data":"'
        % ATTACHMENT.encode()
        + base64.b64encode(text)
        + b'"}}}'
    )


def _checked(text: bytes, digest: str) -> str:
    code = text.decode("utf-8", "replace")
    if code_digest(code) != digest:
        raise CorruptDocument
    return code
