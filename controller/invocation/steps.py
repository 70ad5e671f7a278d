"""The steps of a sequence or a composition: what comes next, and when it is over.

Pure: a table of (state, event) -> (state, effect).  Carrying the effects out is
``composite.py``; results are JSON text and mostly pass through untouched.

A sequence runs its components one after the other.  A composition asks its conductor,
an action of the user's, what to run next; the conductor then gets the component's
result overlaid by the state that it had asked to keep.

    conductor's result: {"action": "name"?, "params": {...}?, "state": {...}?}

Nested sequences and compositions are walks of their own; a nested composition uses up
the budget of the one around it.  Source: SequenceActions.scala, ConductorActions.scala.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, cast

import orjson

from chasen.entities import (
    ActivationId,
    ActivationResponse,
    FullyQualifiedEntityName,
    Outcome,
)
from chasen.entities.limits import SEQUENCE_LENGTH_MAX
from chasen.errors import BadInput, InvalidTransition

MISSING_COMPONENT = "Sequence component does not exist."
SEQUENCE_TOO_LONG = "Too many actions in the sequence."
SEQUENCE_LATE = "Timeout reached when retrieving activation {} for sequence component."
SEQUENCE_BROKE = "Sequence failed."
COMPOSITION_TOO_LONG = "Too many actions in the composition."
COMPOSITION_LATE = "Timeout reached when retrieving activation {} during composition."
COMPOSITION_BROKE = "Activation failure during composition."
NOT_A_NAME = "Failed to parse action name from json value {} during composition."
NOT_FOUND = "Failed to resolve action with name '{}' during composition."
NOT_ALLOWED = "Failed entitlement check for action with name '{}' during composition."

ACTION, PARAMS, STATE = "action", "params", "state"


class State(StrEnum):
    """What the walk waits for."""

    READY = "ready"
    COMPONENT = "component"  # of a sequence
    CONDUCTOR = "conductor"
    CHOSEN = "chosen"  # the component that the conductor chose
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Budget:
    """What a composition has used up, everything nested in it included."""

    components: int = 0
    conductors: int = 0


# --- events: what happened ---


@dataclass(frozen=True, slots=True)
class Begin:
    """The caller's payload, a JSON object."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """The step has its outcome.

    ``actions`` is how many it stands for: more than one if it was a sequence.
    ``budget`` is what is used up after a nested composition, None for all others.
    """

    activation_id: ActivationId
    outcome: Outcome
    result: bytes | None
    duration_ms: int = 0
    memory_mb: int | None = None
    actions: int = 1
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such action."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The caller may not invoke it, or may not know whether it exists."""


@dataclass(frozen=True, slots=True)
class Late:
    """Nobody told in time how the step ended."""

    activation_id: ActivationId


@dataclass(frozen=True, slots=True)
class Broken:
    """The step could not be begun."""


Event = Begin | Answered | Missing | Forbidden | Late | Broken


# --- effects: what to do ---


@dataclass(frozen=True, slots=True)
class Invoke:
    """Run ``name``; step ``index`` of this walk.  No payload: its parameters only.

    ``checked``: the caller's rights have to be asked for first.
    """

    index: int
    name: str
    payload: bytes | None
    is_conductor: bool = False
    checked: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """It is over, and this is the response."""

    response: ActivationResponse


Effect = Invoke | End


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One sequence (it has components) or composition (it has a conductor) on its way.

    ``steps`` are the activations so far, in order; ``name`` is the component that was
    chosen last; ``session`` what the conductor wants to be given back.
    """

    state: State = State.READY
    components: tuple[str, ...] = ()
    conductor: str | None = None
    namespace: str
    limit: int = SEQUENCE_LENGTH_MAX
    index: int = 0
    position: int = 0
    name: str = ""
    steps: tuple[ActivationId, ...] = ()
    duration_ms: int = 0
    memory_mb: int | None = None
    actions: int = 0
    budget: Budget = field(default_factory=Budget)
    session: bytes | None = None


def step(now: Walk, event: Event) -> tuple[Walk, Effect]:
    """Answer the next state and what to do, for one event.

    Raises:
        InvalidTransition: the pair is not in TRANSITIONS.
    """
    handler = TRANSITIONS.get((now.state, type(event)))
    if handler is None:
        raise InvalidTransition(f"{now.state} cannot see {type(event).__name__}")
    return handler(now, event)


# --- what both have in common ---


def _begin(now: Walk, event: Begin) -> tuple[Walk, Effect]:
    if now.conductor is not None:
        return _conduct(now, event.payload)
    return _next_component(now, event.payload)


def _end(
    now: Walk, outcome: Outcome, result: bytes | None = None
) -> tuple[Walk, Effect]:
    size = len(result.decode("utf-8", "replace")) if result else 0
    response = ActivationResponse(outcome, result, size)
    return replace(now, state=State.DONE), End(response)


def _fail(now: Walk, outcome: Outcome, text: str) -> tuple[Walk, Effect]:
    return _end(now, outcome, orjson.dumps({"error": text}))


def _noted(now: Walk, event: Answered) -> Walk:
    known = [mb for mb in (now.memory_mb, event.memory_mb) if mb is not None]
    return replace(
        now,
        steps=(*now.steps, event.activation_id),
        duration_ms=now.duration_ms + event.duration_ms,
        memory_mb=max(known, default=None),
        actions=now.actions + event.actions,
    )


# --- sequences ---


def _next_component(now: Walk, payload: bytes | None) -> tuple[Walk, Effect]:
    if now.actions >= now.limit:
        return _fail(now, Outcome.APPLICATION_ERROR, SEQUENCE_TOO_LONG)
    name, index = now.components[now.position], now.index
    after = replace(
        now, state=State.COMPONENT, index=index + 1, position=now.position + 1
    )
    return after, Invoke(index, name, payload)


def _component_answered(now: Walk, event: Answered) -> tuple[Walk, Effect]:
    now = _noted(now, event)
    if now.actions > now.limit:
        return _fail(now, Outcome.APPLICATION_ERROR, SEQUENCE_TOO_LONG)
    if event.outcome is not Outcome.SUCCESS or now.position == len(now.components):
        return _end(now, event.outcome, event.result)
    return _next_component(now, event.result)


def _component_missing(now: Walk, _: Missing) -> tuple[Walk, Effect]:
    return _fail(now, Outcome.APPLICATION_ERROR, MISSING_COMPONENT)


def _component_late(now: Walk, event: Late) -> tuple[Walk, Effect]:
    now = replace(now, steps=(*now.steps, event.activation_id))
    text = SEQUENCE_LATE.format(event.activation_id)
    return _fail(now, Outcome.WHISK_ERROR, text)


def _component_broken(now: Walk, _: Broken) -> tuple[Walk, Effect]:
    return _fail(now, Outcome.WHISK_ERROR, SEQUENCE_BROKE)


# --- compositions ---


def _conduct(now: Walk, payload: bytes | None) -> tuple[Walk, Effect]:
    """Ask the conductor; its state wins over the payload, but not inside an array."""
    if now.budget.conductors > 2 * now.limit:
        return _fail(now, Outcome.APPLICATION_ERROR, COMPOSITION_TOO_LONG)
    payload = payload or b"{}"
    if now.session is not None and payload[:1] == b"{":
        payload = orjson.dumps(orjson.loads(payload) | orjson.loads(now.session))
    assert now.conductor is not None
    index = now.index
    budget = replace(now.budget, conductors=now.budget.conductors + 1)
    after = replace(now, state=State.CONDUCTOR, index=index + 1, budget=budget)
    return after, Invoke(index, now.conductor, payload, is_conductor=True)


def _conduct_error(now: Walk, text: str) -> tuple[Walk, Effect]:
    return _conduct(now, orjson.dumps({"error": text}))


def _conductor_answered(now: Walk, event: Answered) -> tuple[Walk, Effect]:
    now = _noted(now, event)
    result = orjson.loads(event.result) if event.result else {}
    if not isinstance(result, dict):
        return _end(now, event.outcome, event.result)
    session = _boxed(result, STATE, STATE)
    now = replace(now, session=session)
    params = _boxed(result, PARAMS, "value")
    if ACTION not in result:
        return _end(now, event.outcome, event.result if params is None else params)
    name = resolve_name(result[ACTION], now.namespace)
    if name is None:
        shown = orjson.dumps(result[ACTION]).decode()
        return _conduct_error(now, NOT_A_NAME.format(shown))
    if now.budget.components >= now.limit:
        return _conduct_error(now, COMPOSITION_TOO_LONG)
    index = now.index
    after = replace(now, state=State.CHOSEN, index=index + 1, name=name)
    return after, Invoke(index, name, params, checked=True)


def _boxed(result: dict[str, Any], key: str, box: str) -> bytes | None:
    if key not in result:
        return None
    value = result[key]
    return orjson.dumps(value if isinstance(value, dict) else {box: value})


def resolve_name(value: Any, namespace: str) -> str | None:
    """Answer "ns/[package/]name" for a name in a conductor's result.

    A bare name and ``package/name`` are of the caller's namespace; a leading slash or
    three segments say the namespace.  None: not a name.
    """
    if not isinstance(value, str):
        return None
    is_full = value.startswith("/") or value.count("/") >= 2
    text = value if is_full else f"{namespace}/{value}"
    try:
        return str(FullyQualifiedEntityName.parse(text, own_namespace=namespace))
    except BadInput:
        return None


def _chosen_answered(now: Walk, event: Answered) -> tuple[Walk, Effect]:
    now = _noted(now, event)
    used = event.budget or replace(now.budget, components=now.budget.components + 1)
    return _conduct(replace(now, budget=used), event.result)


def _chosen_missing(now: Walk, _: Missing) -> tuple[Walk, Effect]:
    return _conduct_error(now, NOT_FOUND.format(now.name))


def _chosen_forbidden(now: Walk, _: Forbidden) -> tuple[Walk, Effect]:
    return _conduct_error(now, NOT_ALLOWED.format(now.name))


def _composition_late(now: Walk, event: Late) -> tuple[Walk, Effect]:
    now = replace(now, steps=(*now.steps, event.activation_id))
    text = COMPOSITION_LATE.format(event.activation_id)
    return _fail(now, Outcome.WHISK_ERROR, text)


def _composition_broken(now: Walk, _: Missing | Broken) -> tuple[Walk, Effect]:
    return _fail(now, Outcome.WHISK_ERROR, COMPOSITION_BROKE)


Handler = Callable[[Walk, Any], tuple[Walk, Effect]]

TRANSITIONS = cast(
    Mapping[tuple[State, type[Event]], Handler],
    {
        (State.READY, Begin): _begin,
        (State.COMPONENT, Answered): _component_answered,
        (State.COMPONENT, Missing): _component_missing,
        (State.COMPONENT, Late): _component_late,
        (State.COMPONENT, Broken): _component_broken,
        (State.CONDUCTOR, Answered): _conductor_answered,
        (State.CONDUCTOR, Missing): _composition_broken,
        (State.CONDUCTOR, Late): _composition_late,
        (State.CONDUCTOR, Broken): _composition_broken,
        (State.CHOSEN, Answered): _chosen_answered,
        (State.CHOSEN, Missing): _chosen_missing,
        (State.CHOSEN, Forbidden): _chosen_forbidden,
        (State.CHOSEN, Late): _composition_late,
        (State.CHOSEN, Broken): _composition_broken,
    },
)
