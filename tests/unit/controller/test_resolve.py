"""Names resolved through packages and bindings, and remembered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from doubles.jobs import MANIFEST, an_action

from chasen.clock import SystemClock
from chasen.entities import (
    FullyQualifiedEntityName,
    Identity,
    Package,
    Parameter,
    Parameters,
)
from chasen.errors import NoDocument, NotAuthorized, WrongCollection
from chasen.ports.stores import EntityStore
from chasen.stores.open import open_stores
from controller.invocation.resolve import Resolver

pytestmark = pytest.mark.anyio

ALICE = Identity("alice", "alice", "uuid-a")
BOB = Identity("bob", "bob", "uuid-b")
name = FullyQualifiedEntityName.parse
ALICES = name("alice/p/a")
BOBS = name("bob/b/a")  # a binding to alice's package


def of(**values: Any) -> Parameters:
    return Parameters.of(values)


@pytest.fixture
async def store(anyio_backend: str) -> AsyncIterator[EntityStore]:
    """alice/p (shared), alice/p/a, alice/private, bob/b -> alice/p."""
    async with open_stores("memory:") as stores:
        put = stores.entities.put
        shared = Package(fqn=name("alice/p"), publish=True, parameters=of(x=1, y=1))
        await put(shared)
        await put(Package(fqn=name("alice/private")))
        bound = Package(
            fqn=name("bob/b"), binding=name("alice/p"), parameters=of(y=2, z=2)
        )
        await put(bound)
        for each in ("alice/p/a", "alice/private/a", "alice/a"):
            await put(an_action(each, revision=None, parameters=of(z=3)))
        yield stores.entities


@pytest.fixture
def resolver(store: EntityStore) -> Resolver:
    return Resolver(store, SystemClock(), MANIFEST)


async def change(store: EntityStore, fqn: str, **members: Any) -> None:
    found = await store.get(Package, name(fqn))
    await store.put(replace(found, **members))


async def test_parameters_are_merged_package_binding_action(resolver: Resolver) -> None:
    direct, bound = await resolver.plan(ALICES), await resolver.plan(BOBS)

    assert direct.defaults == {"x": 1, "y": 1, "z": 3}
    assert bound.defaults == {"x": 1, "y": 2, "z": 3}
    assert (bound.named, bound.fqn, bound.binding) == (BOBS, ALICES, "bob/b")
    assert (direct.named, direct.binding) == (ALICES, None)
    assert resolver.known_plan(BOBS) is bound


@pytest.mark.parametrize("changed", ["alice/p", "alice/p/a", "bob/b"])
async def test_a_plan_is_forgotten_with_each_thing_it_was_made_of(
    resolver: Resolver, changed: str
) -> None:
    await resolver.plan(BOBS)

    resolver.forget(["alice/other"])
    assert resolver.known_plan(BOBS) is not None
    resolver.forget([changed])

    assert resolver.known_plan(BOBS) is None


async def test_rights_are_asked_of_remembered_plans_too(resolver: Resolver) -> None:
    """Whoever came first must not decide for those who come later."""
    await resolver.plan(BOBS, BOB)
    await resolver.plan(name("alice/a"), ALICE)

    with pytest.raises(NotAuthorized, match="'bob/b/a'"):
        await resolver.plan(BOBS, ALICE)
    with pytest.raises(NotAuthorized, match="'alice/a'"):
        await resolver.plan(name("alice/a"), BOB)
    assert await resolver.plan(ALICES, BOB) is await resolver.plan(ALICES, ALICE)


async def test_private_and_missing_read_alike_to_strangers(resolver: Resolver) -> None:
    for hidden in ("alice/private/a", "alice/none/a", "alice/a/a", "alice/none"):
        with pytest.raises(NotAuthorized, match=f"'{hidden}'"):
            await resolver.plan(name(hidden), BOB)


async def test_owners_are_told_what_is_wrong(resolver: Resolver) -> None:
    with pytest.raises(NoDocument, match="'alice/none' does not exist"):
        await resolver.plan(name("alice/none/a"), ALICE)
    with pytest.raises(NoDocument):
        await resolver.plan(name("alice/p/none"), ALICE)
    with pytest.raises(WrongCollection):
        await resolver.plan(name("alice/a/a"), ALICE)


async def test_a_provider_that_closes_shuts_its_bindings(
    store: EntityStore, resolver: Resolver
) -> None:
    await resolver.plan(BOBS, BOB)

    await change(store, "alice/p", publish=False)
    resolver.forget(["alice/p"])

    with pytest.raises(NotAuthorized):
        await resolver.plan(BOBS, BOB)


async def test_a_package_changed_while_it_is_read_is_not_remembered(
    resolver: Resolver,
) -> None:
    reading = asyncio.ensure_future(resolver.plan(BOBS))
    await asyncio.sleep(0)
    resolver.forget(["alice/p"])

    await reading

    assert resolver.known_plan(BOBS) is None


async def test_locked_and_init_parameters_keep_their_origin(
    store: EntityStore, resolver: Resolver
) -> None:
    sealed = Parameter("token", "1.sealed", init=True, encryption="aes-256")
    await change(store, "alice/p", parameters=Parameters((sealed,)))

    plan, plain = await resolver.plan(BOBS), await resolver.plan(name("alice/a"))

    assert plan.locked == {"token": ["alice", "1.sealed"]}
    assert plan.defaults == {"y": 2, "z": 3}
    assert plan.init == ["token"]
    package = await store.get(Package, name("alice/p"))
    assert package.revision in (plan.package_marks or "")
    assert (plain.init, plain.package_marks) == (None, None)
