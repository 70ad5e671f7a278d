"""A CouchDB server that is killed, hangs, or starts later than we do."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from contract.stores.examples import (
    KEY,
    a_namespace,
    a_subject,
    an_action,
    an_activation,
    fqn,
)
from fixtures.couchdb import CouchDB

from chasen.entities import Action, EntityPath
from chasen.errors import StoreUnavailable
from chasen.ports.stores import Page, Stores
from chasen.stores.open import open_stores

pytestmark = [pytest.mark.anyio, pytest.mark.couchdb]

GUEST = EntityPath("guest")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CouchDB]:
    """A server of the test's own, that keeps its data on disk."""
    server = CouchDB(tmp_path / "couchdb")
    server.start()
    yield server
    with suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGCONT)
    server.stop()


async def refuses_soon(call: Callable[[], Awaitable[object]]) -> None:
    start_s = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await call()
    assert time.monotonic() - start_s < 3


async def everything_refuses_soon(stores: Stores) -> None:
    for call in (
        lambda: stores.entities.get(Action, fqn("hello")),
        lambda: stores.entities.put(an_action("new")),
        lambda: stores.entities.list(Action, GUEST, Page()),
        lambda: stores.code.put("x = 1"),
        lambda: stores.activations.store([an_activation()]),
        lambda: stores.activations.list("guest", None, Page()),
        lambda: stores.auth.identity_by_key("no-uuid", KEY),
    ):
        await refuses_soon(call)


async def everything_works(stores: Stores, name: str) -> None:
    record, namespace = an_activation(name=name), a_namespace(name)
    put = await stores.entities.put(an_action(name))
    digest = await stores.code.put(name)
    await stores.activations.store([record])
    await stores.auth.put_subject(a_subject(f"subject-{name}", namespace))

    assert await stores.entities.get(Action, fqn(name)) == put
    assert put in await stores.entities.list(Action, GUEST, Page())
    assert await stores.code.get(digest) == name
    found = await stores.activations.list("guest", name, Page(), docs=True)
    assert found == [record]
    assert (await stores.auth.identity_by_key(namespace.uuid, KEY)).namespace == name


async def test_a_killed_server_is_unavailable_until_it_is_back(server: CouchDB) -> None:
    async with open_stores(f"{server.url}/house") as stores:
        await everything_works(stores, "before")

        os.kill(server.pid, signal.SIGKILL)
        await everything_refuses_soon(stores)
        await asyncio.to_thread(server.start)

        await everything_works(stores, "after")
        assert await stores.entities.get(Action, fqn("before"))
        assert await stores.activations.count("guest", "before", Page()) == 1


async def test_a_server_that_comes_back_empty_gets_its_databases_again(
    tmp_path: Path,
) -> None:
    server = CouchDB(tmp_path / "couchdb", memory=True)
    server.start()
    try:
        async with open_stores(f"{server.url}/house") as stores:
            await everything_works(stores, "before")
            os.kill(server.pid, signal.SIGKILL)
            await refuses_soon(lambda: stores.entities.get(Action, fqn("before")))
            await asyncio.to_thread(server.start)

            assert await stores.entities.list(Action, GUEST, Page()) == []
            assert await stores.activations.count("guest", None, Page()) == 0
            await everything_works(stores, "after")
    finally:
        server.stop()


async def test_a_server_that_hangs_is_unavailable_too(server: CouchDB) -> None:
    async with open_stores(f"{server.url}/house") as stores:
        await everything_works(stores, "before")

        os.kill(server.pid, signal.SIGSTOP)
        await refuses_soon(lambda: stores.entities.get(Action, fqn("before")))
        await refuses_soon(lambda: stores.activations.store([an_activation()]))
        os.kill(server.pid, signal.SIGCONT)

        await everything_works(stores, "after")


async def test_the_house_may_open_before_the_server(server: CouchDB) -> None:
    address = f"{server.url}/house"
    server.stop()

    async with open_stores(address) as stores:
        await refuses_soon(lambda: stores.entities.get(Action, fqn("hello")))
        await asyncio.to_thread(server.start)

        await everything_works(stores, "after")


async def test_no_acknowledged_record_is_lost_by_a_kill(server: CouchDB) -> None:
    acknowledged: list[str] = []
    is_under_way = asyncio.Event()

    async with open_stores(f"{server.url}/house") as stores:

        async def store_all() -> None:
            while True:
                batch = [an_activation() for _ in range(20)]
                await stores.activations.store(batch)
                acknowledged.extend(each.activation_id for each in batch)
                if len(acknowledged) >= 100:
                    is_under_way.set()

        storing = asyncio.create_task(store_all())
        await is_under_way.wait()
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(StoreUnavailable):
            await storing
        await asyncio.to_thread(server.start)

        known = await stores.activations.known(("guest", each) for each in acknowledged)
        assert known == set(acknowledged)
