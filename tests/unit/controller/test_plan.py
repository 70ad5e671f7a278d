"""An action resolved into a plan, and remembered."""

from __future__ import annotations

import asyncio
import json

import pytest

from chasen.clock import SystemClock
from chasen.entities import (
    Action,
    CodeExec,
    FullyQualifiedEntityName,
    Parameters,
)
from chasen.errors import BadInput, MalformedContent, NoDocument
from chasen.messages import Delivery
from chasen.stores.open import open_stores
from controller.invocation.plan import Plan
from controller.invocation.resolve import Resolver

HELLO = FullyQualifiedEntityName.parse("guest/hello")


def an_action(**changes: object) -> Action:
    given = {
        "fqn": HELLO,
        "exec": CodeExec("python:3.11", "0" * 64, 1, False),
        "revision": "1",
    }
    return Action(**(given | changes))  # pyright: ignore[reportArgumentType]


def test_without_parameters_the_payload_is_passed_on_as_it_came() -> None:
    """Not even white space is touched: it is checked, not decoded and encoded."""
    payload = b'{ "a" : 12345678901234567890123 }'

    assert Plan.of(an_action()).arguments(payload) is payload


def test_the_payload_wins_over_parameters() -> None:
    plan = Plan.of(an_action(parameters=Parameters.of({"a": 1, "b": 2})))

    assert json.loads(plan.arguments(b'{"b": 3}')) == {"a": 1, "b": 3}
    assert json.loads(plan.arguments(b"")) == {"a": 1, "b": 2}


@pytest.mark.parametrize("payload", [b"[]", b"3", b"null", b'{"a":', b"\xff", b"{}{}"])
def test_only_an_object_is_a_payload(payload: bytes) -> None:
    with pytest.raises(MalformedContent):
        Plan.of(an_action()).arguments(payload)


def test_a_final_parameter_is_not_overridden_unless_it_is_null() -> None:
    plan = Plan.of(
        an_action(
            annotations=Parameters.of({"final": True}),
            parameters=Parameters.of({"a": 1, "b": None}),
        )
    )

    assert json.loads(plan.arguments(b'{"b": 2}')) == {"a": 1, "b": 2}
    with pytest.raises(BadInput, match="parameters that are not allowed"):
        plan.arguments(b'{"a": 2}')


def test_the_delivery_class_is_an_annotation() -> None:
    wish = Parameters.of({"delivery": "at-least-once"})

    assert Plan.of(an_action(annotations=wish)).delivery is Delivery.AT_LEAST_ONCE
    assert Plan.of(an_action()).delivery is Delivery.AT_MOST_ONCE


@pytest.mark.anyio
async def test_a_plan_is_remembered_until_it_is_forgotten() -> None:
    async with open_stores("memory:") as stores:
        resolver = Resolver(stores.entities, SystemClock())
        first = await stores.entities.put(an_action(revision=None))

        plan = await resolver.plan(HELLO)
        await stores.entities.delete(first)

        assert await resolver.plan(HELLO) is plan, "no look into the store"
        resolver.forget([str(HELLO)])
        with pytest.raises(NoDocument):
            await resolver.plan(HELLO)


@pytest.mark.anyio
async def test_what_was_read_before_an_invalidation_is_not_remembered() -> None:
    """A slow read must not bring back what a writer has just replaced."""
    async with open_stores("memory:") as stores:
        await stores.entities.put(an_action(revision=None))
        resolver = Resolver(stores.entities, SystemClock())

        reading = asyncio.ensure_future(resolver.plan(HELLO))
        await asyncio.sleep(0)
        resolver.forget([str(HELLO)])
        await reading

        assert resolver.known_plan(HELLO) is None
