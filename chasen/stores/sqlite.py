"""The stores in one SQLite file, for a house in one process.

``sqlite:PATH`` survives the death of the process; ``sqlite:PATH?durable=1`` also a
power cut, at the price of one sync of the disk for each group of writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl

from chasen.errors import BadInput
from chasen.ports.stores import Stores
from chasen.stores.sqlite_activations import SqliteActivationStore
from chasen.stores.sqlite_auth import SqliteAuthStore
from chasen.stores.sqlite_database import Database
from chasen.stores.sqlite_entities import SqliteCodeStore, SqliteEntityStore


@asynccontextmanager
async def open_sqlite(url: str) -> AsyncIterator[Stores]:
    path, durable = parse_sqlite_url(url)
    database = Database(path, durable=durable)
    await asyncio.to_thread(database.open)
    try:
        yield Stores(
            SqliteEntityStore(database),
            SqliteCodeStore(database),
            SqliteActivationStore(database),
            SqliteAuthStore(database),
        )
    finally:
        await asyncio.to_thread(database.close)


def parse_sqlite_url(url: str) -> tuple[Path, bool]:
    """Answer the path and whether commits reach the disk; BadInput otherwise."""
    name, _, query = url.removeprefix("sqlite:").partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    durable = options.pop("durable", "0")
    if not name or options or durable not in ("0", "1"):
        raise BadInput(
            "The store's address must be sqlite:PATH or sqlite:PATH?durable=1."
        )
    return Path(name), durable == "1"
