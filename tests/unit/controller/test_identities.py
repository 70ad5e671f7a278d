"""What a controller remembers of callers, and how soon it forgets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from contract.stores.examples import KEY, a_namespace, a_subject
from doubles.clock import LoopClock

from chasen.bus import topics
from chasen.bus.open import open_bus
from chasen.entities import Identity
from chasen.errors import ChasenError, Throttled, Unauthenticated
from chasen.ports.stores import AuthStore
from chasen.stores.open import open_stores
from controller.administration.announce import announcer
from controller.entitlement.identities import FAILURES_PER_MINUTE, Identities
from controller.loadbalancer.topics import invalidation_feed

pytestmark = pytest.mark.anyio
ALICE = a_namespace("alice")


class CountingAuth:
    """Hands questions on to the real store, and counts them."""

    def __init__(self, store: AuthStore) -> None:
        self._store = store
        self.asked = 0

    async def identity_by_key(self, uuid: str, key: str) -> Identity:
        self.asked += 1
        return await self._store.identity_by_key(uuid, key)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.fixture
async def store(anyio_backend: str) -> AsyncIterator[AuthStore]:
    async with open_stores("memory:") as stores:
        await stores.auth.put_subject(a_subject("alice", ALICE))
        yield stores.auth


@pytest.fixture
def auth(store: AuthStore) -> CountingAuth:
    return CountingAuth(store)


@pytest.fixture
def identities(auth: CountingAuth) -> Identities:
    return Identities(auth, LoopClock())  # pyright: ignore[reportArgumentType]


def header(key: str = KEY, uuid: str = ALICE.uuid) -> bytes:
    return b"Basic " + base64.b64encode(f"{uuid}:{key}".encode())


async def test_a_caller_is_looked_up_once_in_a_while(
    identities: Identities, auth: CountingAuth
) -> None:
    for _ in range(10):
        found = await identities.of_header(header(), "10.0.0.1")
        assert found.namespace == "alice"

    assert auth.asked == 1


async def test_guessing_is_slowed_down(
    identities: Identities, auth: CountingAuth
) -> None:
    """S40: of 1,000 bad logins at most 30 reach the store."""
    refused: list[type[ChasenError]] = []
    for number in range(1000):
        try:
            await identities.of_header(header(f"{number:064}"), "10.0.0.1")
        except (Unauthenticated, Throttled) as error:
            refused.append(type(error))

    assert len(refused) == 1000
    assert auth.asked <= 30
    assert refused.count(Unauthenticated) >= FAILURES_PER_MINUTE
    # Somebody else is not made to wait.
    assert (await identities.of_header(header(), "10.0.0.2")).subject == "alice"


async def test_what_has_changed_is_forgotten_at_once(
    identities: Identities, store: AuthStore
) -> None:
    await identities.of_header(header(), "10.0.0.1")
    await identities.of_namespace("alice")
    await store.put_subject(replace(await store.subject("alice"), blocked=True))

    assert identities.known(header()) is not None
    identities.forget(["somebody-else"])
    assert identities.known(header()) is not None
    identities.forget(["alice"])

    with pytest.raises(Unauthenticated):
        await identities.of_header(header(), "10.0.0.1")
    with pytest.raises(ChasenError):
        await identities.of_namespace("alice")


async def test_other_controllers_are_told(store: AuthStore) -> None:
    """S41: long before what they remember ages out."""
    clock = LoopClock()
    first, second = Identities(store, clock), Identities(store, clock)
    async with open_bus("memory:") as bus:
        await bus.ensure_topic(topics.CACHE_INVALIDATION)
        announce = announcer(bus, "0", first)
        heard = asyncio.Event()

        def forget(namespaces: list[str]) -> None:
            second.forget(namespaces)
            heard.set()

        feed = invalidation_feed(
            bus, "1", forget=lambda _: None, forget_namespaces=forget
        )
        reading = asyncio.ensure_future(feed.run())
        try:
            for each in (first, second):
                await each.of_header(header(), "10.0.0.1")

            await announce("alice")
            async with asyncio.timeout(1):
                await heard.wait()

            assert first.known(header()) is None
            assert second.known(header()) is None
        finally:
            reading.cancel()
            await asyncio.wait([reading])
