"""Conductors: cases 158 to 167 of the conformance checklist."""

from __future__ import annotations

from typing import Any

from fixtures.chains import (
    ECHO,
    INC,
    TELL,
    annotations_of,
    conduct,
    put_conductor,
    steps_of,
)
from fixtures.house import House, User, result_of


def told(answer: Any) -> Any:
    """What the conductor saw when it was asked for the last time."""
    assert answer.status_code == 200, answer.text
    return result_of(answer)["seen"]


def test_case_158_without_an_action_it_is_the_end(user: User) -> None:
    put_conductor(user)

    answer = conduct(user, {"x": 1})

    assert answer.status_code == 200
    assert result_of(answer) == {"x": 1}
    record = user.record(answer.json()["activationId"])
    annotations = annotations_of(record)
    assert annotations["conductor"] is True
    assert annotations["kind"] == "sequence"
    assert annotations["topmost"] is True
    assert annotations["path"] == f"{user.namespace}/conductor"
    assert len(record["logs"]) == 1


def test_case_159_params_are_the_result(user: User) -> None:
    put_conductor(user)

    assert result_of(conduct(user, {"params": {"n": 1}})) == {"n": 1}


def test_case_160_it_chooses_a_component_and_keeps_its_state(user: User) -> None:
    put_conductor(user)
    user.put_action("inc", INC, limits={"memory": 512})
    chosen = {"action": "inc", "params": {"n": 1}, "state": {"s": 2}}

    answer = conduct(user, chosen, TELL)

    assert told(answer) == {"n": 2, "s": 2}
    record = user.record(answer.json()["activationId"])
    steps = steps_of(user, record)
    assert [step["name"] for step in steps] == ["conductor", "inc", "conductor"]
    assert record["duration"] == sum(step["duration"] for step in steps)
    assert annotations_of(record)["limits"]["memory"] == 512


def test_case_161_state_wins_over_the_result(user: User) -> None:
    put_conductor(user)
    user.put_action("inc", INC)
    chosen = {"action": "inc", "params": {"n": 1, "m": 1}, "state": {"n": "mine"}}

    assert told(conduct(user, chosen, TELL)) == {"n": "mine", "m": 1}


def test_case_162_an_action_must_be_a_name(user: User) -> None:
    put_conductor(user)

    seen = told(conduct(user, {"action": 42}, TELL))

    assert seen == {
        "error": "Failed to parse action name from json value 42 during composition."
    }


def test_case_163_a_component_may_be_missing(user: User) -> None:
    put_conductor(user)

    seen = told(conduct(user, {"action": "nope"}, TELL))

    name = f"{user.namespace}/nope"
    assert seen == {
        "error": f"Failed to resolve action with name '{name}' during composition."
    }


def test_case_164_a_component_may_be_somebody_elses(house: House, user: User) -> None:
    put_conductor(user)
    bob = house.user()
    bob.client.put("packages/p", json={}).raise_for_status()
    bob.put_action("p/a", ECHO)
    name = f"{bob.namespace}/p/a"

    seen = told(conduct(user, {"action": f"/{name}"}, TELL))

    text = f"Failed entitlement check for action with name '{name}' during composition."
    assert seen == {"error": text}


def test_case_165_an_endless_composition_is_ended(user: User) -> None:
    put_conductor(user, code="def main(args): return {'action': 'nope'}")

    answer = user.invoke("conductor", {})

    assert answer.status_code == 502
    response = answer.json()["response"]
    assert response["status"] == "application error"
    assert response["result"] == {"error": "Too many actions in the composition."}
    record = user.record(answer.json()["activationId"])
    assert len(record["logs"]) == 2 * 50 + 1


def test_case_165_components_have_a_budget_of_their_own(user: User) -> None:
    """The conductor hears of it when it is used up, and may end in good order."""
    user.put_action("echo", ECHO)
    put_conductor(
        user,
        code="""
def main(args):
    if "error" in args:
        return {"params": {"heard": args["error"], "count": args["count"]}}
    count = args.get("count", 0)
    return {"action": "echo", "state": {"count": count + 1}}
""",
    )

    answer = user.invoke("conductor", {})

    text = "Too many actions in the composition."
    assert answer.status_code == 200
    assert result_of(answer) == {"heard": text, "count": 51}


def test_case_166_an_error_without_an_action_ends_it(user: User) -> None:
    put_conductor(user)

    answer = conduct(user, {"error": "enough"})

    assert answer.status_code == 502
    response = answer.json()["response"]
    assert response["status"] == "application error"
    assert response["result"] == {"error": "enough"}


def test_case_167_steps_tell_what_caused_them(user: User) -> None:
    put_conductor(user)
    user.put_action("inc", INC)

    answer = conduct(user, {"action": "inc", "params": {}}, {"done": True})

    steps = steps_of(user, answer.json())
    assert len(steps) == 3
    for step in steps:
        assert step["cause"] == answer.json()["activationId"]
        assert annotations_of(step)["causedBy"] == "sequence"
