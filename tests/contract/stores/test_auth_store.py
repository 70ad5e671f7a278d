"""The contract of ``AuthStore``."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from contract.stores.examples import KEY, a_namespace, a_subject

from chasen.entities import Identity, Privilege, Subject, UserLimits
from chasen.errors import (
    ChasenError,
    DocumentConflict,
    DocumentExists,
    NoDocument,
    Unauthenticated,
)
from chasen.ports.stores import AuthStore

pytestmark = pytest.mark.anyio


async def is_admitted(auth: AuthStore, uuid: str, key: str = KEY) -> bool:
    try:
        await auth.identity_by_key(uuid, key)
    except Unauthenticated:
        return False
    return True


async def test_a_key_leads_to_its_identity(auth: AuthStore) -> None:
    first, second = a_namespace("ann"), a_namespace("ann-test", "z" * 64)
    await auth.put_subject(a_subject("ann-subject", first, second))

    identity = await auth.identity_by_key(second.uuid, "z" * 64)

    assert identity == Identity("ann-subject", "ann-test", second.uuid)
    assert identity.rights == frozenset(Privilege)
    assert identity == await auth.identity_by_key(second.uuid.upper(), "z" * 64)
    assert identity == await auth.identity_by_namespace("ann-test")


async def test_a_subject_comes_back_as_it_went_in(auth: AuthStore) -> None:
    subject = a_subject("grün/ ☕ _x", a_namespace("a b"), a_namespace("c"))

    stored = await auth.put_subject(subject)

    assert stored == replace(subject, revision=stored.revision)
    assert stored.revision is not None
    assert await auth.subject("grün/ ☕ _x") == stored


@pytest.mark.parametrize("key", ["K" * 64, "", "k" * 63, KEY + "k"])
async def test_a_wrong_key_lets_nobody_in(auth: AuthStore, key: str) -> None:
    namespace = a_namespace("guest")
    await auth.put_subject(a_subject("guest", namespace))

    assert await is_admitted(auth, namespace.uuid)
    assert not await is_admitted(auth, namespace.uuid, key)


async def test_an_unknown_uuid_lets_nobody_in(auth: AuthStore) -> None:
    assert not await is_admitted(auth, a_namespace("nobody").uuid, "")
    assert not await is_admitted(auth, "guest")
    with pytest.raises(NoDocument):
        await auth.identity_by_namespace("nobody")
    with pytest.raises(NoDocument):
        await auth.subject("nobody")


async def test_a_blocked_subject_is_as_unknown(auth: AuthStore) -> None:
    namespace = a_namespace("guest")
    stored = await auth.put_subject(a_subject("guest", namespace))

    stored = await auth.put_subject(replace(stored, blocked=True))
    assert not await is_admitted(auth, namespace.uuid)
    with pytest.raises(NoDocument):
        await auth.identity_by_namespace("guest")
    assert (await auth.subject("guest")).blocked

    await auth.put_subject(replace(stored, blocked=False))
    assert await is_admitted(auth, namespace.uuid)


async def test_a_new_key_takes_the_place_of_the_old(auth: AuthStore) -> None:
    old, new = a_namespace("guest"), a_namespace("guest", "n" * 64)
    stored = await auth.put_subject(a_subject("guest", old))

    await auth.put_subject(replace(stored, namespaces=(new,)))

    assert not await is_admitted(auth, old.uuid)
    assert await is_admitted(auth, new.uuid, "n" * 64)
    assert (await auth.identity_by_namespace("guest")).namespace_uuid == new.uuid


async def test_a_uuid_may_move_to_another_namespace(auth: AuthStore) -> None:
    old = a_namespace("before")
    stored = await auth.put_subject(a_subject("guest", old))

    await auth.put_subject(replace(stored, namespaces=(replace(old, name="after"),)))

    assert (await auth.identity_by_key(old.uuid, KEY)).namespace == "after"
    assert (await auth.identity_by_namespace("after")).namespace_uuid == old.uuid
    with pytest.raises(NoDocument):
        await auth.identity_by_namespace("before")


async def test_namespaces_come_and_go(auth: AuthStore) -> None:
    first, second = a_namespace("first"), a_namespace("second")
    stored = await auth.put_subject(a_subject("guest", first))
    stored = await auth.put_subject(replace(stored, namespaces=(first, second)))
    assert await is_admitted(auth, second.uuid)

    await auth.put_subject(replace(stored, namespaces=(second,)))

    assert not await is_admitted(auth, first.uuid)
    assert await is_admitted(auth, second.uuid)
    await auth.put_subject(a_subject("other", first))
    assert (await auth.identity_by_namespace("first")).subject == "other"


async def test_subjects_are_written_by_revision(auth: AuthStore) -> None:
    first = await auth.put_subject(a_subject("guest"))
    second = await auth.put_subject(replace(first, blocked=True))

    with pytest.raises(DocumentConflict):
        await auth.put_subject(first)
    with pytest.raises(DocumentConflict):
        await auth.delete_subject(first)
    with pytest.raises(DocumentExists):
        await auth.put_subject(a_subject("guest", a_namespace("elsewhere")))
    with pytest.raises(DocumentConflict):
        await auth.put_subject(a_subject("nobody", revision="1-abc"))
    with pytest.raises(NoDocument):
        await auth.delete_subject(a_subject("nobody", revision="1-abc"))
    assert await auth.subject("guest") == second


@pytest.mark.parametrize("what", ["name", "uuid"])
async def test_a_namespace_has_one_owner(auth: AuthStore, what: str) -> None:
    owned = a_namespace("guest")
    await auth.put_subject(a_subject("guest", owned))
    free = a_namespace("free")
    claimed = replace(a_namespace("other"), **{what: getattr(owned, what)})

    with pytest.raises(DocumentExists):
        await auth.put_subject(a_subject("intruder", free, claimed))

    with pytest.raises(NoDocument):
        await auth.subject("intruder")
    assert (await auth.identity_by_key(owned.uuid, KEY)).subject == "guest"
    # What the refused one wanted beside it is free at once.
    await auth.put_subject(a_subject("third", free))
    assert (await auth.identity_by_namespace("free")).subject == "third"


async def test_an_update_cannot_take_a_namespace_either(auth: AuthStore) -> None:
    await auth.put_subject(a_subject("guest"))
    other = await auth.put_subject(a_subject("other"))

    with pytest.raises(DocumentExists):
        await auth.put_subject(
            replace(other, namespaces=(*other.namespaces, a_namespace("guest")))
        )

    assert await auth.subject("other") == other
    assert (await auth.identity_by_namespace("guest")).subject == "guest"


async def test_a_subject_cannot_own_a_name_twice(auth: AuthStore) -> None:
    with pytest.raises(DocumentExists):
        await auth.put_subject(
            a_subject("guest", a_namespace("twice"), a_namespace("twice"))
        )
    one = a_namespace("one")
    with pytest.raises(DocumentExists):
        await auth.put_subject(a_subject("guest", one, replace(one, name="two")))
    with pytest.raises(NoDocument):
        await auth.subject("guest")


async def test_of_many_claimants_one_gets_the_namespace(auth: AuthStore) -> None:
    wanted = a_namespace("wanted")
    won: list[Subject] = []
    refused = 0

    async def claim(number: int) -> None:
        nonlocal refused
        try:
            won.append(await auth.put_subject(a_subject(f"subject{number}", wanted)))
        except DocumentExists:
            refused += 1

    async with asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(claim(number))

    assert len(won) == 1
    assert refused == 7
    identity = await auth.identity_by_key(wanted.uuid, KEY)
    assert identity.subject == won[0].name
    assert identity == await auth.identity_by_namespace("wanted")


async def test_of_many_creators_of_a_subject_one_wins(auth: AuthStore) -> None:
    won: list[Subject] = []

    async def create(number: int) -> None:
        try:
            won.append(
                await auth.put_subject(a_subject("guest", a_namespace(f"ns{number}")))
            )
        except ChasenError:
            return

    async with asyncio.TaskGroup() as tasks:
        for number in range(6):
            tasks.create_task(create(number))

    assert len(won) == 1
    (namespace,) = won[0].namespaces
    assert await auth.subject("guest") == won[0]
    assert await is_admitted(auth, namespace.uuid)


async def test_a_deleted_subject_leaves_its_names_free(auth: AuthStore) -> None:
    namespace = a_namespace("guest")
    stored = await auth.put_subject(a_subject("guest", namespace))

    await auth.delete_subject(stored)

    assert not await is_admitted(auth, namespace.uuid)
    with pytest.raises(NoDocument):
        await auth.subject("guest")
    with pytest.raises(NoDocument):
        await auth.delete_subject(stored)
    again = await auth.put_subject(a_subject("somebody", namespace))
    assert again.revision != stored.revision
    assert (await auth.identity_by_namespace("guest")).subject == "somebody"


async def test_limits_are_those_of_the_namespace(auth: AuthStore) -> None:
    first, second = a_namespace("first"), a_namespace("second")
    await auth.put_subject(a_subject("guest", first, second))
    strict = UserLimits(
        0,
        1,
        2,
        ("python:3.11",),
        False,
        memory_mb=(128, 256),
        timeout_ms=(200, 300_000),
        logs_mb=(1, 2),
        parameters_bytes=100,
        payload_bytes=1024,
        truncation_bytes=512,
        warm_containers=3,
    )
    assert await auth.limits("first") is None

    await auth.put_limits("first", strict)

    assert await auth.limits("first") == strict
    assert (await auth.identity_by_key(first.uuid, KEY)).limits == strict
    assert (await auth.identity_by_namespace("first")).limits == strict
    assert (await auth.identity_by_key(second.uuid, KEY)).limits == UserLimits()
    await auth.put_limits("first", replace(strict, fires_per_minute=9))
    assert (await auth.identity_by_key(first.uuid, KEY)).limits.fires_per_minute == 9
    await auth.put_limits("first", UserLimits())
    assert await auth.limits("first") == UserLimits()
    await auth.put_limits("first", None)
    await auth.put_limits("first", None)
    assert await auth.limits("first") is None
    assert (await auth.identity_by_key(first.uuid, KEY)).limits == UserLimits()


async def test_keys_never_show(auth: AuthStore) -> None:
    stored = await auth.put_subject(a_subject("guest"))

    (namespace,) = stored.namespaces
    for secret in (namespace.key_hash, namespace.sealed_key, KEY):
        assert secret not in repr(stored)
        assert secret not in repr(auth)


async def test_subjects_come_in_pages_by_name(auth: AuthStore) -> None:
    """Other documents of the same database are none of them."""
    for name in ("bob-1", "alice", "carol", "émile"):
        await auth.put_subject(a_subject(name))
    await auth.put_limits("alice", UserLimits(invocations_per_minute=1))

    first = await auth.subjects(limit=2)
    rest = await auth.subjects(after=first[-1].name)

    assert [each.name for each in first] == ["alice", "bob-1"]
    assert [each.name for each in rest] == ["carol", "émile"]
    assert first[0] == await auth.subject("alice")
    assert await auth.subjects(after="émile") == []


async def test_limits_beyond_the_houses_are_kept_but_do_not_hold(
    auth: AuthStore,
) -> None:
    guest = a_namespace("guest")
    await auth.put_subject(a_subject("guest", guest))
    wild = UserLimits(memory_mb=(1, 1024), payload_bytes=2**30)

    await auth.put_limits("guest", wild)

    assert await auth.limits("guest") == wild
    held = (await auth.identity_by_key(guest.uuid, KEY)).limits
    assert (held.memory_mb, held.payload_bytes) == ((128, 512), 2**20)
