"""Appendix A, "Triggers": cases 168 to 183."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fixtures.house import User
from fixtures.rest import (
    ACTIVATION_ID,
    ECHO,
    MALFORMED,
    as_dict,
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
def wired(user: User) -> User:
    """Whose rule ``r`` leads from trigger ``t`` to action ``a``."""
    user.put_action("a", ECHO)
    put(user, "triggers/t")
    put_rule(user, "r", "t", "a")
    return user


def fire(user: User, payload: Any = None, **headers: str) -> dict[str, Any]:
    """Fire ``t``; answer its record."""
    answer = user.client.post("triggers/t", json=payload, headers=headers)
    assert answer.status_code == 202, answer.text
    return user.record(answer.json()["activationId"])


def lines_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    assert all(isinstance(line, str) for line in record["logs"])
    return [json.loads(line) for line in record["logs"]]


def test_case_168_a_created_trigger(user: User) -> None:
    stored = put(user, "triggers/t")

    assert stored.pop("updated") > 0
    assert stored == {
        "namespace": user.namespace,
        "name": "t",
        "version": "0.0.1",
        "publish": False,
        "parameters": [],
        "annotations": [],
        "limits": {},
    }


@pytest.mark.parametrize("feed", ["xyz", "/alice/pkg/feed"])
def test_case_169_a_feed_is_a_path(user: User, feed: str) -> None:
    stored = put(user, "triggers/t", annotations=pairs({"feed": feed}))

    assert as_dict(stored["annotations"]) == {"feed": feed}


@pytest.mark.parametrize("feed", ["", None, {"a": 1}, "a,b"])
def test_case_170_and_nothing_else(user: User, feed: object) -> None:
    body = {"annotations": pairs({"feed": feed})}

    answer = user.client.put("triggers/t", json=body)

    assert refused(answer, 400) == "Feed name is not valid"


def test_case_171_updates_replace(user: User) -> None:
    first = {"annotations": pairs({"x": 1}), "parameters": pairs({"p": 1})}
    put(user, "triggers/t", **first)

    kept = put(user, "triggers/t", overwrite=True)
    second = put(
        user,
        "triggers/t",
        overwrite=True,
        annotations=pairs({"y": 2}),
        parameters=pairs({"q": 2}),
    )

    assert (kept["annotations"], kept["parameters"]) == tuple(first.values())
    assert kept["version"] == "0.0.2"
    assert as_dict(second["annotations"]) == {"y": 2}
    assert as_dict(second["parameters"]) == {"q": 2}
    assert second["version"] == "0.0.3"


def test_case_172_create_does_not_overwrite(user: User) -> None:
    put(user, "triggers/t")

    answer = user.client.put("triggers/t", json={})

    assert refused(answer, 409) == "resource already exists"


def test_case_173_a_trigger_without_rules_does_nothing(user: User) -> None:
    put(user, "triggers/t")

    answer = user.client.post("triggers/t", json={"a": 1})

    assert (answer.status_code, answer.content) == (204, b"")
    assert ACTIVATION_ID not in answer.headers
    assert done(user.client.get("activations")) == []


def test_case_174_a_trigger_with_a_rule_is_accepted(wired: User) -> None:
    answer = wired.client.post("triggers/t", json={})

    assert answer.status_code == 202
    assert set(answer.json()) == {"activationId"}
    assert answer.headers[ACTIVATION_ID] == answer.json()["activationId"]


def test_case_175_what_the_action_gets(wired: User) -> None:
    put(wired, "triggers/t", overwrite=True, parameters=pairs({"a": "t", "b": "t"}))

    watched = {"x-ow-extra-logging": "on", "x-mine": "1"}
    (line,) = lines_of(fire(wired, {"b": "payload"}, **watched))

    result = wired.record(line["activationId"])["response"]["result"]
    headers = result.pop("__ow_headers")
    assert result == {"a": "t", "b": "payload"}
    assert headers["content-type"] == "application/json"
    assert headers["x-mine"] == "1"
    assert "authorization" not in headers
    assert "x-ow-extra-logging" not in headers


def test_case_176_the_triggers_record(wired: User) -> None:
    record = fire(wired, {"a": 1})

    assert record["name"] == "t"
    assert record["annotations"] == []
    assert record["response"]["result"] == {"a": 1}
    assert record["response"]["status"] == "success"
    assert not {"end", "duration", "cause"} & record.keys()
    (line,) = lines_of(record)
    assert len(line.pop("activationId")) == 32
    assert line == {
        "rule": f"{wired.namespace}/r",
        "action": f"{wired.namespace}/a",
        "statusCode": 0,
        "success": True,
    }


def test_case_177_a_record_without_a_payload(wired: User) -> None:
    answer = wired.client.post("triggers/t")

    assert answer.status_code == 202
    record = wired.record(answer.json()["activationId"])
    assert record["response"]["result"] == {}


def test_case_178_an_inactive_rule_says_so(wired: User) -> None:
    put_rule(wired, "r2", "t", "a")
    done_text = wired.client.post("rules/r2", json={"status": "inactive"})
    assert done_text.status_code == 200

    lines = {line["rule"]: line for line in lines_of(fire(wired))}

    namespace = wired.namespace
    assert lines[f"{namespace}/r"]["statusCode"] == 0
    assert lines[f"{namespace}/r2"] == {
        "rule": f"{namespace}/r2",
        "action": f"{namespace}/a",
        "statusCode": 1,
        "success": False,
        "error": f"Rule '{namespace}/r2' is inactive, action '{namespace}/a' "
        "was not activated.",
    }


def test_case_179_a_rule_to_nowhere_says_so(wired: User) -> None:
    done(wired.client.delete("actions/a"))

    (line,) = lines_of(fire(wired))

    assert (line["success"], line["statusCode"]) == (False, 1)
    assert line["error"] == "The requested resource does not exist."


def test_case_180_fires_are_checked(wired: User) -> None:
    big = {"a": "x" * MIB}

    refused(wired.client.post("triggers/missing", json={}), 404)
    refused(wired.client.post("triggers/t", json=[1]), 400, MALFORMED)
    refused(
        wired.client.post("triggers/t", json=big), 413, "Request larger than allowed"
    )


def test_case_181_a_trigger_shows_its_rules(wired: User) -> None:
    namespace = wired.namespace

    rules = done(wired.client.get("triggers/t"))["rules"]

    assert rules == {
        f"{namespace}/r": {
            "action": {"name": "a", "path": namespace},
            "status": "active",
        }
    }


def test_case_182_delete(user: User) -> None:
    stored = put(user, "triggers/t")

    assert done(user.client.delete("triggers/t")) == stored
    refused(user.client.get("triggers/t"), 404)


def test_case_183_too_many_parameters(user: User) -> None:
    big = {"parameters": pairs({"p": "x" * MIB})}
    text = "parameters larger than allowed:"

    refused(user.client.put("triggers/t", json=big), 413, text)
    put(user, "triggers/t")
    refused(user.client.put("triggers/t?overwrite=true", json=big), 413, text)


def test_case_175_rules_reach_packaged_and_bound_actions(user: User) -> None:
    put_package(user, "p", parameters=pairs({"p": 1}))
    put(user, "actions/p/x", exec=the_exec())
    put_package(user, "b", binding="p", parameters=pairs({"b": 2}))
    put(user, "triggers/t")
    put_rule(user, "packaged", "t", "p/x")
    put_rule(user, "bound", "t", "b/x")

    lines = {line["rule"]: line for line in lines_of(fire(user, {"c": 3}))}

    for rule, wanted in (
        ("packaged", {"p": 1, "c": 3}),
        ("bound", {"p": 1, "b": 2, "c": 3}),
    ):
        line = lines[f"{user.namespace}/{rule}"]
        result = user.record(line["activationId"])["response"]["result"]
        del result["__ow_headers"]
        assert result == wanted
