"""What surrounds a walk: what records tell, and which record it leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chasen.entities import (
    Action,
    Activation,
    ActivationId,
    ActivationResponse,
    CodeExec,
    FullyQualifiedEntityName,
    Outcome,
    Parameters,
    encode_activation,
)
from chasen.messages import Ack, AckKind, Compose
from controller.invocation.plan import Plan
from controller.invocation.steps import Budget, Walk
from controller.invocation.walks import (
    answered,
    answered_by,
    arguments_of,
    first,
    primary_record,
)

ID = ActivationId("0" * 32)
OUTER = ActivationId("f" * 32)


def a_plan(**parameters: Any) -> Plan:
    return Plan.of(
        Action(
            fqn=FullyQualifiedEntityName.parse("ns/a"),
            exec=CodeExec("python:3.11", "0" * 64, 1, False),
            parameters=Parameters.of(parameters),
            revision="1",
        )
    )


def a_primary(**changes: Any) -> Compose:
    given: dict[str, Any] = {
        "activation_id": ID,
        "transid": "t",
        "action": "other/p/s",
        "named": "ns/b/s",
        "version": "0.0.3",
        "namespace": "ns",
        "namespace_uuid": "u",
        "subject": "who",
        "controller": "0",
        "blocking": True,
        "accepted_ms": 1000,
        "components": ["ns/a"],
        "timeout_ms": 60_000,
        "logs_mb": 10,
        "memory_mb": 256,
        "invokers": [0],
        "full": [],
    }
    return Compose(**(given | changes))


def a_record(annotations: dict[str, Any], *logs: str) -> Activation:
    return Activation(
        activation_id=ID,
        namespace="ns",
        name="a",
        version="0.0.1",
        subject="who",
        start_ms=10,
        end_ms=15,
        duration_ms=4,
        response=ActivationResponse(Outcome.SUCCESS, b'{"n":1}', 7),
        annotations=Parameters.of(annotations),
        logs=logs,
    )


@pytest.mark.parametrize(
    ("parameters", "payload", "arguments"),
    [
        ({}, None, {}),
        ({"a": 1}, None, {"a": 1}),
        ({"a": 1, "b": 2}, b'{"a":3}', {"a": 3, "b": 2}),
        ({"a": 1}, b"[1]", [1]),
    ],
)
def test_a_component_gets_its_parameters_and_the_payload(
    parameters: dict[str, Any], payload: bytes | None, arguments: Any
) -> None:
    assert json.loads(arguments_of(a_plan(**parameters), payload)) == arguments


def test_a_payload_that_nothing_is_added_to_is_passed_on() -> None:
    payload = b'{ "n" : 12345678901234567890123 }'

    assert arguments_of(a_plan(), payload) is payload


def test_a_message_says_the_same_after_a_way_over_the_bus() -> None:
    primary = a_primary(body=b'{"n":1}')

    assert Compose.decode(primary.encode()) == primary


def test_an_ack_tells_what_its_record_does() -> None:
    record = a_record({"limits": {"memory": 256}})
    body = encode_activation(record)
    start = body.index(b'"result":') + len(b'"result":')
    ack = Ack(
        kind=AckKind.COMBINED,
        activation_id=ID,
        invoker=0,
        namespace="ns",
        result=[start, start + 7],
        body=body,
    )

    now = Walk(namespace="ns", components=("ns/a",))
    assert answered_by(ack, a_plan()) == answered(record, now)


def test_a_nested_sequence_counts_by_its_log() -> None:
    nested = a_record({"topmost": False, "kind": "sequence"}, "a", "b", "c")

    assert answered(nested, Walk(namespace="ns", components=("x",))).actions == 3
    composition = a_record({"topmost": False, "conductor": True}, "c", "a", "c")
    assert answered(composition, Walk(namespace="ns", components=("x",))).actions == 1


def test_a_nested_composition_has_used_what_its_log_shows() -> None:
    nested = a_record({"topmost": False, "conductor": True}, "c", "a", "c")
    now = Walk(namespace="ns", conductor="ns/c", budget=Budget(4, 5))

    assert answered(nested, now).budget == Budget(5, 7)


def test_a_sequence_has_the_memory_of_its_components_only() -> None:
    begun = first(a_primary(), actions=0, budget=Budget())
    assert (begun.memory_mb, begun.conductor) == (None, None)

    composition = first(a_primary(components=None), actions=0, budget=Budget())
    assert (composition.memory_mb, composition.conductor) == (256, "ns/b/s")


def test_the_record_of_a_primary() -> None:
    walked = Walk(namespace="ns", steps=(OUTER,), duration_ms=7, memory_mb=512)
    response = ActivationResponse(Outcome.SUCCESS, b"{}", 2)

    outer = primary_record(a_primary(), walked, response, 1004, 1020)
    inner = primary_record(
        a_primary(cause=OUTER, components=None, binding="ns/b"),
        walked,
        response,
        1004,
        1020,
    )

    assert (outer.name, outer.version, outer.logs) == ("s", "0.0.3", (OUTER,))
    assert (outer.start_ms, outer.end_ms, outer.duration_ms) == (1004, 1020, 7)
    assert outer.cause is None
    limits = {"timeout": 60_000, "memory": 512, "logs": 10, "concurrency": 1}
    assert {each.key: each.value for each in outer.annotations.items} == {
        "topmost": True,
        "path": "other/p/s",
        "kind": "sequence",
        "waitTime": 4,
        "limits": limits,
    }
    assert inner.cause == OUTER
    assert {each.key: each.value for each in inner.annotations.items} == {
        "topmost": False,
        "path": "other/p/s",
        "kind": "sequence",
        "waitTime": 4,
        "conductor": True,
        "causedBy": "sequence",
        "limits": limits,
        "binding": "ns/b",
    }


def test_a_walk_that_ran_nothing_has_no_limits() -> None:
    response = ActivationResponse.error(Outcome.APPLICATION_ERROR, "missing")

    record = primary_record(a_primary(), Walk(namespace="ns"), response, 1, 2)

    assert "limits" not in record.annotations
