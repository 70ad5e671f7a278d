"""Limits of a namespace, on the memory store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chasen.entities.limits import LIMIT_NAMES
from chasen.errors import BadInput, NoDocument
from chasen.ports.stores import Stores
from chasen.stores.open import open_stores
from controller.administration.limits import NamespaceLimits

pytestmark = pytest.mark.anyio
VALUES: dict[str, Any] = {
    "allowedKinds": ["nodejs:20"],
    "storeActivations": False,
    "maxParameterSize": "100 B",
    "maxPayloadSize": "2 KB",
    "truncationSize": "1 KB",
    "warmedContainerKeepingTimeout": "10 minutes",
}


@pytest.fixture
async def stores(anyio_backend: str) -> AsyncIterator[Stores]:
    async with open_stores("memory:") as opened:
        yield opened


@pytest.fixture
def limits(stores: Stores) -> NamespaceLimits:
    return NamespaceLimits(stores.auth)


@pytest.mark.parametrize("name", LIMIT_NAMES)
async def test_every_limit_is_set_read_and_given_back(
    limits: NamespaceLimits, name: str
) -> None:
    value = VALUES.get(name, 7)

    await limits.set("alice", {name: value})
    assert await limits.get("alice") == {name: value}

    await limits.set("alice", {name: None})
    assert await limits.get("alice") is None


async def test_only_the_named_limits_change(limits: NamespaceLimits) -> None:
    await limits.set("alice", {"invocationsPerMinute": 1, "allowedKinds": ["a"]})

    await limits.set("alice", {"firesPerMinute": 0})

    assert await limits.get("alice") == {
        "invocationsPerMinute": 1,
        "firesPerMinute": 0,
        "allowedKinds": ["a"],
    }
    await limits.delete("alice")
    assert await limits.get("alice") is None
    with pytest.raises(NoDocument):
        await limits.delete("alice")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "at least one limit"),
        ({"invocationsPerMinute": -1}, "whole number"),
        ({"invocationsPerMinute": "abc"}, "whole number"),
        ({"invocationsPerMinute": 1.5}, "whole number"),
        ({"invocationsPerMinute": True}, "whole number"),
        ({"invocationsPerMinute": 10**10}, "at most 1000000000"),
        ({"storeActivations": 1}, "true or false"),
        ({"allowedKinds": "nodejs:20"}, "list of kinds"),
        ({"maxPayloadSize": 100}, "a size like"),
        ({"maxPayloadSize": "1 parsec"}, "a size like"),
        ({"firesPerMinute": 1, "nonsense": 1}, "no limit called 'nonsense'"),
    ],
)
async def test_what_does_not_fit_is_refused_in_one_line(
    limits: NamespaceLimits, given: dict[str, Any], sentence: str
) -> None:
    """B069: nothing is written."""
    with pytest.raises(BadInput, match=sentence) as refused:
        await limits.set("alice", given)
    assert "\n" not in str(refused.value)
    assert await limits.get("alice") is None


async def test_a_name_that_no_namespace_has_is_refused(limits: NamespaceLimits) -> None:
    with pytest.raises(BadInput, match="illegal characters"):
        await limits.set("a/b", {"firesPerMinute": 1})
