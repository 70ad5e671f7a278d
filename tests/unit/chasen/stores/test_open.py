"""Addresses of stores: what is understood, and what a refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from chasen.errors import BadInput
from chasen.stores.couchdb import parse_couchdb_url
from chasen.stores.open import open_stores
from chasen.stores.sqlite import parse_sqlite_url

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "address",
    [
        "",
        "chasen.db",
        "postgres://secret@host/db",
        "sqlite:",
        "sqlite:?durable=1",
        "sqlite:x.db?durable=yes",
        "sqlite:x.db?durabel=1",
        "couchdb:",
        "couchdb://me:secret@host",
        "couchdb://me:secret@host/",
        "couchdb://me:secret@host/Upper",
        "couchdb://me:secret@host/_prefix",
        "couchdb://me:secret@host/a/b",
        "couchdb://me:secret@host:port/prefix",
        "couchdb://me:secret@host:70000/prefix",
        "couchdb://me:secret@/prefix",
        "couchdb://me:secret@host/prefix?x=1",
    ],
)
async def test_other_addresses_are_refused_without_quoting_them(address: str) -> None:
    with pytest.raises(BadInput, match="must be") as raised:
        async with open_stores(address):
            pass

    assert "secret" not in str(raised.value)


def test_sqlite_addresses_name_a_path() -> None:
    assert parse_sqlite_url("sqlite:./a b.db") == (Path("a b.db"), False)
    assert parse_sqlite_url("sqlite:/a/b.db?durable=1") == (Path("/a/b.db"), True)
    assert parse_sqlite_url("sqlite:b.db?durable=0") == (Path("b.db"), False)


def test_couchdb_addresses_name_server_and_prefix() -> None:
    plain = parse_couchdb_url("couchdb://host/chasen", password=None)
    secure = parse_couchdb_url("couchdbs://[::1]:6984/a-b_c/", password=None)

    assert plain == ("http://host:5984", "chasen", None)
    assert secure == ("https://[::1]:6984", "a-b_c", None)


def test_passwords_are_decoded_and_hidden() -> None:
    inside = parse_couchdb_url("couchdb://me:a%40b@host:1/p", password=None)
    apart = parse_couchdb_url("couchdb://me:other@host:1/p", password="a@b")

    assert inside == apart
    assert inside.authorization == "Basic bWU6YUBi"
    assert "Basic" not in repr(inside)
