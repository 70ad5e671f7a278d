"""The bodies of /init and /run."""

from __future__ import annotations

from dataclasses import replace

import orjson
from doubles.jobs import a_job, an_action

from chasen.entities import Parameter, Parameters
from invoker.pool.requests import init_body, run_body

WITH_INIT = an_action(
    "guest/pkg/hello",
    parameters=Parameters(
        (Parameter("TOKEN", "x", init=True), Parameter("n", 1), Parameter("F", 1, True))
    ),
)


def test_arguments_go_through_as_they_came() -> None:
    body = run_body(a_job(body=b'{"a":12345678901234567890123}'), deadline_ms=7)

    assert b'"value":{"a":12345678901234567890123}' in body
    assert {
        key: value for key, value in orjson.loads(body).items() if key != "value"
    } == {
        "namespace": "guest",
        "action_name": "/guest/hello",
        "action_version": "0.0.1",
        "activation_id": f"{1:032x}",
        "transaction_id": "t1",
        "deadline": "7",
    }


def test_init_parameters_go_to_the_environment_and_nowhere_else() -> None:
    job = a_job(1, WITH_INIT, body=b'{"TOKEN":null,"n":2,"F":{"a":[1]},"x":"y"}')

    value = orjson.loads(init_body(job, "code", deadline_ms=7))["value"]
    run = orjson.loads(run_body(job, deadline_ms=7))

    assert run["value"] == {"n": 2, "x": "y"}
    assert run["action_name"] == "/guest/pkg/hello"
    assert value["env"]["TOKEN"] == ""
    assert value["env"]["F"] == '{"a":[1]}'
    assert value["env"]["__OW_ACTION_NAME"] == "/guest/pkg/hello"
    assert value["env"]["__OW_DEADLINE"] == "7"
    assert (value["name"], value["main"], value["code"]) == ("hello", "main", "code")
    assert all(isinstance(text, str) for text in value["env"].values())


def test_an_array_is_not_taken_apart() -> None:
    job = a_job(1, WITH_INIT, body=b'["TOKEN"]')

    assert orjson.loads(run_body(job, deadline_ms=7))["value"] == ["TOKEN"]
    assert (
        "TOKEN" not in orjson.loads(init_body(job, None, deadline_ms=7))["value"]["env"]
    )


def test_a_plain_image_gets_no_code() -> None:
    value = orjson.loads(init_body(a_job(), None, deadline_ms=7))["value"]

    assert "code" not in value


def test_the_key_goes_only_where_it_is_given() -> None:
    job = a_job()
    assert b"api_key" not in run_body(job, deadline_ms=7)

    keyed = type(job)(job.message, job.head, job.plan, job.key, api_key="u:k")
    assert orjson.loads(run_body(keyed, deadline_ms=7))["api_key"] == "u:k"
    env = orjson.loads(init_body(keyed, None, deadline_ms=7))["value"]["env"]
    assert env["__OW_API_KEY"] == "u:k"
    assert "u:k" not in repr(keyed)


def test_packages_say_which_parameters_are_for_the_environment() -> None:
    """The action's own marks do not hold when a package stands around it."""
    job = a_job(1, WITH_INIT, body=b'{"TOKEN":"t","p":"q"}', init=["p"])

    assert orjson.loads(run_body(job, deadline_ms=7))["value"] == {"TOKEN": "t"}
    env = orjson.loads(init_body(job, None, deadline_ms=7))["value"]["env"]
    assert env["p"] == "q"
    assert "TOKEN" not in env


def test_containers_with_other_packages_are_others() -> None:
    one, two = (a_job(1, package_marks=marks) for marks in ("1-a", "2-b"))

    assert one.key != two.key
    assert one.key == a_job(2, package_marks="1-a").key


def test_unlocked_parameters_are_added_below_what_was_sent() -> None:
    job = replace(
        a_job(body=b'{"b":2,"sent":1}', init=["env"]),
        unlocked={"a": 1, "b": "hidden", "env": {"x": 1}},
    )

    run = orjson.loads(run_body(job, deadline_ms=7))
    env = orjson.loads(init_body(job, None, deadline_ms=7))["value"]["env"]

    assert run["value"] == {"a": 1, "b": 2, "sent": 1}
    assert env["env"] == '{"x":1}'
    assert "hidden" not in repr(job)
