"""Parameters, limits, code, records: checked at birth, whole on the way back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.entities import (
    ActionLimits,
    Activation,
    ActivationId,
    ActivationResponse,
    Outcome,
    Parameters,
    UserLimits,
    decode_activation,
    encode_activation,
    is_binary,
)
from chasen.errors import BadInput, MalformedContent

values = st.dictionaries(st.text(min_size=1, max_size=5), st.integers(), max_size=4)


@given(values, values, values)
def test_merging_parameters_is_associative(a: dict, b: dict, c: dict) -> None:
    one, two, three = (Parameters.of(each) for each in (a, b, c))

    left = one.merged(two).merged(three)

    assert left == one.merged(two.merged(three))
    assert {each.key: each.value for each in left.items} == a | b | c


@pytest.mark.parametrize(
    "value",
    [{}, "x", None, [1], [{"key": "a"}], [{"value": 1}], [{"key": 1, "value": 1}]],
)
def test_malformed_parameters_are_refused(value: object) -> None:
    with pytest.raises(MalformedContent, match="parameters malformed!"):
        Parameters.from_json(value)


def test_the_last_of_two_equal_keys_wins() -> None:
    given = [{"key": "a", "value": 1}, {"key": "a", "value": 2, "init": True}]

    assert Parameters.from_json(given).to_json() == [given[1]]


def test_sizes_are_bytes_of_keys_and_json() -> None:
    assert Parameters.of({"é": "☃"}).size_bytes == 2 + 5


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (
            {"timeout": 99},
            "duration 99 milliseconds below allowed threshold of 100",
        ),
        ({"timeout": 300001}, "duration 300001 milliseconds exceeds allowed threshold"),
        ({"memory": 127}, "memory size 127 MB below allowed threshold of 128 MB"),
        ({"memory": 513}, "memory size 513 MB exceeds allowed threshold of 512 MB"),
        ({"logs": 11}, "log size 11 MB exceeds allowed threshold of 10 MB"),
        ({"logs": -1}, "log size -1 MB below allowed threshold of 0 MB"),
        ({"concurrency": 2}, "concurrency 2 exceeds allowed threshold of 1"),
        ({"concurrency": 0}, "concurrency 0 below allowed threshold of 1"),
    ],
)
def test_limits_out_of_bounds_are_refused(limits: dict, sentence: str) -> None:
    taken = ActionLimits.from_json(limits)

    with pytest.raises(BadInput, match=f"^requirement failed: {sentence}"):
        taken.check(UserLimits(), given=frozenset(limits))


@pytest.mark.parametrize("value", ["60", None, True, [], 1.5])
def test_a_limit_is_a_whole_number(value: object) -> None:
    if value is None:
        assert ActionLimits.from_json({"timeout": value}) == ActionLimits()
        return
    with pytest.raises(MalformedContent, match="time limit"):
        ActionLimits.from_json({"timeout": value})


@pytest.mark.parametrize(
    ("code", "binary"),
    [
        ("", False),
        ("mainmain", True),
        ("UEsDBA==", True),
        ("def main(a): return a", False),
    ],
)
def test_binary_goes_by_syntax(code: str, binary: bool) -> None:
    assert is_binary(code) is binary


def a_record(**changes: object) -> Activation:
    given: dict = {
        "activation_id": ActivationId("0" * 32),
        "namespace": "guest",
        "name": "hello",
        "version": "0.0.1",
        "subject": "guest",
        "start_ms": 1,
        "end_ms": 2,
        "duration_ms": 1,
        "response": ActivationResponse(
            Outcome.SUCCESS, b'{"a":18446744073709551615}', 9
        ),
        "annotations": Parameters.of({"path": "guest/pkg/hello"}),
        "logs": ("a", "b"),
    }
    return Activation(**(given | changes))


def test_a_record_survives_its_bytes() -> None:
    for record in (
        a_record(),
        a_record(placeholder=True, cause=ActivationId("1" * 32)),
        a_record(response=ActivationResponse(Outcome.SUCCESS), duration_ms=None),
        a_record(response=ActivationResponse(Outcome.SUCCESS, b"null", 4)),
    ):
        assert decode_activation(encode_activation(record)) == record


def test_the_result_is_cut_in_as_it_is() -> None:
    encoded = encode_activation(a_record())

    assert b'"result":{"a":18446744073709551615}' in encoded
    assert json.loads(encoded)["response"]["statusCode"] == 0


def test_the_name_of_a_record_is_that_of_its_package() -> None:
    bound = Parameters.of({"path": "whisk/util/hello", "binding": "guest/mine"})

    assert a_record().path == "pkg/hello"
    assert a_record(annotations=bound).path == "mine/hello"
    assert a_record(annotations=Parameters()).path == "hello"


def test_limits_of_a_namespace_are_read_as_they_are_written() -> None:
    document = {
        "invocationsPerMinute": 1,
        "allowedKinds": ["python:3.11"],
        "storeActivations": False,
        "maxActionMemory": 1024,
        "minActionTimeout": 200,
        "maxParameterSize": "100 B",
        "maxPayloadSize": "1 KB",
        "truncationSize": "3 KB",
        "warmedContainerKeepingCount": 2,
        "warmedContainerKeepingTimeout": "10 minutes",
    }

    limits = UserLimits.from_json(document | {"firesPerMinute": None, "_id": "x"})

    assert limits.to_json() == document
    assert UserLimits().to_json() == {}


def test_shown_limits_are_those_that_hold() -> None:
    shown = UserLimits.from_json({"maxActionMemory": 1024, "maxPayloadSize": "2 KB"})

    assert shown.shown() == {
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
        "maxPayloadSize": "2 KB",
    }


@pytest.mark.parametrize(
    "document",
    [
        {"invocationsPerMinute": -1},
        {"invocationsPerMinute": "abc"},
        {"storeActivations": 1},
        {"allowedKinds": "python:3.11"},
        {"maxPayloadSize": "1 parsec"},
        {"maxPayloadSize": 7},
        {"maxActionMemory": True},
    ],
)
def test_a_limit_of_the_wrong_kind_is_named(document: dict) -> None:
    (name,) = document

    with pytest.raises(MalformedContent, match=name):
        UserLimits.from_json(document)
