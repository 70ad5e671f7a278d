"""Sequences and compositions over REST, triggers and the web, on both houses."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fixtures.chains import (
    ECHO,
    INC,
    TELL,
    a_sequence,
    annotations_of,
    conduct,
    put_conductor,
    put_sequence,
    steps_of,
)
from fixtures.house import House, User, result_of
from fixtures.web import put_web, web

SLOW = "import time\ndef main(args):\n    time.sleep(1.5)\n    return args"


def test_a_sequence_nobody_waits_for_runs_all_the_same(user: User) -> None:
    user.put_action("inc", INC)
    a_sequence(user, "s", "inc", "inc")

    answer = user.invoke("s", {"n": 1}, blocking="false")

    assert answer.status_code == 202
    identifier = answer.json()["activationId"]
    assert answer.headers["x-openwhisk-activation-id"] == identifier
    record = user.record(identifier)
    assert record["response"]["result"] == {"n": 3}
    assert len(record["logs"]) == 2
    (listed,) = user.client.get("activations?name=s").json()
    assert listed["activationId"] == identifier


def test_who_does_not_wait_long_enough_finds_the_record(user: User) -> None:
    user.put_action("slow", SLOW)
    a_sequence(user, "s", "slow")

    answer = user.invoke("s", {"n": 1}, timeout=500)

    assert answer.status_code == 202
    record = user.record(answer.json()["activationId"])
    assert record["response"]["result"] == {"n": 1}


def test_parameters_of_components_packages_and_bindings_are_merged(user: User) -> None:
    user.client.put(
        "packages/p", json={"parameters": [{"key": "a", "value": "package"}]}
    ).raise_for_status()
    user.client.put(
        "packages/b",
        json={
            "binding": {"namespace": "_", "name": "p"},
            "parameters": [{"key": "b", "value": "binding"}],
        },
    ).raise_for_status()
    user.put_action("p/echo", ECHO, parameters=[{"key": "c", "value": "action"}])
    a_sequence(user, "p/s", "b/echo")

    answer = user.invoke("b/s", {"c": "payload", "d": 1})

    assert result_of(answer) == {
        "a": "package",
        "b": "binding",
        "c": "payload",
        "d": 1,
    }
    annotations = annotations_of(answer.json())
    assert annotations["binding"] == f"{user.namespace}/b"
    assert annotations["path"] == f"{user.namespace}/p/s"
    (step,) = steps_of(user, answer.json())
    assert annotations_of(step)["binding"] == f"{user.namespace}/b"


def test_an_array_is_the_whole_argument_of_the_next(user: User) -> None:
    user.put_action("split", "def main(args): return args['text'].split()")
    user.put_action(
        "count",
        "def main(args): return {'is': type(args).__name__, 'of': len(args)}",
        parameters=[{"key": "not", "value": "merged"}],
    )
    a_sequence(user, "s", "split", "count")
    a_sequence(user, "t", "split")

    assert result_of(user.invoke("s", {"text": "a b c"})) == {"is": "list", "of": 3}
    bare = user.invoke("t", {"text": "a b c"})
    assert (bare.status_code, bare.json()) == (200, ["a", "b", "c"])


def test_a_rule_runs_a_sequence_or_a_composition(user: User) -> None:
    user.put_action("inc", INC)
    a_sequence(user, "s", "inc", "inc")
    put_conductor(user)
    user.client.put("triggers/go", json={}).raise_for_status()
    for action in ("s", "conductor"):
        rule = {"trigger": "/_/go", "action": f"/_/{action}"}
        user.client.put(f"rules/to-{action}", json=rule).raise_for_status()

    plan = [{"action": "inc", "params": {"n": 6}}, TELL]
    fired = user.client.post("triggers/go", json={"n": 5, "plan": plan})

    record = user.record(fired.json()["activationId"])
    lines = {line["action"]: line for line in map(json.loads, record["logs"])}
    sequence = user.record(lines[f"{user.namespace}/s"]["activationId"])
    assert sequence["response"]["result"]["n"] == 7
    assert "cause" not in sequence
    assert annotations_of(sequence)["topmost"] is True
    composition = user.record(lines[f"{user.namespace}/conductor"]["activationId"])
    assert composition["response"]["result"] == {"seen": {"n": 7}}


def test_a_sequence_answers_the_web(user: User) -> None:
    user.put_action("inc", "def main(args): return {'n': int(args['n']) + 1}")
    marked = [{"key": "web-export", "value": True}]
    executable = {"kind": "sequence", "components": ["/_/inc", "/_/inc"]}
    user.client.put(
        "actions/s", json={"exec": executable, "annotations": marked}
    ).raise_for_status()

    answer = web(user, "default/s.json?n=3")

    assert (answer.status_code, answer.json()) == (200, {"n": 5})


def test_a_composition_answers_the_web(user: User) -> None:
    user.put_action("inc", INC)
    code = """
def main(args):
    if "n" in args:
        return {"body": str(args["n"])}
    return {"action": "inc", "params": {"n": 1}}
"""
    put_web(user, "c", code, conductor=True)

    answer = web(user, "default/c.http")

    assert (answer.status_code, answer.text) == (200, "2")


def test_a_component_that_may_not_be_invoked_forbids_the_sequence(
    house: House, user: User
) -> None:
    """It may have been public when the sequence was stored."""
    bob = house.user()
    bob.client.put("packages/p", json={"publish": True}).raise_for_status()
    bob.put_action("p/a", ECHO)
    a_sequence(user, "s", f"/{bob.namespace}/p/a")
    assert user.invoke("s", {"n": 1}).status_code == 200

    bob.client.put(
        "packages/p?overwrite=true", json={"publish": False}
    ).raise_for_status()
    time.sleep(0.5)  # the other controller hears of it

    answer = user.invoke("s", {"n": 1})
    assert answer.status_code == 403
    assert "not authorized" in answer.json()["error"]


def test_a_sequence_that_grew_is_stopped_while_it_runs(user: User) -> None:
    """What it would run is counted when it is stored, and again when it runs."""
    user.put_action("a", ECHO)
    a_sequence(user, "x", *["a"] * 24)
    a_sequence(user, "y", *["a"] * 25)
    a_sequence(user, "s", "x", "y", "a")
    a_sequence(user, "x", *["a"] * 26)
    time.sleep(0.5)

    answer = user.invoke("s", {})

    assert answer.status_code == 502
    assert result_of(answer) == {"error": "Too many actions in the sequence."}


def test_a_component_over_its_time_ends_the_sequence(user: User) -> None:
    user.put_action("slow", SLOW, limits={"timeout": 300})
    user.put_action("never", ECHO)
    a_sequence(user, "s", "slow", "never")

    answer = user.invoke("s", {})

    assert answer.status_code == 502
    response = answer.json()["response"]
    assert response["status"] == "action developer error"
    assert response["result"] == {
        "error": "The action exceeded its time limits of 300 milliseconds."
    }


def test_large_results_pass_through(user: User) -> None:
    """They fit into a result and a payload, but not into an ack."""
    code = "def main(args): return {'text': 'x' * args['size'], 'size': args['size']}"
    user.put_action("grow", code)
    a_sequence(user, "s", "grow", "grow")
    size = 1024 * 1024 - 100

    answer = user.invoke("s", {"size": size}, result="true")

    assert answer.status_code == 200
    assert len(answer.json()["text"]) == size


def test_final_parameters_of_a_component_are_its_own(user: User) -> None:
    """A caller's payload is checked against the sequence, results are not at all."""
    user.put_action(
        "echo",
        ECHO,
        parameters=[{"key": "p", "value": 1}],
        annotations=[{"key": "final", "value": True}],
    )
    a_sequence(user, "s", "echo")

    assert user.invoke("s", {"q": 1}).status_code == 200
    assert user.invoke("echo", {"p": 2}).status_code == 400


def test_many_sequences_at_once_do_not_mix(user: User) -> None:
    user.put_action("inc", INC)
    a_sequence(user, "s", "inc", "inc", "inc")

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: user.invoke("s", {"n": n}), range(64)))

    assert [result_of(answer)["n"] for answer in answers] == list(range(3, 67))


def test_a_conductor_inside_a_sequence_runs_its_composition(user: User) -> None:
    user.put_action("inc", INC)
    put_conductor(user)
    a_sequence(user, "s", "conductor", "inc")
    plan = [{"action": "inc", "params": {"n": 1}}, {"params": {"n": 10}}]

    answer = user.invoke("s", {"plan": plan})

    assert result_of(answer) == {"n": 11}
    composition, inc = steps_of(user, answer.json())
    annotations = annotations_of(composition)
    assert (annotations["conductor"], annotations["topmost"]) == (True, False)
    assert composition["cause"] == inc["cause"] == answer.json()["activationId"]
    assert len(composition["logs"]) == 3


def test_a_conductor_runs_sequences_and_other_compositions(user: User) -> None:
    user.put_action("inc", INC)
    a_sequence(user, "twice", "inc", "inc")
    put_conductor(user)
    put_conductor(user, "inner")
    inner = [{"action": "inc", "params": {"n": 40}}, TELL]

    answer = conduct(
        user,
        {"action": "twice", "params": {"n": 1}},
        {"action": "inner", "params": {"plan": inner}},
        TELL,
    )

    assert result_of(answer)["seen"]["seen"] == {"n": 41}
    steps = steps_of(user, answer.json())
    names = ["conductor", "twice", "conductor", "inner", "conductor"]
    assert [step["name"] for step in steps] == names
    assert annotations_of(steps[1])["topmost"] is False
    assert len(steps[1]["logs"]) == 2
    assert len(steps[3]["logs"]) == 3
    record = user.record(answer.json()["activationId"])
    assert record["duration"] == sum(step["duration"] for step in steps)


@pytest.mark.parametrize("value", [False, 0, "", None])
def test_a_falsy_annotation_makes_no_conductor(user: User, value: object) -> None:
    user.put_action(
        "plain",
        "def main(args): return {'action': 'nope'}",
        annotations=[{"key": "conductor", "value": value}],
    )

    assert result_of(user.invoke("plain", {})) == {"action": "nope"}


def test_the_annotation_means_nothing_on_a_sequence(user: User) -> None:
    user.put_action("echo", ECHO)
    executable = {"kind": "sequence", "components": ["/_/echo"]}
    marked = [{"key": "conductor", "value": True}]
    user.client.put(
        "actions/s", json={"exec": executable, "annotations": marked}
    ).raise_for_status()

    answer = user.invoke("s", {"action": "nope"})

    assert result_of(answer) == {"action": "nope"}
    assert "conductor" not in annotations_of(answer.json())


def test_the_conductor_may_say_less_and_get_less(user: User) -> None:
    """No params: the component has its own parameters only.  No state: none is kept."""
    user.put_action("echo", ECHO, parameters=[{"key": "own", "value": 1}])
    code = """
def main(args):
    if "own" in args:
        return {"params": args}
    return {"action": "echo"}
"""
    put_conductor(user, code=code)

    answer = user.invoke("conductor", {"given": 1})

    assert result_of(answer) == {"own": 1}


def test_an_error_of_a_component_is_the_conductors_business(user: User) -> None:
    put_conductor(user)
    user.put_action("broken", "def main(args): raise ValueError('no')")

    answer = conduct(user, {"action": "broken", "params": {}}, TELL)

    assert answer.status_code == 200
    assert "error" in result_of(answer)["seen"]


def test_a_missing_package_reads_like_a_forbidden_one(user: User) -> None:
    put_conductor(user)

    answer = conduct(user, {"action": "nopkg/x"}, TELL)

    name = f"{user.namespace}/nopkg/x"
    assert result_of(answer)["seen"] == {
        "error": f"Failed entitlement check for action with name '{name}' during "
        "composition."
    }


def test_a_circle_that_two_writers_closed_ends(user: User) -> None:
    """Storing refuses circles, but a binding may be turned round afterwards."""
    for package in ("p", "q"):
        user.client.put(f"packages/{package}", json={}).raise_for_status()
    user.put_action("p/x", ECHO)
    binding = {"binding": {"namespace": "_", "name": "p"}}
    user.client.put("packages/b", json=binding).raise_for_status()
    a_sequence(user, "q/x", "b/x")
    user.client.put(
        "packages/b?overwrite=true",
        json={"binding": {"namespace": "_", "name": "q"}},
    ).raise_for_status()
    time.sleep(0.5)

    answer = user.invoke("q/x", {})

    assert answer.status_code in (500, 502)
    assert "error" in result_of(answer)
    assert put_sequence(user, "q/x", "b/x").status_code == 400
