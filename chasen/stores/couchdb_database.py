"""One database of a CouchDB server: made when missing, documents, views, batches.

Every document goes by POST with its id inside, never by PUT: same answers, and the
HTTP client never repeats a POST behind our back, so a conflict is a conflict.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import orjson

from chasen.errors import StoreUnavailable
from chasen.ports.stores import STORE_TIMEOUT_S
from chasen.stores.couchdb_server import CouchServer, Reply
from chasen.stores.couchdb_views import Design
from chasen.stores.documents import Document

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_VIEW_S = 300  # building an index over everything that is there


class CouchDatabase:
    """The database and its design document are looked after at the first need.

    A server that comes back empty gets them again.
    """

    def __init__(self, server: CouchServer, name: str, design: Design | None) -> None:
        self.name = name
        self._server = server
        self._design = design
        self._is_ready = False
        self._making = asyncio.Lock()

    async def ensure(self) -> None:
        """Make the database and its views unless they are there."""
        async with self._making:
            if self._is_ready:
                return
            await self._server.create_database(self.name)
            if self._design:
                await self._ensure_design(self._design)
            self._is_ready = True

    async def build_views(self) -> None:
        """Wait until the views are built, which may take minutes after an update."""
        for view in self._design.views if self._design else ():
            await self.view(view, {"limit": 1}, timeout_s=FIRST_VIEW_S)

    async def _ensure_design(self, design: Design) -> None:
        found = await self._server.request("GET", f"/{self.name}/{design.identifier}")
        wanted = design.document()
        if found.is_success:
            stored = found.json()
            if stored.get("views") == wanted["views"]:
                return
            log.warning("design document repaired", extra={"database": self.name})
            wanted["_rev"] = stored["_rev"]
        saved = await self._server.request(
            "POST", f"/{self.name}", body=orjson.dumps(wanted)
        )
        # A conflict: another process was quicker with the same views.
        if not saved.is_success and saved.status != 409:
            raise saved.unexpected()

    # Documents -----------------------------------------------------------------------

    async def get(self, identifier: str) -> Document | None:
        """Answer the document with ``_id`` and ``_rev``, or None."""
        reply = await self._server.request("GET", self._path(identifier))
        if reply.status == 404:
            return None
        if not reply.is_success:
            raise reply.unexpected()
        return reply.json()

    async def attachment(
        self, identifier: str, name: str, *, timeout_s: float
    ) -> bytes | None:
        path = f"{self._path(identifier)}/{name}"
        reply = await self._server.request("GET", path, timeout_s=timeout_s)
        if reply.status == 404:
            return None
        if not reply.is_success:
            raise reply.unexpected()
        return reply.body

    async def save(self, document: bytes, *, timeout_s: float | None = None) -> Reply:
        """Write one document that bears ``_id``, and ``_rev`` to replace.

        Answers the reply as it is; 409 is a conflict.
        """
        return await self._call("", document, timeout_s=timeout_s or STORE_TIMEOUT_S)

    async def save_all(self, documents: Sequence[bytes]) -> Reply:
        """Write a batch; the reply holds a row for each, or refuses the whole."""
        return await self._call("/_bulk_docs", b'{"docs":[%b]}' % b",".join(documents))

    async def get_all(
        self, identifiers: Sequence[str], *, include_docs: bool = True
    ) -> dict[str, Any]:
        """Answer rows by id for those that exist, deleted ones left out.

        Reading makes no database: one that is missing holds nothing.
        """
        if not identifiers:
            return {}
        reply = await self._server.request(
            "POST",
            f"/{self.name}/_all_docs",
            body=orjson.dumps({"keys": list(dict.fromkeys(identifiers))}),
            params={"include_docs": "true"} if include_docs else None,
        )
        if reply.status == 404:
            return {}
        if not reply.is_success:
            raise reply.unexpected()
        return {
            row["key"]: row
            for row in reply.json()["rows"]
            if "error" not in row and not row["value"].get("deleted")
        }

    async def range(self, first: str, last: str, *, limit: int) -> list[dict[str, Any]]:
        """Answer the rows, documents included, with ids from ``first`` to ``last``."""
        bounds = {"startkey": first, "endkey": last, "limit": limit}
        texts = {key: orjson.dumps(value).decode() for key, value in bounds.items()}
        reply = await self._call("/_all_docs", None, texts | {"include_docs": "true"})
        if not reply.is_success:
            raise reply.unexpected()
        return reply.json()["rows"]

    async def view(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        timeout_s: float = STORE_TIMEOUT_S,
    ) -> list[dict[str, Any]]:
        """Answer the rows of a view; parameters are given as JSON values."""
        assert self._design
        # As text for the query: true, 30, ["action","guest",0].
        texts = {key: orjson.dumps(value).decode() for key, value in params.items()}
        path = f"/{self._design.identifier}/_view/{name}"
        reply = await self._call(path, None, texts, timeout_s=timeout_s)
        if not reply.is_success:
            raise reply.unexpected()
        return reply.json()["rows"]

    async def count(self, name: str, params: Mapping[str, Any]) -> int:
        """Answer the sum of the view's own ``_count`` over a range of keys."""
        rows = await self.view(name, {**params, "reduce": True})
        return rows[0]["value"] if rows else 0

    async def _call(
        self,
        path: str,
        body: bytes | None,
        params: Mapping[str, str] | None = None,
        *,
        timeout_s: float = STORE_TIMEOUT_S,
    ) -> Reply:
        """Ask something that is only missing when the database is."""
        method = "GET" if body is None else "POST"
        for _ in range(2):
            if not self._is_ready:
                await self.ensure()
            reply = await self._server.request(
                method,
                f"/{self.name}{path}",
                body=body,
                params=params,
                timeout_s=timeout_s,
            )
            if reply.status != 404:
                return reply
            self._is_ready = False
        raise StoreUnavailable

    def _path(self, identifier: str) -> str:
        return f"/{self.name}/{quote(identifier, safe='')}"


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Answer the calls' answers in order, or raise the first of their errors."""
    try:
        async with asyncio.TaskGroup() as tasks:
            started = [tasks.create_task(call, name="couchdb") for call in calls]
    except ExceptionGroup as group:
        raise group.exceptions[0] from group
    return [each.result() for each in started]


def deletion(identifier: str, revision: str) -> bytes:
    """Answer the document that deletes this revision.

    A DELETE would not do: without a revision PouchDB carries it out.
    """
    return orjson.dumps({"_id": identifier, "_rev": revision, "_deleted": True})
