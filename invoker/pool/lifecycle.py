"""The life of one container, as a table.  Pure: effects go out, events come in.

A container is *ordered* by the pool and starts without a job: every container is first
a stem cell, some made to order.  It then belongs to one key for ever.  Between jobs it
rests *ready*, is *paused* after a grace, and is *removed* when nobody wanted it for
long, when it misbehaved, or when its memory is needed.  Suspend, resume and destroy
never overlap; what arrives meanwhile waits in the state.

    uninitialized -> starting -> started -> running <-> ready -> pausing -> paused
                                              ^-------- resuming <------------'
    every state -> removing -> removed

A job handed in is executed, or returned to the pool, exactly once.  A container that
was told to go goes, though perhaps later.  Timers are events.
Source: ContainerProxy.scala; the states keep its names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from chasen.errors import InvalidTransition


class State(StrEnum):
    UNINITIALIZED = "uninitialized"
    STARTING = "starting"
    STARTED = "started"  # a stem cell; never paused
    RUNNING = "running"
    READY = "ready"
    PAUSING = "pausing"
    PAUSED = "paused"
    RESUMING = "resuming"
    REMOVING = "removing"
    REMOVED = "removed"


# Events: what happened.


@dataclass(frozen=True, slots=True)
class Start:
    """The pool orders the container."""


@dataclass(frozen=True, slots=True)
class Done:
    """The task on the container (create, suspend, resume, destroy) succeeded."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The task on the container failed."""


@dataclass(frozen=True, slots=True)
class Run:
    """The pool hands in a job; any hashable value."""

    job: Any


@dataclass(frozen=True, slots=True)
class Finished:
    """A job ended; ``fit`` says whether the container may run another."""

    job: Any
    fit: bool


@dataclass(frozen=True, slots=True)
class Bounced:
    """The container did not take the job; nothing ran."""

    job: Any


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The timer that was set last ran out."""


@dataclass(frozen=True, slots=True)
class Remove:
    """The pool wants the memory, or the house closes."""


Event = Start | Done | Failed | Run | Finished | Bounced | TimedOut | Remove


# Effects: what to do.  Tasks end in Done or Failed.


class Effect(StrEnum):
    """Effects without a job."""

    CREATE = "create"
    SUSPEND = "suspend"
    RESUME = "resume"
    DESTROY = "destroy"
    DESTROY_LATER = "destroy later"  # a timer, then TimedOut
    GRACE_TIMER = "grace timer"
    IDLE_TIMER = "idle timer"
    OFFER = "offer"  # tell the pool that it may hand in a job
    WITHDRAW = "withdraw"  # tell the pool that it may not any more
    GONE = "gone"  # tell the pool that the memory is free


@dataclass(frozen=True, slots=True)
class Execute:
    """Run the job; initialise first if ``cold``.  Ends in Finished or Bounced."""

    job: Any
    cold: bool


@dataclass(frozen=True, slots=True)
class Return:
    """Give the job back to the pool."""

    job: Any


Effects = tuple[Effect | Execute | Return, ...]


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The state of one container.

    ``running`` holds the jobs inside it; ``waiting`` the one that waits until it is
    paused or resumed; ``doomed`` says that it must go as soon as it can.
    """

    state: State = State.UNINITIALIZED
    running: frozenset[Any] = frozenset()
    waiting: Any = None
    doomed: bool = False


Step = tuple[Lifecycle, Effects]
Handler = Callable[[Lifecycle, Any], Step]


def step(now: Lifecycle, event: Event) -> Step:
    """Answer the next state and what to do, for one event.

    Raises:
        InvalidTransition: the pair is in neither TRANSITIONS nor IGNORED.
    """
    pair = (now.state, type(event))
    handler = TRANSITIONS.get(pair)
    if handler is not None:
        return handler(now, event)
    if pair in IGNORED:
        return now, ()
    raise InvalidTransition(f"{now} cannot see {event}")


def _start(now: Lifecycle, event: Start) -> Step:
    return replace(now, state=State.STARTING), (Effect.CREATE,)


def _started(now: Lifecycle, event: Done) -> Step:
    if now.doomed:
        return _destroy(now, ())
    return replace(now, state=State.STARTED), (Effect.OFFER,)


def _not_started(now: Lifecycle, event: Failed) -> Step:
    return Lifecycle(State.REMOVED), (Effect.GONE,)


def _initialize(now: Lifecycle, event: Run) -> Step:
    return Lifecycle(State.RUNNING, frozenset((event.job,))), (
        Execute(event.job, True),
    )


def _execute(now: Lifecycle, event: Run) -> Step:
    running = now.running | {event.job}
    return (
        Lifecycle(State.RUNNING, running, doomed=now.doomed),
        (Execute(event.job, False),),
    )


def _finished(now: Lifecycle, event: Finished) -> Step:
    running = now.running - {event.job}
    doomed = now.doomed or not event.fit
    if running:
        left = replace(now, running=running, doomed=doomed)
        return left, () if now.doomed or event.fit else (Effect.WITHDRAW,)
    if doomed:
        return _destroy(now, ())
    return Lifecycle(State.READY), (Effect.GRACE_TIMER, Effect.OFFER)


def _bounced(now: Lifecycle, event: Bounced) -> Step:
    running = now.running - {event.job}
    if running:
        left = replace(now, running=running, doomed=True)
        return left, (Effect.WITHDRAW, Return(event.job))
    return _destroy(now, (Return(event.job),))


def _suspend(now: Lifecycle, event: TimedOut) -> Step:
    return replace(now, state=State.PAUSING), (Effect.SUSPEND,)


def _keep_waiting(now: Lifecycle, event: Run) -> Step:
    assert now.waiting is None, "two jobs for one container"
    return replace(now, waiting=event.job), ()


def _paused(now: Lifecycle, event: Done) -> Step:
    paused = replace(now, state=State.PAUSED)
    if now.doomed:
        return _destroy(paused, ())
    if now.waiting is not None:
        return replace(paused, state=State.RESUMING), (Effect.RESUME,)
    return paused, (Effect.IDLE_TIMER,)


def _resume(now: Lifecycle, event: Run) -> Step:
    return Lifecycle(State.RESUMING, waiting=event.job), (Effect.RESUME,)


def _resumed(now: Lifecycle, event: Done) -> Step:
    assert now.waiting is not None, "nobody asked to resume"
    if now.doomed:
        return _destroy(now, ())
    return _execute(Lifecycle(State.READY), Run(now.waiting))


def _broken(now: Lifecycle, event: Event) -> Step:
    return _destroy(now, ())


def _doom(now: Lifecycle, event: Remove) -> Step:
    if now.doomed:
        return now, ()
    return replace(now, doomed=True), (Effect.WITHDRAW,)


def _never_started(now: Lifecycle, event: Remove) -> Step:
    return Lifecycle(State.REMOVED), (Effect.GONE,)


def _return(now: Lifecycle, event: Run) -> Step:
    return now, (Return(event.job),)


def _removed(now: Lifecycle, event: Done) -> Step:
    return Lifecycle(State.REMOVED), (Effect.GONE,)


def _not_removed(now: Lifecycle, event: Failed) -> Step:
    return now, (Effect.DESTROY_LATER,)


def _destroy_again(now: Lifecycle, event: TimedOut) -> Step:
    return now, (Effect.DESTROY,)


def _destroy(now: Lifecycle, before: Effects) -> Step:
    """Go; whoever still waits goes back to the pool."""
    waiting: Effects = () if now.waiting is None else (Return(now.waiting),)
    effects: Effects = (Effect.WITHDRAW, Effect.DESTROY, *before, *waiting)
    return Lifecycle(State.REMOVING), effects


TRANSITIONS: Mapping[tuple[State, type], Handler] = {
    (State.UNINITIALIZED, Start): _start,
    (State.UNINITIALIZED, Remove): _never_started,
    (State.UNINITIALIZED, Run): _return,
    (State.STARTING, Done): _started,
    (State.STARTING, Failed): _not_started,
    (State.STARTING, Remove): _doom,
    (State.STARTING, Run): _return,
    (State.STARTED, Run): _initialize,
    (State.STARTED, Remove): _broken,
    (State.RUNNING, Run): _execute,
    (State.RUNNING, Finished): _finished,
    (State.RUNNING, Bounced): _bounced,
    (State.RUNNING, Remove): _doom,
    (State.READY, Run): _execute,
    (State.READY, TimedOut): _suspend,
    (State.READY, Remove): _broken,
    (State.PAUSING, Done): _paused,
    (State.PAUSING, Failed): _broken,
    (State.PAUSING, Run): _keep_waiting,
    (State.PAUSING, Remove): _doom,
    (State.PAUSED, Run): _resume,
    (State.PAUSED, TimedOut): _broken,
    (State.PAUSED, Remove): _broken,
    (State.RESUMING, Done): _resumed,
    (State.RESUMING, Failed): _broken,
    (State.RESUMING, Remove): _doom,
    (State.REMOVING, Done): _removed,
    (State.REMOVING, Failed): _not_removed,
    (State.REMOVING, TimedOut): _destroy_again,
    (State.REMOVING, Run): _return,
    (State.REMOVED, Run): _return,
}

# News that came too late to matter, or a second time.
IGNORED: frozenset[tuple[State, type]] = frozenset(
    {
        (State.REMOVING, Remove),
        (State.REMOVED, Remove),
        (State.REMOVED, TimedOut),
    }
)
