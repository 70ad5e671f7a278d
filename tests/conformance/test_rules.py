"""Appendix A, "Rules": cases 184 to 201."""

from __future__ import annotations

from typing import Any

import pytest
from fixtures.house import User
from fixtures.rest import (
    done,
    pairs,
    put,
    put_package,
    put_rule,
    refused,
    the_exec,
)

MIB = 1024 * 1024


@pytest.fixture
def ready(user: User) -> User:
    """Who has triggers ``t`` and ``t2`` and actions ``a`` and ``a2``."""
    for name in ("a", "a2"):
        put(user, f"actions/{name}", exec=the_exec())
    for name in ("t", "t2"):
        put(user, f"triggers/{name}")
    return user


@pytest.fixture
def ruled(ready: User) -> User:
    """And rule ``r`` between ``t`` and ``a``."""
    put_rule(ready, "r", "t", "a")
    return ready


def switch(user: User, status: str) -> None:
    answer = user.client.post("rules/r", json={"status": status})
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["content-type"].startswith("text/plain")


def status_of(user: User) -> str:
    return done(user.client.get("rules/r"))["status"]


def rules_of(user: User, trigger: str) -> dict[str, Any] | None:
    return done(user.client.get(f"triggers/{trigger}")).get("rules")


def test_case_184_a_created_rule(ready: User) -> None:
    stored = put_rule(ready, "r", "t", "a")

    assert stored.pop("updated") > 0
    assert stored == {
        "namespace": ready.namespace,
        "name": "r",
        "version": "0.0.1",
        "publish": False,
        "annotations": [],
        "status": "active",
        "trigger": {"path": ready.namespace, "name": "t"},
        "action": {"path": ready.namespace, "name": "a"},
    }


def test_case_185_references_may_be_objects(ready: User) -> None:
    stored = put(
        ready,
        "rules/r",
        trigger={"path": ready.namespace, "name": "t"},
        action={"path": "_", "name": "a"},
    )

    assert stored["trigger"] == {"path": ready.namespace, "name": "t"}
    assert stored["action"] == {"path": ready.namespace, "name": "a"}


def test_case_186_the_trigger_has_to_be_there(ready: User) -> None:
    body = {"trigger": "/_/nope", "action": "/_/a"}

    error = refused(ready.client.put("rules/r", json=body), 400)

    assert error == f"trigger /{ready.namespace}/nope does not exist"


def test_case_187_so_has_the_action(ready: User) -> None:
    put_package(ready, "p")

    for name in ("nope", "p/nope"):
        body = {"trigger": "/_/t", "action": f"/_/{name}"}
        error = refused(ready.client.put("rules/r", json=body), 400)
        assert error == f"action /{ready.namespace}/{name} does not exist"
    body = {"trigger": "/_/t", "action": "/_/nopkg/a"}
    refused(ready.client.put("rules/r", json=body), 404)


def test_case_188_both_are_needed(ready: User) -> None:
    for body in ({}, {"trigger": "/_/t"}, {"action": "/_/a"}):
        error = refused(ready.client.put("rules/r", json=body), 400)
        assert error == "rule requires a valid trigger and a valid action"


def test_case_189_create_does_not_overwrite(ruled: User) -> None:
    body = {"trigger": "/_/t", "action": "/_/a"}

    error = refused(ruled.client.put("rules/r", json=body), 409)

    assert error == "resource already exists"


def test_case_190_switching_off(ruled: User) -> None:
    switch(ruled, "inactive")

    assert status_of(ruled) == "inactive"


def test_case_191_and_off_again_and_on(ruled: User) -> None:
    switch(ruled, "inactive")
    switch(ruled, "inactive")
    switch(ruled, "active")

    assert status_of(ruled) == "active"


def test_case_192_there_are_two_states(ruled: User) -> None:
    json_type = {"content-type": "application/json"}

    for body in ({"status": "xxx"}, {}):
        refused(
            ruled.client.post("rules/r", json=body),
            400,
            "is not a recognized rule state",
        )
    refused(ruled.client.post("rules/r", content="", headers=json_type), 400)
    refused(ruled.client.post("rules/none", json={"status": "active"}), 404)


def test_case_193_the_status_is_the_triggers_word(ruled: User) -> None:
    assert status_of(ruled) == "active"

    done(ruled.client.delete("triggers/t"))
    put(ruled, "triggers/t")

    assert status_of(ruled) == "inactive"


@pytest.mark.parametrize("status", ["active", "inactive"])
def test_case_194_an_update_keeps_the_status(ruled: User, status: str) -> None:
    switch(ruled, status)

    changed = put(ruled, "rules/r", overwrite=True)

    assert (changed["status"], changed["version"]) == (status, "0.0.2")
    assert status_of(ruled) == status


def test_case_195_another_trigger(ruled: User) -> None:
    put(ruled, "rules/r", overwrite=True, trigger="/_/t2")

    assert rules_of(ruled, "t") == {}
    assert set(rules_of(ruled, "t2") or {}) == {f"{ruled.namespace}/r"}


def test_case_196_another_action(ruled: User) -> None:
    put(ruled, "rules/r", overwrite=True, action="/_/a2")

    rules = rules_of(ruled, "t")

    assert rules == {
        f"{ruled.namespace}/r": {
            "action": {"path": ruled.namespace, "name": "a2"},
            "status": "active",
        }
    }


def test_case_197_delete(ruled: User) -> None:
    deleted = done(ruled.client.delete("rules/r"))

    assert deleted["status"] == "inactive"
    assert rules_of(ruled, "t") == {}
    refused(ruled.client.get("rules/r"), 404)


def test_case_198_a_rule_without_its_trigger(ruled: User) -> None:
    done(ruled.client.delete("triggers/t"))

    assert status_of(ruled) == "inactive"
    answer = ruled.client.post("rules/r", json={"status": "active"})
    assert refused(answer, 404) == (
        "Only rules with existing triggers can be activated"
    )
    switch(ruled, "inactive")


def test_case_199_can_be_deleted(ruled: User) -> None:
    done(ruled.client.delete("triggers/t"))

    assert done(ruled.client.delete("rules/r"))["status"] == "inactive"


def test_case_200_an_action_in_a_package(ready: User) -> None:
    put_package(ready, "pkg")
    put(ready, "actions/pkg/a", exec=the_exec())

    stored = put_rule(ready, "r", "t", "pkg/a")

    assert stored["action"] == {"path": f"{ready.namespace}/pkg", "name": "a"}
    assert done(ready.client.get("rules/r")) == stored


def test_case_200_an_action_behind_a_binding(ready: User) -> None:
    put_package(ready, "pkg")
    put(ready, "actions/pkg/a", exec=the_exec())
    put_package(ready, "bound", binding="pkg")

    stored = put_rule(ready, "r", "t", "bound/a")

    assert stored["action"] == {"path": f"{ready.namespace}/bound", "name": "a"}


def test_case_201_too_many_annotations(ruled: User) -> None:
    big = {"annotations": pairs({"p": "x" * MIB})}
    text = "annotations larger than allowed:"
    whole = big | {"trigger": "/_/t", "action": "/_/a"}

    refused(ruled.client.put("rules/new", json=whole), 413, text)
    refused(ruled.client.put("rules/r?overwrite=true", json=big), 413, text)
