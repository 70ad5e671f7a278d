"""Every reachable world of one container, walked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest

from chasen.errors import InvalidTransition
from invoker.pool import lifecycle
from invoker.pool.lifecycle import (
    Bounced,
    Done,
    Effect,
    Event,
    Execute,
    Failed,
    Finished,
    Lifecycle,
    Remove,
    Return,
    Run,
    Start,
    State,
    TimedOut,
    step,
)

JOBS = ("a", "b", "c")
TASKS = {Effect.CREATE, Effect.SUSPEND, Effect.RESUME, Effect.DESTROY}
TIMERS = {Effect.GRACE_TIMER, Effect.IDLE_TIMER, Effect.DESTROY_LATER}


@dataclass(frozen=True)
class World:
    """A container, what is owed to it, and what happened to the jobs."""

    now: Lifecycle = Lifecycle()
    task: Effect | None = None
    timer: Effect | None = None
    executing: frozenset[str] = frozenset()
    offered: bool = False
    given: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    remove_asked: bool = False
    gone: int = 0

    @property
    def owed(self) -> bool:
        return self.task is not None or bool(self.executing)

    def successors(self) -> Iterator[World]:
        for event in self.possible():
            yield self.after(event)

    def possible(self) -> Iterator[Event]:
        if self.now.state is State.UNINITIALIZED and self.task is None:
            yield Start()
        if self.task is not None:
            yield Done()
            yield Failed()
        if self.timer is not None:
            yield TimedOut()
        for job in sorted(self.executing):
            yield Finished(job, fit=True)
            yield Finished(job, fit=False)
            yield Bounced(job)
        late = self.now.state in (State.REMOVING, State.REMOVED)
        if len(self.given) < len(JOBS) and (self.offered or late):
            yield Run(JOBS[len(self.given)])
        if not self.remove_asked:
            yield Remove()

    def after(self, event: Event) -> World:
        now, effects = step(self.now, event)
        world = self
        if isinstance(event, Done | Failed):
            world = replace(world, task=None)
        if isinstance(event, TimedOut) or now.state is not self.now.state:
            world = replace(world, timer=None)
        if isinstance(event, Run):
            world = replace(world, given=(*world.given, event.job), offered=False)
        if isinstance(event, Finished | Bounced):
            world = replace(world, executing=world.executing - {event.job})
        if isinstance(event, Finished):
            world = replace(world, settled=(*world.settled, event.job))
        if isinstance(event, Remove):
            world = replace(world, remove_asked=True)
        world = replace(world, now=now)
        for effect in effects:
            world = world.with_effect(effect)
        return world

    def with_effect(self, effect: Effect | Execute | Return) -> World:
        if isinstance(effect, Execute):
            assert effect.job not in self.executing, "executed twice"
            return replace(self, executing=self.executing | {effect.job})
        if isinstance(effect, Return):
            return replace(self, settled=(*self.settled, effect.job))
        if effect in TASKS:
            assert self.task is None, f"{effect} while {self.task}"
            return replace(self, task=effect)
        if effect in TIMERS:
            return replace(self, timer=effect)
        if effect is Effect.GONE:
            return replace(self, gone=self.gone + 1)
        return replace(self, offered=effect is Effect.OFFER)


@cache
def every_world() -> frozenset[World]:
    seen, todo = {World()}, deque([World()])
    while todo:
        for world in todo.popleft().successors():
            if world not in seen:
                seen.add(world)
                todo.append(world)
    return frozenset(seen)


def held(world: World) -> list[str]:
    waiting = [] if world.now.waiting is None else [world.now.waiting]
    return [*world.now.running, *waiting]


def test_the_walk_sees_every_state() -> None:
    assert {world.now.state for world in every_world()} == set(State)
    assert len(every_world()) > 40


def test_no_job_is_lost_or_settled_twice() -> None:
    """Whatever the order of news, each job is inside, or has ended, exactly once."""
    for world in every_world():
        assert sorted([*held(world), *world.settled]) == sorted(world.given), world


def test_what_is_inside_is_what_executes() -> None:
    for world in every_world():
        assert world.now.running == world.executing, world


def test_a_container_asked_to_go_goes() -> None:
    """Remove may be delayed, never forgotten."""
    resting = [
        world
        for world in every_world()
        if world.remove_asked and not world.owed and world.timer is None
    ]
    assert resting
    assert {world.now.state for world in resting} == {State.REMOVED}


def test_memory_is_given_back_once_and_only_at_the_end() -> None:
    for world in every_world():
        assert world.gone == (world.now.state is State.REMOVED), world


def test_nothing_is_offered_that_cannot_take_a_job() -> None:
    able = {State.STARTED, State.READY, State.PAUSING, State.PAUSED}
    for world in every_world():
        if world.offered:
            assert world.now.state in able, world
            assert world.now.waiting is None


def test_a_resting_container_always_has_a_way_on() -> None:
    """Ready and paused ones have a timer; all but stem cells would wait for ever."""
    for world in every_world():
        if world.now.state in (State.READY, State.PAUSED) and not world.owed:
            assert world.timer is not None, world


def test_a_failed_removal_is_tried_again() -> None:
    for world in every_world():
        if world.now.state is State.REMOVING:
            assert world.task is Effect.DESTROY or (
                world.timer is Effect.DESTROY_LATER
            ), world


def test_an_unknown_pair_is_an_error_and_changes_nothing() -> None:
    with pytest.raises(InvalidTransition, match="cannot see"):
        step(Lifecycle(State.PAUSED), Finished("a", fit=True))


def test_every_row_of_the_table_is_reached() -> None:
    """A row that no world reaches is a row that nobody tested."""
    unreachable = {
        (State.UNINITIALIZED, Run),
        (State.STARTING, Run),
        (State.RUNNING, Run),  # more than one at a time is not offered yet
    }
    reached = {
        (world.now.state, type(event))
        for world in every_world()
        for event in world.possible()
    }
    assert set(lifecycle.TRANSITIONS) - reached == unreachable


def test_two_jobs_may_run_in_one_container() -> None:
    """The state holds a set, so that concurrency is a matter of offering."""
    now, _ = step(Lifecycle(State.READY), Run("a"))
    now, effects = step(now, Run("b"))

    assert now.running == {"a", "b"}
    assert effects == (Execute("b", cold=False),)

    now, effects = step(now, Finished("a", fit=True))
    assert now.state is State.RUNNING
    assert effects == ()
