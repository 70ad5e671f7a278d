"""Records and responses, text by text."""

from __future__ import annotations

import orjson
import pytest
from doubles.clock import EPOCH_MS
from doubles.jobs import a_job, a_message, an_action

from chasen.entities import (
    ActivationId,
    Outcome,
    Parameters,
    decode_activation,
    encode_activation,
)
from invoker import activation
from invoker.job import Answer, Failure, Reply, RunResult


def a_reply(body: bytes, status: int = 200, length: int | None = None) -> Reply:
    return Reply(status, body, len(body) if length is None else length)


@pytest.mark.parametrize(
    ("answer", "outcome", "error"),
    [
        (a_reply(b'{"error":5}'), Outcome.APPLICATION_ERROR, 5),
        (a_reply(b'{"error":5}', 400), Outcome.DEVELOPER_ERROR, 5),
        (
            a_reply(b"[1]", 400),
            Outcome.DEVELOPER_ERROR,
            f"{activation.INVALID_RUN}: [1]",
        ),
        (
            a_reply(b"", 500),
            Outcome.DEVELOPER_ERROR,
            f"{activation.INVALID_RUN}: ",
        ),
        (a_reply(b""), Outcome.DEVELOPER_ERROR, activation.NO_RUN_RESPONSE),
        (a_reply(b"", 204), Outcome.DEVELOPER_ERROR, activation.NO_RUN_RESPONSE),
        (Failure.NO_RESPONSE, Outcome.DEVELOPER_ERROR, activation.NO_RUN_RESPONSE),
        (Failure.NO_CONNECTION, Outcome.DEVELOPER_ERROR, activation.NO_RUN_RESPONSE),
        (Failure.OUT_OF_MEMORY, Outcome.DEVELOPER_ERROR, activation.OUT_OF_MEMORY),
        (
            Failure.TIMED_OUT,
            Outcome.DEVELOPER_ERROR,
            "The action exceeded its time limits of 100 milliseconds.",
        ),
    ],
    ids=repr,
)
def test_how_an_answer_becomes_a_response(
    answer: Answer, outcome: Outcome, error: object
) -> None:
    response = activation.run_response(answer, timeout_ms=100)

    assert response.outcome is outcome
    assert response.result is not None
    assert orjson.loads(response.result) == {"error": error}


def test_size_counts_characters_as_openwhisk_does() -> None:
    body = '{"a":"é€"}'.encode()

    assert activation.run_response(a_reply(body), timeout_ms=1).size == 10


def test_a_result_with_line_breaks_is_one_line() -> None:
    """Records are lines of a journal."""
    response = activation.run_response(
        a_reply(b'{\n "a": "b\\n c"\r\n}'), timeout_ms=100
    )

    assert response.result is not None
    assert b"\n" not in response.result
    assert orjson.loads(response.result) == {"a": "b\n c"}


def test_the_record_of_a_cold_run_counts_the_init() -> None:
    job = a_job(accepted_ms=EPOCH_MS, cause="c" * 32, caused_by="sequence")
    result = RunResult(a_reply(b"{}"), EPOCH_MS + 150, EPOCH_MS + 250, init_ms=50)

    record = activation.record(job, activation.response_of(job, result), result)

    assert (record.start_ms, record.end_ms) == (EPOCH_MS + 100, EPOCH_MS + 250)
    assert record.duration_ms == 150
    assert record.cause == "c" * 32
    assert {each.key: each.value for each in record.annotations.items} == {
        "path": "guest/hello",
        "waitTime": 100,
        "kind": "python:3.11",
        "initTime": 50,
        "timeout": False,
        "limits": {"timeout": 60000, "memory": 256, "logs": 10, "concurrency": 1},
        "causedBy": "sequence",
    }


def test_a_warm_run_has_no_init_and_clocks_that_differ_do_no_harm() -> None:
    job = a_job(accepted_ms=EPOCH_MS + 9999, binding="guest/bound")
    result = RunResult(a_reply(b"{}"), EPOCH_MS + 10, EPOCH_MS + 5)

    record = activation.record(job, activation.response_of(job, result), result)

    assert "initTime" not in record.annotations
    assert record.annotations.get("waitTime") == 0
    assert record.annotations.get("binding") == "guest/bound"
    assert record.end_ms >= record.start_ms
    assert record.duration_ms == 0


def test_a_placeholder_says_so() -> None:
    record = activation.lost_record(a_message(), now_ms=5)

    assert record.placeholder
    assert record.response.outcome is Outcome.WHISK_ERROR
    assert record.name == "hello"
    assert record.activation_id == ActivationId(f"{1:032x}")


def test_notices_say_what_a_log_lacks() -> None:
    good = activation.run_response(a_reply(b"{}"), timeout_ms=1)
    bad = activation.run_response(Failure.NO_RESPONSE, timeout_ms=1)

    def said(response, **how: bool) -> list[str]:
        flags = {"truncated": False, "complete": True} | how
        return activation.notices(response, limit_bytes=7, now_ms=0, **flags)

    assert said(good) == []
    assert said(good, truncated=True) == [
        "1970-01-01T00:00:00.000000000Z stderr: Logs were truncated because the total "
        "bytes size exceeds the limit of 7 bytes."
    ]
    assert said(good, complete=False)[0].endswith(activation.LOGS_INCOMPLETE)
    assert said(bad)[0].endswith(activation.LOGS_DOUBTFUL)


@pytest.mark.parametrize(
    ("annotations", "wants"),
    [({}, True), ({"provide-api-key": True}, True), ({"provide-api-key": 0}, False)],
)
def test_who_gets_the_key(annotations: dict, wants: bool) -> None:
    """An action from before the annotation existed relies on it."""
    action = an_action(annotations=Parameters.of(annotations))

    assert a_job(1, action).plan.wants_key is wants


def test_a_result_is_cut_to_what_the_namespace_may_have() -> None:
    job = a_job(result_max=10, result_kept=4)
    fits, too_big = (RunResult(a_reply(body), 0, 1) for body in (b"[1,2]", b"[" * 11))

    assert activation.response_of(job, fits).outcome is Outcome.SUCCESS
    response = activation.response_of(job, too_big)

    assert response.outcome is Outcome.APPLICATION_ERROR
    assert orjson.loads(response.result or b"")["error"] == (
        "The action produced a response that exceeded the allowed length: "
        "11 > 10 bytes. The truncated response was: [[[["
    )


def test_records_of_a_namespace_without_records_are_marked() -> None:
    job = a_job(unstored=True)
    result = RunResult(a_reply(b"{}"), 0, 1)

    made = activation.record(job, activation.response_of(job, result), result)

    assert made.unstored
    assert activation.lost_record(job.message, now_ms=1).unstored
    assert decode_activation(encode_activation(made)) == made
