"""Records of activations in CouchDB: one database for each UTC day of the ids.

Expiry is then the removal of a whole database; documents deleted one by one would leave
their tombstones behind.  Records go in batches.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any

import orjson

from chasen.entities import Activation, ActivationId, activation_from_document
from chasen.errors import CorruptDocument, NoDocument, StoreUnavailable
from chasen.ports.stores import Page
from chasen.stores import records as stored_records
from chasen.stores import views
from chasen.stores.couchdb_database import CouchDatabase, together
from chasen.stores.couchdb_entities import document_id
from chasen.stores.couchdb_server import CouchServer
from chasen.stores.couchdb_views import ACTIVATIONS
from chasen.stores.documents import ENTITY_TYPE, Document, corrupt_unless_readable
from chasen.stores.records import one_per_id, reduced, split_record

log = logging.getLogger(__name__)

BATCH_MAX = 100  # documents; five hundred gain nothing but delay
BATCH_BYTES_MAX = 4 * 1024 * 1024
BATCHES_AT_ONCE = 2
FIRST_DAYS, DAYS_AT_ONCE = 2, 8  # today and yesterday are enough as a rule
REPLACE_ATTEMPTS = 5
LOGS_INLINE_BYTES = 1024 * 1024  # beyond it an attachment: a document has 8 MB at most
LOGS = "logs"
LOGS_TIMEOUT_S = 10

# How long after its id's time a record may start: an id derived in a composition has
# the parent's time, and 50 steps of 5 minutes take 4 hours and 10 minutes.
START_LAG_MS = 6 * 3600 * 1000


class CouchActivationStore:
    def __init__(self, server: CouchServer, prefix: str) -> None:
        """``prefix`` is followed by the day: chasen-activations-20240131."""
        self._server = server
        self._prefix = prefix
        self._days: dict[str, CouchDatabase] = {}
        self._batches = asyncio.Semaphore(BATCHES_AT_ONCE)

    async def open(self) -> None:
        for day in await self._stored_days():
            await self._day(day).ensure()
            await self._day(day).build_views()

    # Storing -------------------------------------------------------------------------

    async def store(self, records: Sequence[Activation]) -> None:
        by_day: dict[str, list[Activation]] = defaultdict(list)
        for record in one_per_id(records):
            by_day[stored_records.day_of(record.activation_id)].append(record)
        refused: list[Activation] = []
        for day, found in by_day.items():
            for batch in _batches((each, _encode(each)) for each in found):
                async with self._batches:
                    refused += await self._store_batch(self._day(day), batch)
        for record in refused:
            await self._store_reduced(record)

    async def _store_batch(
        self, day: CouchDatabase, batch: list[tuple[Activation, bytes]]
    ) -> list[Activation]:
        """Answer those that the server refuses for what is in them."""
        reply = await day.save_all([text for _, text in batch])
        if not reply.is_success:
            if len(batch) == 1:
                return [batch[0][0]]
            # Halve until the one that spoils the batch is alone.
            middle = len(batch) // 2
            first = await self._store_batch(day, batch[:middle])
            return first + await self._store_batch(day, batch[middle:])
        rows = {row["id"]: row for row in reply.json()}
        known: list[Activation] = []
        refused: list[Activation] = []
        for record, _ in batch:
            row = rows.get(_document_id(record.namespace, record.activation_id))
            if row is None or row.get("error") == "internal_server_error":
                raise StoreUnavailable
            if row.get("error") == "conflict":
                known.append(record)
            elif "error" in row:
                refused.append(record)
        await self._replace_placeholders(day, known)
        return refused

    async def _replace_placeholders(
        self, day: CouchDatabase, known: Sequence[Activation]
    ) -> None:
        """Put real records where placeholders are, and nowhere else."""
        waiting = [record for record in known if not record.placeholder]
        for _ in range(REPLACE_ATTEMPTS):
            if not waiting:
                return
            found = await day.get_all(
                [_document_id(r.namespace, r.activation_id) for r in waiting]
            )
            batch = list(_replacements(waiting, found))
            if not batch:
                return
            reply = await day.save_all([text for _, text in batch])
            if not reply.is_success:
                raise reply.unexpected()
            conflicts = {row["id"] for row in reply.json() if "error" in row}
            waiting = [
                record
                for record, _ in batch
                if _document_id(record.namespace, record.activation_id) in conflicts
            ]
        if waiting:
            raise StoreUnavailable

    async def _store_reduced(self, record: Activation) -> None:
        log.error(
            "activation record refused; storing it without logs and result",
            extra={"activation": record.activation_id},
        )
        poor = reduced(record)
        day = self._day(stored_records.day_of(record.activation_id))
        if await self._store_batch(day, [(poor, _encode(poor))]):
            raise CorruptDocument(
                f"The record of activation {record.activation_id} cannot be stored."
            )

    # Reading -------------------------------------------------------------------------

    async def known(
        self, ids: Iterable[tuple[str, ActivationId]]
    ) -> frozenset[ActivationId]:
        by_day: dict[str, dict[str, ActivationId]] = defaultdict(dict)
        for namespace, identifier in ids:
            day = stored_records.day_of(identifier)
            by_day[day][_document_id(namespace, identifier)] = identifier
        found: set[ActivationId] = set()
        for day, wanted in by_day.items():
            rows = await self._day(day).get_all(list(wanted), include_docs=False)
            found.update(wanted[key] for key in rows)
        return frozenset(found)

    async def get(self, namespace: str, activation_id: ActivationId) -> Activation:
        day = self._day(stored_records.day_of(activation_id))
        document = await day.get(_document_id(namespace, activation_id))
        if document is None:
            raise NoDocument
        return await self._with_logs(day, document)

    async def list(
        self, namespace: str, name: str | None, page: Page, *, docs: bool = False
    ) -> Sequence[Activation]:
        wanted = page.skip + page.limit
        query = {"descending": True, "reduce": False, "limit": wanted}
        query |= _range(namespace, name, page)
        rows: list[Activation] = []
        days = self._relevant(await self._stored_days(), page)
        at_once = FIRST_DAYS
        while days and page.limit > 0:
            newest_left_ms = stored_records.day_end_ms(days[0]) + START_LAG_MS
            if len(rows) >= wanted and rows[-1].start_ms >= newest_left_ms:
                break
            some, days = days[:at_once], days[at_once:]
            found = await together([self._day(day).view("list", query) for day in some])
            read = [
                views.readable((row["value"] for row in each), _decode)
                for each in found
            ]
            ordered = merge(rows, *read, key=views.activation_order, reverse=True)
            rows = list(islice(ordered, wanted))
            at_once = DAYS_AT_ONCE
        rows = rows[page.skip :]
        return await self._in_full(rows) if docs else rows

    async def _in_full(self, rows: Sequence[Activation]) -> list[Activation]:
        by_day: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            key = _document_id(row.namespace, row.activation_id)
            by_day[stored_records.day_of(row.activation_id)].append(key)
        full: list[Activation] = []
        for day, keys in by_day.items():
            found = await self._day(day).get_all(keys)
            full += [
                await self._with_logs(self._day(day), row["doc"])
                for row in found.values()
            ]
        return sorted(full, key=views.activation_order, reverse=True)

    async def count(self, namespace: str, name: str | None, page: Page) -> int:
        bounds = _range(namespace, name, page)
        # Ascending: the same range, the other way round.
        bounds = {"startkey": bounds["endkey"], "endkey": bounds["startkey"]}
        days = self._relevant(await self._stored_days(), page)
        total = 0
        while days:
            some, days = days[:DAYS_AT_ONCE], days[DAYS_AT_ONCE:]
            calls = [self._day(day).count("list", bounds) for day in some]
            total += sum(await together(calls))
        return total

    async def _with_logs(self, day: CouchDatabase, document: Document) -> Activation:
        if LOGS not in document.get("_attachments", {}):
            return _decode(document)
        logs = await day.attachment(document["_id"], LOGS, timeout_s=LOGS_TIMEOUT_S)
        return _decode(document, logs)

    # Days ----------------------------------------------------------------------------

    async def expire(self, before_ms: int) -> int:
        gone = 0
        for day in await self._stored_days():
            if stored_records.day_end_ms(day) <= before_ms:
                await self._server.delete_database(self._prefix + day)
                self._days.pop(day, None)
                gone += 1
        return gone

    async def _stored_days(self) -> list[str]:
        """Answer the days that have a database, newest first."""
        found: list[str] = []
        for name in await self._server.databases(self._prefix):
            day = name.removeprefix(self._prefix)
            try:
                stored_records.day_end_ms(day)
            except ValueError:
                continue  # another house's, whose prefix begins with ours
            found.append(day)
        return sorted(found, reverse=True)

    def _relevant(self, days: Sequence[str], page: Page) -> Sequence[str]:
        """Leave out the days whose records all lie outside the page's bounds."""
        since_ms = page.since_ms or 0
        return [
            day
            for day in days
            if stored_records.day_end_ms(day) + START_LAG_MS > since_ms
            and (
                page.upto_ms is None
                or stored_records.day_end_ms(day) - stored_records.DAY_MS
                <= page.upto_ms
            )
        ]

    def _day(self, day: str) -> CouchDatabase:
        found = self._days.get(day)
        if found is None:
            found = CouchDatabase(self._server, self._prefix + day, ACTIVATIONS)
            self._days[day] = found
        return found


# Documents ---------------------------------------------------------------------------


def _document_id(namespace: str, activation_id: str) -> str:
    return document_id(f"{namespace}/{activation_id}")


def _encode(record: Activation, revision: str | None = None) -> bytes:
    """Answer the record as a document.

    The stored shape of ``encode_activation`` without ``response.result``, and before
    it ``_id``, ``entityType``, ``path`` for the view, the result and the logs as text.
    """
    parts = split_record(record)
    extra: Document = {
        "_id": _document_id(record.namespace, record.activation_id),
        ENTITY_TYPE: "activation",
        "path": record.path,
    }
    if revision is not None:
        extra["_rev"] = revision
    if parts.result is not None:
        extra["resultText"] = parts.result.decode("utf-8", "replace")
    if parts.logs is not None and len(parts.logs) <= LOGS_INLINE_BYTES:
        extra["logsText"] = parts.logs.decode()
    elif parts.logs is not None:
        data = base64.b64encode(parts.logs).decode()
        extra["_attachments"] = {
            LOGS: {"content_type": "application/json", "data": data}
        }
    return orjson.dumps(extra)[:-1] + b"," + parts.head[1:]


def _decode(document: Document, logs: bytes | None = None) -> Activation:
    with corrupt_unless_readable():
        result, text = document.get("resultText"), document.get("logsText")
        head = activation_from_document(document)
        return stored_records.joined(
            head,
            None if result is None else result.encode(),
            text.encode() if text is not None else logs,
        )


def _batches(
    encoded: Iterable[tuple[Activation, bytes]],
) -> Iterator[list[tuple[Activation, bytes]]]:
    batch: list[tuple[Activation, bytes]] = []
    size = 0
    for record, text in encoded:
        if batch and (len(batch) == BATCH_MAX or size + len(text) > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append((record, text))
        size += len(text)
    if batch:
        yield batch


def _replacements(
    waiting: Iterable[Activation], found: dict[str, Any]
) -> Iterator[tuple[Activation, bytes]]:
    for record in waiting:
        row = found.get(_document_id(record.namespace, record.activation_id))
        if row is None:  # expired under our hands
            continue
        if row["doc"].get("placeholder"):
            yield record, _encode(record, row["value"]["rev"])


def _range(namespace: str, name: str | None, page: Page) -> dict[str, Any]:
    """Answer the bounds of the view for reading downwards."""
    key = namespace if name is None else f"{namespace}/{name}"
    upto = {} if page.upto_ms is None else page.upto_ms
    return {"startkey": [key, upto], "endkey": [key, page.since_ms or 0]}
