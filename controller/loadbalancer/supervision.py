"""How each invoker is: four states, from its pings and its outcomes.  Pure.

An invoker tests itself and says in each ping what is wrong with it, so it is Healthy
from its first good ping on; no test action is sent.  It is Unhealthy while its ping
names a fault, or when more than three of its last ten outcomes were our errors;
Unresponsive when more than three were timeouts; Offline when it was silent for ten
seconds or says that it is disabled.  Whoever is out for its outcomes gets a new chance
after a time of good pings, with an empty slate.

Only a Healthy invoker gets work.  Source: InvokerSupervision.scala; the self-test and
the probation replace the test action there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

OFFLINE_AFTER_S = 10.0
PROBATION_S = 10.0
OUTCOMES_KEPT = 10
TOLERATED = 3


class State(StrEnum):
    """The words that ``/invokers`` shows."""

    HEALTHY = "up"
    UNHEALTHY = "unhealthy"
    UNRESPONSIVE = "unresponsive"
    OFFLINE = "down"


class Outcome(StrEnum):
    """What came of one activation, as far as the invoker's health goes."""

    SUCCESS = "success"
    SYSTEM_ERROR = "system error"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Pinged:
    """A ping came; ``fault`` is its own verdict."""

    now_s: float
    is_enabled: bool
    fault: str | None
    incarnation: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An activation on it ended."""

    now_s: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Looked:
    """Time has passed."""

    now_s: float


Event = Pinged | Ended | Looked


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of one invoker; ``since_s`` is when the state began."""

    state: State = State.OFFLINE
    since_s: float = 0.0
    last_ping_s: float = float("-inf")
    outcomes: tuple[Outcome, ...] = ()
    fault: str | None = None
    incarnation: str = ""

    @property
    def is_usable(self) -> bool:
        return self.state is State.HEALTHY


def step(now: Health, event: Event) -> Health:
    """Answer the health after the event; total over states and events."""
    match event:
        case Pinged():
            return _after_ping(now, event)
        case Ended():
            return _after_outcome(now, event)
        case Looked():
            return _after_silence(now, event)


def _to(now: Health, state: State, at_s: float) -> Health:
    return now if now.state is state else replace(now, state=state, since_s=at_s)


def _after_ping(now: Health, event: Pinged) -> Health:
    fresh = event.incarnation != now.incarnation
    seen = replace(
        now,
        last_ping_s=event.now_s,
        fault=event.fault,
        incarnation=event.incarnation,
        outcomes=() if fresh else now.outcomes,
    )
    if not event.is_enabled:
        return _to(seen, State.OFFLINE, event.now_s)
    if event.fault is not None:
        return _to(seen, State.UNHEALTHY, event.now_s)
    on_probation = _by_outcomes(seen.outcomes) is not State.HEALTHY
    if on_probation and event.now_s - now.since_s < PROBATION_S:
        return seen
    clean = replace(seen, outcomes=() if on_probation else seen.outcomes)
    return _to(clean, State.HEALTHY, event.now_s)


def _after_outcome(now: Health, event: Ended) -> Health:
    if now.state is State.OFFLINE:
        return now
    kept = (*now.outcomes, event.outcome)[-OUTCOMES_KEPT:]
    noted = replace(now, outcomes=kept)
    if now.state is State.HEALTHY:
        return _to(noted, _by_outcomes(kept), event.now_s)
    return noted


def _after_silence(now: Health, event: Looked) -> Health:
    if event.now_s - now.last_ping_s > OFFLINE_AFTER_S:
        return _to(now, State.OFFLINE, event.now_s)
    return now


def _by_outcomes(outcomes: tuple[Outcome, ...]) -> State:
    if outcomes.count(Outcome.SYSTEM_ERROR) > TOLERATED:
        return State.UNHEALTHY
    if outcomes.count(Outcome.TIMEOUT) > TOLERATED:
        return State.UNRESPONSIVE
    return State.HEALTHY
