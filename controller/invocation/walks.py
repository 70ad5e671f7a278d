"""Values around a walk: where it starts, what a step's record tells, and its own.

Pure.  The machine itself is ``steps.py``; who carries it out is ``composite.py``.
"""

from __future__ import annotations

from typing import Any

import orjson

from chasen.entities import (
    SEQUENCE,
    Activation,
    ActivationResponse,
    Outcome,
    Parameters,
)
from chasen.entities.limits import ActionLimits
from chasen.messages import Ack, Compose
from controller.invocation.plan import Plan
from controller.invocation.steps import Answered, Budget, Walk


def facts_of(plan: Plan) -> dict[str, Any]:
    """Answer what a primary's message says of its action."""
    return {
        "action": plan.name,
        "named": str(plan.named),
        "version": plan.version,
        "components": None
        if plan.components is None
        else [str(each) for each in plan.components],
        "timeout_ms": plan.limits.timeout_ms,
        "logs_mb": plan.limits.logs_mb,
        "memory_mb": plan.limits.memory_mb,
        "binding": plan.binding,
    }


def primary_record(
    primary: Compose,
    now: Walk,
    response: ActivationResponse,
    start_ms: int,
    end_ms: int,
) -> Activation:
    """Answer the record of a sequence or composition; its log names its steps."""
    topmost = primary.cause is None
    annotations: dict[str, Any] = {
        "topmost": topmost,
        "path": primary.action,
        "kind": SEQUENCE,
        "waitTime": max(0, start_ms - primary.accepted_ms),
    }
    if primary.components is None:
        annotations["conductor"] = True
    if not topmost:
        annotations["causedBy"] = SEQUENCE
    if now.memory_mb is not None:
        annotations["limits"] = ActionLimits(
            timeout_ms=primary.timeout_ms,
            memory_mb=now.memory_mb,
            logs_mb=primary.logs_mb,
        ).to_json()
    if primary.binding is not None:
        annotations["binding"] = primary.binding
    return Activation(
        activation_id=primary.activation_id,
        namespace=primary.namespace,
        name=primary.action.rpartition("/")[2],
        version=primary.version,
        subject=primary.subject,
        start_ms=start_ms,
        end_ms=max(start_ms, end_ms),
        duration_ms=now.duration_ms,
        response=response,
        annotations=Parameters.of(annotations),
        logs=now.steps,
        cause=primary.cause,
        unstored=primary.unstored,
    )


def first(primary: Compose, *, actions: int, budget: Budget) -> Walk:
    """Answer the beginning of a walk; what is nested goes on counting."""
    is_sequence = primary.components is not None
    return Walk(
        components=tuple(primary.components or ()),
        conductor=None if is_sequence else primary.named,
        namespace=primary.namespace,
        memory_mb=None if is_sequence else primary.memory_mb,
        actions=actions,
        budget=budget,
    )


def arguments_of(plan: Plan, payload: bytes | None) -> bytes:
    """Answer the component's parameters overlaid by the payload; an array replaces
    them."""
    if not payload:
        return orjson.dumps(plan.defaults)
    if not plan.defaults or payload[:1] == b"[":
        return payload
    return orjson.dumps(plan.defaults | orjson.loads(payload))


def answered_by(ack: Ack, plan: Plan) -> Answered:
    """Answer what an ack with its record tells."""
    document = orjson.loads(ack.body)
    start_ms, end_ms = document["start"], document["end"]
    return Answered(
        ack.activation_id,
        Outcome(ack.outcome),
        ack.body[slice(*ack.result)] if ack.result else None,
        duration_ms=document.get("duration", max(0, end_ms - start_ms)),
        memory_mb=plan.memory_mb,
    )


def answered(record: Activation, now: Walk) -> Answered:
    """Answer what the record of a step tells a walk that comes after another one.

    How much is nested deeper in a nested one is not in there; its log is counted.
    """
    limits = record.annotations.get("limits")
    is_nested = record.annotations.get("topmost") is False
    is_composition = record.annotations.get("conductor") is True
    below = len(record.logs)
    budget = None
    if is_nested and is_composition and now.conductor is not None:
        budget = Budget(
            now.budget.components + below // 2,
            now.budget.conductors + below - below // 2,
        )
    return Answered(
        record.activation_id,
        record.response.outcome,
        record.response.result,
        duration_ms=record.duration_ms or 0,
        memory_mb=limits.get("memory") if isinstance(limits, dict) else None,
        actions=below if is_nested and not is_composition else 1,
        budget=budget,
    )
