"""Firing triggers through rules, over REST, on both houses."""

from __future__ import annotations

import json
import time

from fixtures.house import User


def bound(user: User) -> None:
    """A trigger with a rule to an action that echoes."""
    user.put_action("echo", "def main(a): return a")
    user.client.put(
        "triggers/new-order",
        json={"parameters": [{"key": "shop", "value": "tea"}]},
    ).raise_for_status()
    user.client.put(
        "rules/on-order", json={"trigger": "/_/new-order", "action": "/_/echo"}
    ).raise_for_status()


def test_a_fire_runs_the_action_of_its_rule(user: User) -> None:
    bound(user)

    fired = user.client.post("triggers/new-order", json={"item": 3})

    assert fired.status_code == 202
    record = user.record(fired.json()["activationId"])
    assert record["name"] == "new-order"
    assert record["response"]["result"] == {"item": 3}
    assert "end" not in record
    (line,) = map(json.loads, record["logs"])
    assert (line["statusCode"], line["success"]) == (0, True)
    assert line["rule"] == f"{user.namespace}/on-order"
    run = user.record(line["activationId"])
    result = run["response"]["result"]
    assert (result["shop"], result["item"]) == ("tea", 3)
    assert "authorization" not in result["__ow_headers"]
    assert "cause" not in run


def test_without_active_rules_nothing_happens(user: User) -> None:
    bound(user)
    off = user.client.post("rules/on-order", json={"status": "inactive"})
    assert (off.status_code, off.text) == (200, "OK")
    time.sleep(0.5)  # the other controller hears of it

    fired = user.client.post("triggers/new-order", json={})

    assert (fired.status_code, fired.text) == (204, "")
    assert user.client.get("rules/on-order").json()["status"] == "inactive"


def test_a_rule_whose_action_is_gone_has_its_line(user: User) -> None:
    bound(user)
    user.client.delete("actions/echo").raise_for_status()
    time.sleep(0.5)

    record = user.record(user.client.post("triggers/new-order").json()["activationId"])

    (line,) = map(json.loads, record["logs"])
    assert (line["statusCode"], line["error"]) == (
        1,
        "The requested resource does not exist.",
    )


def test_a_throttled_rule_has_its_line(user: User) -> None:
    """Rules are charged like any invocation."""
    house = user.house
    poor = house.user(invocationsPerMinute=0)
    bound(poor)

    record = poor.record(poor.client.post("triggers/new-order").json()["activationId"])

    (line,) = map(json.loads, record["logs"])
    assert "Too many requests in the last minute" in line["error"]


def test_rules_are_read_listed_moved_and_deleted(user: User) -> None:
    bound(user)
    user.client.put("triggers/other", json={}).raise_for_status()

    moved = user.client.put(
        "rules/on-order?overwrite=true", json={"trigger": "/_/other"}
    ).json()

    assert (moved["version"], moved["status"]) == ("0.0.2", "active")
    assert moved["trigger"] == {"path": user.namespace, "name": "other"}
    assert user.client.get("triggers/new-order").json()["rules"] == {}
    assert list(user.client.get("triggers/other").json()["rules"]) == [
        f"{user.namespace}/on-order"
    ]
    (row,) = user.client.get("rules").json()
    assert "status" not in row
    assert user.client.delete("rules/on-order").json()["status"] == "inactive"
    assert user.client.get("triggers/other").json()["rules"] == {}


def test_a_recreated_trigger_is_not_linked_again(user: User) -> None:
    bound(user)
    user.client.delete("triggers/new-order").raise_for_status()

    assert user.client.get("rules/on-order").json()["status"] == "inactive"
    refused = user.client.post("rules/on-order", json={"status": "active"})
    assert refused.status_code == 404
    assert refused.json()["error"] == (
        "Only rules with existing triggers can be activated"
    )
    user.client.put("triggers/new-order", json={}).raise_for_status()
    assert user.client.get("rules/on-order").json()["status"] == "inactive"
    user.client.post("rules/on-order", json={"status": "active"}).raise_for_status()
    assert user.client.get("rules/on-order").json()["status"] == "active"


def test_a_rule_needs_what_it_binds(user: User) -> None:
    def refused(body: dict) -> tuple[int, str]:
        answer = user.client.put("rules/r", json=body)
        return answer.status_code, answer.json()["error"]

    namespace = user.namespace
    assert refused({}) == (400, "rule requires a valid trigger and a valid action")
    assert refused({"trigger": "/_/t", "action": "/_/a"}) == (
        400,
        f"trigger /{namespace}/t does not exist",
    )
    user.client.put("triggers/t", json={}).raise_for_status()
    assert refused({"trigger": "/_/t", "action": "/_/a"}) == (
        400,
        f"action /{namespace}/a does not exist",
    )
    assert user.client.get("rules/r").status_code == 404
