"""What has to hold of a sequence when it is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from doubles.jobs import an_action

from chasen.entities import (
    FullyQualifiedEntityName,
    Identity,
    Package,
    SequenceExec,
    Trigger,
)
from chasen.errors import BadInput, NotAuthorized
from chasen.ports.stores import EntityStore
from chasen.stores.open import open_stores
from controller.catalog import sequences
from controller.catalog.sequences import SequenceCheck

pytestmark = pytest.mark.anyio

ALICE = Identity("alice", "alice", "uuid-a")
name = FullyQualifiedEntityName.parse


@pytest.fixture
async def store(anyio_backend: str) -> AsyncIterator[EntityStore]:
    async with open_stores("memory:") as stores:
        await stores.entities.put(an_action("alice/a", revision=None))
        yield stores.entities


async def put_sequence(store: EntityStore, fqn: str, *components: str) -> None:
    parts = SequenceExec(tuple(name(each) for each in components))
    await store.put(an_action(fqn, revision=None, exec=parts))


async def check(store: EntityStore, fqn: str, *components: str) -> None:
    look = SequenceCheck(store, tuple(name(each) for each in components))
    await look.entitled(ALICE)
    await look.sound(name(fqn))


async def test_repeated_components_are_fine_up_to_fifty(store: EntityStore) -> None:
    await check(store, "alice/s", *["alice/a"] * 50)
    with pytest.raises(BadInput, match=sequences.TOO_MANY):
        await check(store, "alice/s", *["alice/a"] * 51)


async def test_nested_actions_are_counted(store: EntityStore) -> None:
    await put_sequence(store, "alice/x", *["alice/a"] * 26)

    await check(store, "alice/s", "alice/x", *["alice/a"] * 24)
    with pytest.raises(BadInput, match=sequences.TOO_MANY):
        await check(store, "alice/s", "alice/x", "alice/x")


async def test_a_circle_is_found_however_deep(store: EntityStore) -> None:
    await put_sequence(store, "alice/one", "alice/s")
    await put_sequence(store, "alice/two", "alice/a", "alice/one")
    await store.put(Package(fqn=name("alice/p")))
    await store.put(Package(fqn=name("alice/b"), binding=name("alice/p")))

    for root, component in (
        ("alice/s", "alice/s"),
        ("alice/s", "alice/two"),
        ("alice/p/s", "alice/b/s"),
    ):
        with pytest.raises(BadInput, match=sequences.CIRCULAR):
            await check(store, root, component)


async def test_a_circle_of_others_ends(store: EntityStore) -> None:
    """Two writers at the same time can make one; it must not hang the third."""
    await put_sequence(store, "alice/one", "alice/two")
    await put_sequence(store, "alice/two", "alice/one")

    with pytest.raises(BadInput, match=sequences.CIRCULAR):
        await check(store, "alice/s", "alice/one")


async def test_components_exist_and_may_be_read(store: EntityStore) -> None:
    await store.put(Trigger(fqn=name("alice/t")))

    for missing in ("alice/none", "alice/nopkg/a", "alice/t"):
        with pytest.raises(BadInput, match=sequences.MISSING):
            await check(store, "alice/s", missing)
    with pytest.raises(NotAuthorized):
        await check(store, "alice/s", "bob/p/a")
    with pytest.raises(BadInput, match=sequences.EMPTY):
        await check(store, "alice/s")
