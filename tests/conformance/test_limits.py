"""Appendix A, "Limits endpoint and admin overrides": cases 23 to 31."""

from __future__ import annotations

import pytest
from fixtures.house import House, User
from fixtures.rest import ECHO, done, pairs, put, refused, the_exec, theirs

STOCK = {
    "invocationsPerMinute": 60,
    "concurrentInvocations": 30,
    "firesPerMinute": 60,
    "minActionMemory": 128,
    "maxActionMemory": 512,
    "minActionLogs": 0,
    "maxActionLogs": 10,
    "minActionTimeout": 100,
    "maxActionTimeout": 300000,
    "minActionConcurrency": 1,
    "maxActionConcurrency": 1,
    "maxParameterSize": "1 MB",
    "maxActionInstances": 30,
}


@pytest.fixture
def stock(house: House) -> User:
    """Somebody with the limits that a new namespace has."""
    user = house.user()
    house.admin("limits", "delete", user.namespace)
    return user


def test_case_023_a_namespace_has_the_houses_limits(stock: User) -> None:
    assert done(stock.client.get("limits")) == STOCK
    assert done(stock.client.get("limits/")) == STOCK


def test_case_024_one_override_changes_one_limit(stock: User) -> None:
    stock.house.admin("limits", "set", stock.namespace, "--invocationsPerMinute", "1")

    assert done(stock.client.get("limits")) == STOCK | {"invocationsPerMinute": 1}


def test_case_025_limits_are_told_to_the_owner_only(house: House, user: User) -> None:
    bob = house.user()

    refused(bob.client.get(theirs(user, "limits")), 403)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_case_026_limits_cannot_be_written(user: User, method: str) -> None:
    refused(user.client.request(method, "limits", json={}), 405)


def test_case_027_one_limit_is_no_resource(user: User) -> None:
    error = refused(user.client.get("limits/foo"), 400)

    assert error == "Inner entity level routes for limits are not yet implemented."


def test_case_028_an_override_bounds_actions(house: House) -> None:
    user = house.user(maxActionMemory=256)
    body = {"exec": the_exec(), "limits": {"memory": 512}}

    refused(
        user.client.put("actions/a", json=body),
        400,
        "exceeds allowed threshold of 256 MB",
    )
    assert put(user, "actions/a", exec=the_exec())["limits"]["memory"] == 256


def test_case_029_an_override_never_exceeds_the_house(house: House) -> None:
    user = house.user(maxActionMemory=1024)
    body = {"exec": the_exec(), "limits": {"memory": 768}}

    refused(
        user.client.put("actions/a", json=body),
        400,
        "memory size 768 MB exceeds allowed threshold of 512 MB",
    )
    assert done(user.client.get("limits"))["maxActionMemory"] == 512


def test_case_030_an_override_bounds_parameters(house: House) -> None:
    user = house.user(maxParameterSize="100 B")
    body = {"exec": the_exec(), "parameters": pairs({"p": "x" * 200})}

    for path in ("actions/a", "packages/a", "triggers/a"):
        refused(
            user.client.put(path, json=body),
            413,
            "parameters larger than allowed: 203 > 100 bytes.",
        )
    assert done(user.client.get("limits"))["maxParameterSize"] == "100 B"


def test_case_031_an_override_bounds_payloads(house: House) -> None:
    user = house.user(maxPayloadSize="1 KB")
    user.put_action("a", ECHO)
    payload = {"x": "y" * 2048}

    refused(user.client.post("actions/a", json=payload), 413, "> 1024 bytes.")
    refused(
        user.client.post("actions/a", json=payload), 413, "Request larger than allowed"
    )
    assert user.invoke("a", {"x": 1}).status_code == 200
