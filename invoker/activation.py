"""From a job and what its container answered to the record.  Pure.

The texts are OpenWhisk's, because clients match them.
Source: ActivationResponse.scala, ContainerProxy.constructWhiskActivation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import orjson

from chasen.entities import (
    LOST,
    Activation,
    ActivationResponse,
    Outcome,
    Parameter,
    Parameters,
)
from chasen.entities.headers import dropped_headers
from chasen.entities.limits import RESULT_BYTES_MAX
from chasen.messages import ActivationMessage
from invoker.job import Answer, Failure, Job, Reply, RunResult

GONE = "Action could not be found or may have been deleted."
UNREADABLE = "Action could not be fetched."
LOCKED = "An encrypted parameter of the action cannot be decrypted."
ABNORMAL = "The action did not run because of an internal error. Please try again."
NO_CONTAINER = "Failed to provision resources to run the action."

INVALID_RUN = "The action did not produce a valid JSON or JSON Array response"
NO_RUN_RESPONSE = "The action did not produce a valid response and exited unexpectedly."
INVALID_INIT = "The action failed during initialization"
NO_INIT_RESPONSE = "The action did not initialize and exited unexpectedly."
OUT_OF_MEMORY = "The action exhausted its memory and was aborted."

LOGS_INCOMPLETE = (
    "There was an issue while collecting your logs. Data might be missing."
)
LOGS_DOUBTFUL = (
    "The action did not initialize or run as expected. Log data might be missing."
)

_STAMP_COLUMNS = 30


def expired(message: ActivationMessage) -> str:
    """Answer the text for an activation that waited too long."""
    waited_s = (message.start_before_ms - message.accepted_ms) // 1000
    return f"The activation waited longer than {waited_s} s and was not run."


def within(answer: Answer, message: ActivationMessage) -> Answer:
    """Answer the answer, cut to what the namespace may have."""
    if not isinstance(answer, Reply) or answer.length <= message.result_max:
        return answer
    kept = min(message.result_max, message.result_kept, answer.length - 1)
    return replace(answer, body=answer.body[:kept])


def too_long(reply: Reply, limit_bytes: int = RESULT_BYTES_MAX) -> str:
    """Answer the over-length text; the kept part never ends inside a character."""
    kept = reply.body.decode("utf-8", "ignore")
    return (
        "The action produced a response that exceeded the allowed length: "
        f"{reply.length} > {limit_bytes} bytes."
        + (f" The truncated response was: {kept}" if kept else "")
    )


def run_response(
    answer: Answer, *, timeout_ms: int, limit_bytes: int = RESULT_BYTES_MAX
) -> ActivationResponse:
    """Answer the response for what ``/run`` gave."""
    if isinstance(answer, Failure):
        return _developer_error(_run_failure(answer, timeout_ms))
    if answer.is_cut:
        text = too_long(answer, limit_bytes)
        return ActivationResponse.error(Outcome.APPLICATION_ERROR, text)
    if answer.status == 204 or (answer.status == 200 and not answer.body):
        return _developer_error(NO_RUN_RESPONSE)
    try:
        value = orjson.loads(answer.body)
    except (orjson.JSONDecodeError, RecursionError):
        value = None
    if answer.status == 200:
        if type(value) is dict:
            return _expected(answer.body, value)
        if type(value) is list:
            return ActivationResponse(
                Outcome.SUCCESS, _one_line(answer.body), _characters(answer.body)
            )
    elif type(value) is dict and "error" in value:
        return _with_error(Outcome.DEVELOPER_ERROR, answer.body, value)
    return _developer_error(_quoting(INVALID_RUN, answer.body, end=": "))


def init_response(answer: Answer, *, timeout_ms: int) -> ActivationResponse:
    """Answer the response for an ``/init`` that failed; always a developer error."""
    if isinstance(answer, Failure):
        text = {
            Failure.TIMED_OUT: f"The action exceeded its time limits of {timeout_ms} "
            "milliseconds during initialization.",
            Failure.OUT_OF_MEMORY: OUT_OF_MEMORY,
        }.get(answer, NO_INIT_RESPONSE)
        return _developer_error(text)
    if answer.is_cut:
        return _developer_error(too_long(answer))
    if answer.status == 204:
        return _developer_error(NO_INIT_RESPONSE)
    try:
        value = orjson.loads(answer.body)
    except (orjson.JSONDecodeError, RecursionError):
        value = None
    if type(value) is dict and "error" in value:
        return _with_error(Outcome.DEVELOPER_ERROR, answer.body, value)
    return _developer_error(_quoting(INVALID_INIT, answer.body, end="."))


def initialized(answer: Answer) -> bool:
    """Answer whether ``/init`` went well; its body does not matter."""
    return isinstance(answer, Reply) and answer.status == 200 and not answer.is_cut


def response_of(job: Job, result: RunResult) -> ActivationResponse:
    """Answer the response for a run, or for the init that kept it from running."""
    timeout_ms = job.plan.action.limits.timeout_ms
    if result.failed_in_init:
        return init_response(result.answer, timeout_ms=timeout_ms)
    answer = within(result.answer, job.message)
    return run_response(
        answer, timeout_ms=timeout_ms, limit_bytes=job.message.result_max
    )


def record(
    job: Job,
    response: ActivationResponse,
    result: RunResult,
    logs: Sequence[str] = (),
) -> Activation:
    """Answer the record of a run.

    The start is moved back by the time of the init, so that the duration is both.
    """
    message, plan = job.message, job.plan
    init_ms = result.init_ms or 0
    start_ms = result.start_ms - init_ms
    waited_ms = max(0, start_ms - message.accepted_ms)
    annotations = [plan.path, Parameter("waitTime", waited_ms), plan.kind]
    if result.init_ms is not None:
        annotations.append(Parameter("initTime", result.init_ms))
    annotations.append(_TIMEOUT[result.answer is Failure.TIMED_OUT])
    annotations.append(plan.limits)
    _add_origin(annotations, message)
    if plan.is_web and (dropped := dropped_headers(response.result)):
        annotations.append(Parameter("droppedHeaders", dropped))
    return Activation(
        activation_id=message.activation_id,
        namespace=message.namespace,
        name=plan.action.fqn.name,
        version=message.version,
        subject=message.subject,
        start_ms=start_ms,
        end_ms=max(result.end_ms, start_ms),
        duration_ms=max(0, result.end_ms - start_ms),
        response=response,
        annotations=Parameters(tuple(annotations)),
        logs=tuple(logs),
        cause=message.cause,
        unstored=message.unstored,
    )


def fallback_record(
    message: ActivationMessage,
    outcome: Outcome,
    text: str,
    *,
    now_ms: int,
    placeholder: bool = False,
) -> Activation:
    """Answer the record of an activation that did not run, or that nobody knows of."""
    annotations = [Parameter("path", message.action)]
    _add_origin(annotations, message)
    return Activation(
        activation_id=message.activation_id,
        namespace=message.namespace,
        name=message.action.rpartition("/")[2],
        version=message.version,
        subject=message.subject,
        start_ms=now_ms,
        end_ms=now_ms,
        duration_ms=0,
        response=ActivationResponse.error(outcome, text),
        annotations=Parameters(tuple(annotations)),
        cause=message.cause,
        placeholder=placeholder,
        unstored=message.unstored,
    )


def lost_record(message: ActivationMessage, *, now_ms: int) -> Activation:
    """Answer the placeholder for an activation whose invoker went away."""
    return fallback_record(
        message, Outcome.WHISK_ERROR, LOST, now_ms=now_ms, placeholder=True
    )


def log_lines(block: bytes) -> list[str]:
    """Answer the lines of a log that came with a reply."""
    if not block:
        return []
    return block.decode("utf-8", "replace").removesuffix("\n").split("\n")


def notices(
    response: ActivationResponse,
    *,
    limit_bytes: int,
    truncated: bool,
    complete: bool,
    now_ms: int,
) -> list[str]:
    """Answer the lines that tell a reader what the log above them lacks."""
    texts = []
    if truncated:
        texts.append(
            "Logs were truncated because the total bytes size exceeds the limit of "
            f"{limit_bytes} bytes."
        )
    elif not complete:
        texts.append(LOGS_INCOMPLETE)
    if response.outcome is Outcome.DEVELOPER_ERROR:
        texts.append(LOGS_DOUBTFUL)
    return [f"{_stamp(now_ms)} stderr: {text}" for text in texts]


_TIMEOUT = (Parameter("timeout", False), Parameter("timeout", True))


def _add_origin(annotations: list[Parameter], message: ActivationMessage) -> None:
    if message.caused_by is not None:
        annotations.append(Parameter("causedBy", message.caused_by))
    if message.binding is not None:
        annotations.append(Parameter("binding", message.binding))


def _run_failure(failure: Failure, timeout_ms: int) -> str:
    if failure is Failure.TIMED_OUT:
        return f"The action exceeded its time limits of {timeout_ms} milliseconds."
    if failure is Failure.OUT_OF_MEMORY:
        return OUT_OF_MEMORY
    return NO_RUN_RESPONSE


def _developer_error(text: str) -> ActivationResponse:
    return ActivationResponse.error(Outcome.DEVELOPER_ERROR, text)


def _expected(body: bytes, value: dict) -> ActivationResponse:
    """A 200 with an object: the function's own word decides."""
    if "error" in value:
        return _with_error(Outcome.APPLICATION_ERROR, body, value)
    return ActivationResponse(Outcome.SUCCESS, _one_line(body), _characters(body))


def _with_error(outcome: Outcome, body: bytes, value: dict) -> ActivationResponse:
    """Only the member ``error`` is kept, as OpenWhisk does."""
    result = _one_line(body) if len(value) == 1 else None
    if result is None:
        result = orjson.dumps({"error": value["error"]})
    return ActivationResponse(outcome, result, _characters(body))


def _quoting(text: str, body: bytes, *, end: str) -> str:
    quoted = body.decode("utf-8", "replace")
    return f"{text}: {quoted}" if quoted else f"{text}{end}"


def _one_line(json: bytes) -> bytes:
    """A newline in valid JSON is white space; records are lines of a journal."""
    return json.replace(b"\n", b" ") if b"\n" in json else json


def _characters(body: bytes) -> int:
    return len(body) if body.isascii() else len(body.decode("utf-8", "replace"))


def _stamp(now_ms: int) -> str:
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
    return text.ljust(_STAMP_COLUMNS)
