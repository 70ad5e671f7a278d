"""The stores in CouchDB, for a house of several processes.

``couchdb://[user[:password]@]host[:port]/prefix`` holds the databases prefix-subjects,
prefix-entities, prefix-code and prefix-activations-YYYYMMDD.  Of several servers that
form a cluster any one will do.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from chasen.errors import BadInput, StoreUnavailable
from chasen.ports.stores import Stores
from chasen.stores.couchdb_activations import CouchActivationStore
from chasen.stores.couchdb_auth import CouchAuthStore
from chasen.stores.couchdb_database import CouchDatabase
from chasen.stores.couchdb_entities import CouchCodeStore, CouchEntityStore
from chasen.stores.couchdb_server import CouchServer, WrongCredentials
from chasen.stores.couchdb_views import ENTITIES

log = logging.getLogger(__name__)

DEFAULT_PORT = 5984
_PREFIX = re.compile(r"[a-z][a-z0-9_-]{0,100}", re.ASCII)


class CouchAddress(NamedTuple):
    """Where a server is; the header is the password, and never shown."""

    server: str
    prefix: str
    authorization: str | None

    def __repr__(self) -> str:
        return f"CouchAddress({self.server}, {self.prefix})"


@asynccontextmanager
async def open_couchdb(url: str, *, password: str | None) -> AsyncIterator[Stores]:
    address = parse_couchdb_url(url, password=password)
    server = CouchServer(address.server, address.authorization)
    try:
        entities = CouchDatabase(server, f"{address.prefix}-entities", ENTITIES)
        code = CouchDatabase(server, f"{address.prefix}-code", None)
        auth = CouchDatabase(server, f"{address.prefix}-subjects", None)
        activations = CouchActivationStore(server, f"{address.prefix}-activations-")
        try:
            await server.check_credentials()
            for database in (entities, code, auth):
                await database.ensure()
            await entities.build_views()
            await activations.open()
        except WrongCredentials:
            raise
        except StoreUnavailable:
            # Everything is ensured at its first use, too: the server may come later.
            log.warning("CouchDB does not answer yet", extra={"store": address.server})
        yield Stores(
            CouchEntityStore(entities),
            CouchCodeStore(code),
            activations,
            CouchAuthStore(auth),
        )
    finally:
        await server.close()


def parse_couchdb_url(url: str, *, password: str | None) -> CouchAddress:
    """Answer the parts of the address; BadInput, which never quotes it, otherwise."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        host, port = None, 0
        parts = urlsplit("")
    prefix = parts.path.strip("/")
    if not host or not _PREFIX.fullmatch(prefix) or parts.query or parts.fragment:
        raise BadInput(
            "The store's address must be couchdb://[USER@]HOST[:PORT]/PREFIX, where "
            "PREFIX is made of small letters, digits, '-' and '_', a letter first."
        )
    scheme = "https" if parts.scheme == "couchdbs" else "http"
    shown = f"[{host}]" if ":" in host else host
    secret = password if password is not None else unquote(parts.password or "")
    header = None
    if parts.username:
        pair = f"{unquote(parts.username)}:{secret}".encode()
        header = f"Basic {base64.b64encode(pair).decode()}"
    return CouchAddress(f"{scheme}://{shown}:{port}", prefix, header)
