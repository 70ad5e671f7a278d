"""A thousand rules on one trigger: all are obeyed, or each says why it was not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fixtures.house import House, User

pytestmark = pytest.mark.slow

RULES = 1000


@pytest.fixture
def house(embedded: House) -> Iterator[House]:
    yield embedded
    embedded.forget_users()


def fired_record(user: User) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    user.put_action("noop", "def main(a): return {}", limits={"logs": 0})
    user.client.put("triggers/crowd", json={}).raise_for_status()

    def bind(number: int) -> int:
        body = {"trigger": "/_/crowd", "action": "/_/noop"}
        while True:
            answer = user.client.put(f"rules/r{number}", json=body)
            if answer.status_code != 409:  # others write the same trigger
                return answer.status_code

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(bind, range(RULES))) == {200}
    fired = user.client.post("triggers/crowd", json={})
    assert fired.status_code == 202
    record = user.record(fired.json()["activationId"], within_s=180)
    return record, [json.loads(line) for line in record["logs"]]


def test_with_raised_limits_every_rule_is_obeyed(house: House) -> None:
    user = house.user(concurrentInvocations=5000)

    _, lines = fired_record(user)

    assert len(lines) == RULES
    assert {line.get("error") for line in lines} == {None}
    ids = {line["activationId"] for line in lines}
    assert len(ids) == RULES
    for identifier in sorted(ids):
        assert user.record(identifier, within_s=120)["response"]["success"]


def test_with_stock_limits_each_refused_rule_has_its_line(house: House) -> None:
    user = house.user(invocationsPerMinute=60, concurrentInvocations=30)

    _, lines = fired_record(user)

    assert len(lines) == RULES
    refused = [line for line in lines if not line["success"]]
    assert len(refused) >= RULES - 120
    assert {line["error"].partition(" (")[0] for line in refused} <= {
        "Too many requests in the last minute",
        "Too many concurrent requests in flight",
    }
