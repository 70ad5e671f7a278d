"""Subjects and their keys, on the memory store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chasen.entities import UserLimits
from chasen.errors import (
    BadInput,
    ChasenError,
    DocumentExists,
    NoDocument,
    NotAuthorized,
    Unauthenticated,
)
from chasen.ports.stores import Stores
from chasen.seal import Seal, open_seal
from chasen.stores.open import open_stores
from controller.administration.desk import Desk
from controller.administration.keys import fresh_key, given_key
from controller.administration.subjects import Subjects

pytestmark = pytest.mark.anyio
UUID = "0b5b6d3e-9f3e-4c5e-8e57-6d0a4a0b6c11"
KEY = f"{UUID}:{'k' * 64}"


@pytest.fixture
async def stores(anyio_backend: str) -> AsyncIterator[Stores]:
    async with open_stores("memory:") as opened:
        yield opened


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    return open_seal(tmp_path / "server.key")


@pytest.fixture
def told() -> list[str]:
    """The namespaces that were announced."""
    return []


@pytest.fixture
def subjects(stores: Stores, seal: Seal, told: list[str]) -> Subjects:
    async def announce(*namespaces: str) -> None:
        told.extend(namespaces)

    return Subjects(stores.auth, seal, announce)


async def test_a_created_key_lets_in_and_is_given_again(
    subjects: Subjects, stores: Stores
) -> None:
    key = await subjects.create("alice")

    uuid, _, secret = key.partition(":")
    assert (await stores.auth.identity_by_key(uuid, secret)).namespace == "alice"
    assert await subjects.keys("alice") == [("alice", key)]
    assert await subjects.whois(key) == ("alice", "alice")
    assert await subjects.identities("alice") == [(key, "alice")]


async def test_a_second_namespace_has_a_key_of_its_own(subjects: Subjects) -> None:
    first = await subjects.create("alice")
    second = await subjects.create("alice", "team")

    assert await subjects.keys("alice") == [("alice", first), ("team", second)]
    assert await subjects.whois(second) == ("alice", "team")


async def test_what_is_there_is_kept_unless_its_key_is_revoked(
    subjects: Subjects, told: list[str]
) -> None:
    old = await subjects.create("alice")
    told.clear()

    with pytest.raises(DocumentExists, match="Namespace already exists"):
        await subjects.create("alice")
    assert told == []
    new = await subjects.create("alice", revoke=True)

    assert await subjects.whois(old) is None
    assert await subjects.whois(new) == ("alice", "alice")
    assert old.partition(":")[0] != new.partition(":")[0]
    assert told == ["alice"]


async def test_a_namespace_or_uuid_of_somebody_else_is_refused(
    subjects: Subjects, stores: Stores
) -> None:
    """B069: nothing is written."""
    await subjects.create("alice", key=KEY)

    with pytest.raises(DocumentExists, match="Namespace is not unique"):
        await subjects.create("mallory", "alice")
    with pytest.raises(DocumentExists, match="authorization id is not unique"):
        await subjects.create("mallory", key=f"{UUID.upper()}:{'m' * 64}")
    with pytest.raises(DocumentExists, match="authorization id is not unique"):
        await subjects.create("mallory", key=KEY)
    with pytest.raises(DocumentExists):
        await subjects.create("alice", "team", key=KEY)

    assert [each.name for each in await stores.auth.subjects()] == ["alice"]
    assert await subjects.keys("alice") == [("alice", KEY)]


@pytest.mark.parametrize(
    ("subject", "namespace", "sentence"),
    [
        ("abcd", None, "Subject name must be at least 5 characters"),
        ("  abcd ", None, "Subject name must be at least 5 characters"),
        ("alice", "  ", "Namespace must not be empty"),
        ("_design", None, "may not begin with '_'"),
        ("alice", "_design", "may not begin with '_'"),
        ("alice", "a/b", "illegal characters"),
        ("alice", "n" * 257, "longer than allowed"),
        ("al\nice", "team", "must be printable"),
        ("a" * 257, "team", "at most 256 characters"),
    ],
)
async def test_names_are_checked(
    subjects: Subjects,
    stores: Stores,
    subject: str,
    namespace: str | None,
    sentence: str,
) -> None:
    with pytest.raises(BadInput, match=sentence):
        await subjects.create(subject, namespace)
    assert await stores.auth.subjects() == []


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("nobody", "not a valid UUID"),
        (f"0b5b6d3e:{'k' * 64}", "not a valid UUID"),
        (f"{UUID}:{'k' * 63}", "at least 64 characters long"),
        (UUID, "at least 64 characters long"),
        (f"{UUID}:{'k' * 65}", "exactly 64 characters long"),
        (f"{UUID}:{'k' * 63}é", "printable ASCII"),
        (f"{UUID}:{'k' * 63} ", "printable ASCII"),
    ],
)
async def test_keys_are_checked(
    subjects: Subjects, stores: Stores, key: str, sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        await subjects.create("alice", key=key)
    assert await stores.auth.subjects() == []


async def test_a_blocked_subject_is_out_until_it_is_unblocked(
    subjects: Subjects, stores: Stores, told: list[str]
) -> None:
    await subjects.create("alice", key=KEY)
    await subjects.create("alice", "team")
    told.clear()

    await subjects.set_blocked("alice", True)

    assert told == ["alice", "team"]
    with pytest.raises(Unauthenticated):
        await stores.auth.identity_by_key(UUID, "k" * 64)
    with pytest.raises(NotAuthorized, match="The subject you want to edit is blocked"):
        await subjects.create("alice", "other")
    assert await subjects.whois(KEY) is None
    assert await subjects.identities("team") == []
    await subjects.set_blocked("alice", False)
    assert await subjects.whois(KEY) == ("alice", "alice")


async def test_a_deleted_subject_takes_its_limits_along(
    subjects: Subjects, stores: Stores, told: list[str]
) -> None:
    """Whoever gets the name next must not inherit them."""
    await subjects.create("alice")
    await subjects.create("alice", "team")
    for name in ("alice", "team"):
        await stores.auth.put_limits(name, UserLimits(invocations_per_minute=1))
    told.clear()

    await subjects.delete("alice")

    assert sorted(told) == ["alice", "team"]
    assert await stores.auth.limits("alice") is None
    assert await stores.auth.limits("team") is None
    with pytest.raises(NoDocument, match='no subject "alice"'):
        await subjects.delete("alice")


async def test_a_namespace_is_deleted_alone(subjects: Subjects, stores: Stores) -> None:
    await subjects.create("alice", key=KEY)
    await subjects.create("alice", "team")
    await stores.auth.put_limits("alice", UserLimits(fires_per_minute=1))

    await subjects.delete("alice", "team")

    assert await subjects.keys("alice") == [("alice", KEY)]
    assert await stores.auth.limits("alice") == UserLimits(fires_per_minute=1)
    with pytest.raises(NoDocument, match='Namespace "team" does not exist for "alice"'):
        await subjects.delete("alice", "team")


async def test_the_first_subject_is_made_once(subjects: Subjects) -> None:
    key = await subjects.ensure("guest")

    assert key is not None
    assert await subjects.ensure("guest") is None
    assert await subjects.whois(key) == ("guest", "guest")


def test_fresh_keys_are_well_formed_and_differ() -> None:
    pairs = {fresh_key() for _ in range(100)}

    assert len(pairs) == 100
    assert all(given_key(pair.compact) == pair for pair in pairs)


@pytest.mark.parametrize(
    ("operation", "arguments", "error"),
    [
        ("user nonsense", {}, NoDocument),
        ("user create", {}, BadInput),
        ("user create", {"subject": 5}, BadInput),
        ("user create", {"subject": "alice", "revoke": "yes"}, BadInput),
        ("user create", {"subject": "alice", "key": ["k"]}, BadInput),
        ("user keys", {"subject": "nobody"}, NoDocument),
        ("limits set", {"namespace": "alice", "limits": []}, BadInput),
        ("limits set", {"namespace": "alice", "limits": {}}, BadInput),
    ],
)
async def test_the_desk_refuses_what_does_not_fit(
    stores: Stores,
    seal: Seal,
    operation: str,
    arguments: dict[str, object],
    error: type[ChasenError],
) -> None:
    with pytest.raises(error):
        await Desk(stores, seal).call(operation, arguments)
    assert await stores.auth.subjects() == []
