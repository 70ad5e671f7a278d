"""Opening the stores of one address; the only place that knows all three adapters.

memory:                          gone with the process; for tests
sqlite:PATH[?durable=1]          one file; durable=1 also survives a power cut
couchdb://[user[:password]@]host[:port]/prefix     couchdbs:// is the same by TLS
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chasen.errors import BadInput
from chasen.ports.stores import Stores


@asynccontextmanager
async def open_stores(
    url: str, *, password: str | None = None
) -> AsyncIterator[Stores]:
    """Open what the address names, and close it afterwards.

    Args:
        password: of CouchDB's user, when it does not stand in the address.

    Raises:
        BadInput: the address is none of the three.
        StoreUnavailable: the file cannot be used, or the server refuses the password.
            A server that does not answer is no error: it may come later.
    """
    # Loaded only where it is used: the time to import is the time to start.
    match url.partition(":")[0]:
        case "memory":
            from chasen.stores.memory import open_memory as opened

            stores = opened()
        case "sqlite":
            from chasen.stores.sqlite import open_sqlite

            stores = open_sqlite(url)
        case "couchdb" | "couchdbs":
            from chasen.stores.couchdb import open_couchdb

            stores = open_couchdb(url, password=password)
        case _:
            raise BadInput(
                "The store's address must be memory:, sqlite:PATH or "
                "couchdb://HOST:PORT/PREFIX."
            )
    async with stores as opened_stores:
        yield opened_stores
