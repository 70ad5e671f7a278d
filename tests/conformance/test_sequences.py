"""Sequences: cases 141 to 157 of the conformance checklist."""

from __future__ import annotations

import time
from typing import Any

import httpx
from fixtures.chains import (
    ECHO,
    INC,
    a_sequence,
    annotations_of,
    put_sequence,
    steps_of,
)
from fixtures.house import House, User, result_of

TOO_MANY = "Too many actions in the sequence."
CIRCULAR = "Sequence may not refer to itself."
MISSING = "Sequence component does not exist."


def refused(answer: httpx.Response, text: str, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert text in answer.json()["error"]
    assert isinstance(answer.json()["code"], str)


def with_actions(user: User, *names: str) -> None:
    for name in names:
        user.put_action(name, ECHO)


def test_case_141_components_are_shown_with_their_namespace(user: User) -> None:
    with_actions(user, "a", "b")

    stored = a_sequence(user, "s", "a", "b")

    names = [f"/{user.namespace}/a", f"/{user.namespace}/b"]
    assert stored["exec"] == {"kind": "sequence", "components": names}
    assert stored["parameters"] == [{"key": "_actions", "value": names}]
    assert annotations_of(stored)["exec"] == "sequence"
    assert user.client.get("actions/s").json() == stored


def test_case_142_a_sequence_of_nothing_is_refused(user: User) -> None:
    refused(put_sequence(user, "s"), "No component specified for the sequence.")


def test_case_143_a_sequence_needs_components(user: User) -> None:
    answer = user.client.put("actions/s", json={"exec": {"kind": "sequence"}})

    refused(answer, "'components' must be defined for sequence kind")


def test_case_144_components_have_to_exist(user: User) -> None:
    refused(put_sequence(user, "s", "nope"), MISSING)
    assert user.client.get("actions/s").status_code == 404


def test_case_145_a_sequence_is_no_component_of_itself(user: User) -> None:
    with_actions(user, "a", "s")

    refused(put_sequence(user, "s", "a", "s"), CIRCULAR)


def test_case_146_nor_by_way_of_another_one(user: User) -> None:
    with_actions(user, "x", "b")
    a_sequence(user, "a", "b")

    refused(put_sequence(user, "b", "a"), CIRCULAR)


def test_case_147_fifty_components_are_the_most(user: User) -> None:
    with_actions(user, "a")

    assert put_sequence(user, "s", *["a"] * 50).status_code == 200
    refused(put_sequence(user, "t", *["a"] * 51), TOO_MANY)


def test_case_148_nested_ones_count_by_their_actions(user: User) -> None:
    with_actions(user, "a")
    a_sequence(user, "x", *["a"] * 26)

    refused(put_sequence(user, "s", "x", "x"), TOO_MANY)


def test_case_149_a_binding_hides_no_circle(user: User) -> None:
    user.client.put("packages/p", json={}).raise_for_status()
    binding = {"binding": {"namespace": "_", "name": "p"}}
    user.client.put("packages/b", json=binding).raise_for_status()
    with_actions(user, "p/x")
    a_sequence(user, "s", "b/x")

    refused(put_sequence(user, "p/x", "s"), CIRCULAR)


def test_case_150_a_component_names_its_namespace(user: User) -> None:
    executable = {"kind": "sequence", "components": ["a"]}

    answer = user.client.put("actions/s", json={"exec": executable})

    refused(
        answer, "must contain at least the namespace and the name of the entity", 400
    )


def test_case_151_the_last_result_is_the_answer(user: User) -> None:
    user.put_action("inc", INC, limits={"memory": 128})
    user.put_action("more", INC, limits={"memory": 256})
    a_sequence(user, "s", "inc", "more", "inc")

    answer = user.invoke("s", {"n": 1, "keep": "me"})

    assert answer.status_code == 200
    shown = answer.json()
    assert shown["response"]["result"] == {"n": 4, "keep": "me"}
    assert shown["logs"] == []
    assert answer.headers["x-openwhisk-activation-id"] == shown["activationId"]
    record = user.record(shown["activationId"])
    steps = steps_of(user, record)
    assert [step["name"] for step in steps] == ["inc", "more", "inc"]
    assert [step["response"]["result"]["n"] for step in steps] == [2, 3, 4]
    assert record["duration"] == sum(step["duration"] for step in steps)
    annotations = annotations_of(record)
    assert annotations["topmost"] is True
    assert annotations["kind"] == "sequence"
    assert annotations["path"] == f"{user.namespace}/s"
    assert annotations["limits"] == {
        "timeout": 60000,
        "memory": 256,
        "logs": 10,
        "concurrency": 1,
    }
    assert "causedBy" not in annotations
    assert "cause" not in record
    only = user.invoke("s", {"n": 5}, result="true")
    assert (only.status_code, only.json()) == (200, {"n": 8})


def test_case_152_components_tell_what_caused_them(user: User) -> None:
    with_actions(user, "a", "b")
    a_sequence(user, "s", "a", "b")

    record = user.invoke("s", {}).json()

    for step in steps_of(user, record):
        assert step["cause"] == record["activationId"]
        assert annotations_of(step)["causedBy"] == "sequence"


def test_case_153_an_error_is_the_end(user: User) -> None:
    user.put_action("no", "def main(args): return {'error': 'no'}")
    with_actions(user, "b")
    a_sequence(user, "s", "no", "b")

    answer = user.invoke("s", {})

    assert answer.status_code == 502
    response = answer.json()["response"]
    assert response["status"] == "application error"
    assert response["result"] == {"error": "no"}
    (step,) = steps_of(user, answer.json())
    assert step["name"] == "no"
    assert user.client.get("activations?name=b").json() == []


def test_case_154_an_error_in_the_payload_is_not(user: User) -> None:
    user.put_action("look", "def main(args): return {'seen': args}")
    a_sequence(user, "s", "look")

    answer = user.invoke("s", {"error": "given"})

    assert answer.status_code == 200
    assert result_of(answer) == {"seen": {"error": "given"}}


def test_case_155_a_component_may_be_gone(user: User) -> None:
    with_actions(user, "a", "b")
    a_sequence(user, "s", "a", "b")
    user.client.delete("actions/b").raise_for_status()
    time.sleep(0.5)  # the other controller hears of it

    answer = user.invoke("s", {})

    assert answer.status_code == 502
    assert answer.json()["response"]["status"] == "application error"
    assert result_of(answer) == {"error": MISSING}
    (step,) = steps_of(user, answer.json())
    assert step["name"] == "a"


def test_case_156_an_inner_sequence_has_its_own_record(user: User) -> None:
    user.put_action("inc", INC)
    a_sequence(user, "inner", "inc", "inc")
    a_sequence(user, "outer", "inner", "inc")

    answer = user.invoke("outer", {"n": 0})

    assert result_of(answer) == {"n": 3}
    inner, last = steps_of(user, answer.json())
    assert (inner["name"], last["name"]) == ("inner", "inc")
    assert inner["cause"] == last["cause"] == answer.json()["activationId"]
    annotations: dict[str, Any] = annotations_of(inner)
    assert annotations["topmost"] is False
    assert annotations["causedBy"] == "sequence"
    innermost = steps_of(user, inner)
    assert [step["cause"] for step in innermost] == [inner["activationId"]] * 2
    assert inner["duration"] == sum(step["duration"] for step in innermost)


def test_case_157_a_sequence_is_charged_once(house: House) -> None:
    user = house.user(invocationsPerMinute=1)
    with_actions(user, "a", "b")
    a_sequence(user, "s", "a", "b")
    wait_for_a_new_minute()

    first = [user.invoke("s", {}) for _ in range(controllers(house))]
    second = user.invoke("s", {})

    assert [answer.status_code for answer in first] == [200] * len(first)
    refused(second, "Too many requests in the last minute", 429)


def controllers(house: House) -> int:
    """Each controller gives a share, and one call at least."""
    return 1 if house.name == "embedded" else 2


def wait_for_a_new_minute() -> None:
    """Windows are those of the wall clock; a test must fit into one."""
    left_s = 60 - time.time() % 60
    if left_s < 15:
        time.sleep(left_s + 0.1)
