"""Where a job runs: a stem cell, a new container, the place of another, or later.

Keep-alive is a cache: containers are ranked by GreedyDual, frequency x start cost /
memory plus an ageing clock, and memory counts until its removal is confirmed.  A warm
container needs no decision; the pool hands the job in.  Pure.
Source: ContainerPool.schedule and remove; FaasCache (ASPLOS'21) for the ranking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from invoker.job import Key
from invoker.ports import ContainerSpec

YIELD_AFTER_S = 0.1  # about one cold start: sooner, and starting eats the gain


@dataclass(frozen=True, slots=True)
class Resting:
    """A container without a job; a stem cell when it has no key."""

    number: int
    key: Key | None
    spec: ContainerSpec
    priority: float = 0.0


@dataclass(frozen=True, slots=True)
class Memory:
    """MB of an invoker.  ``leaving`` is booked, but its containers are on the way out
    and nobody else was promised it."""

    total: int
    free: int
    leaving: int = 0


@dataclass(frozen=True, slots=True)
class Prewarmed:
    """Take this stem cell."""

    number: int


@dataclass(frozen=True, slots=True)
class Cold:
    """Order a container; there is room."""


@dataclass(frozen=True, slots=True)
class Evict:
    """Remove these; when they are gone there will be room."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to be done until something ends."""


@dataclass(frozen=True, slots=True)
class Never:
    """The job is bigger than the invoker."""


Decision = Prewarmed | Cold | Evict | Wait | Never


def is_same_make(one: ContainerSpec, other: ContainerSpec) -> bool:
    """Answer whether a container of one spec serves the other.

    Memory must be equal, too: it is the limit that the container was made with.
    """
    return (
        one.kind == other.kind
        and one.image == other.image
        and one.memory_mb == other.memory_mb
        and one.ours == other.ours
    )


def place(
    spec: ContainerSpec,
    resting: Iterable[Resting],
    memory: Memory,
    wanted: frozenset[Key] = frozenset(),
) -> Decision:
    """Answer what to do for one job that found no warm container.

    Containers of ``wanted`` keys, whose jobs are queued, are not evicted.
    """
    if spec.memory_mb > memory.total:
        return Never()
    resting = tuple(resting)
    for each in resting:
        if each.key is None and is_same_make(each.spec, spec):
            return Prewarmed(each.number)
    if spec.memory_mb <= memory.free:
        return Cold()
    missing_mb = spec.memory_mb - memory.free - memory.leaving
    if missing_mb <= 0:
        return Wait()
    return _evict(missing_mb, [each for each in resting if each.key not in wanted])


def _evict(missing_mb: int, candidates: Sequence[Resting]) -> Decision:
    """Take the least worth first, stem cells last, and no more than needed."""
    ranked = sorted(candidates, key=lambda each: (each.key is None, each.priority))
    victims: list[Resting] = []
    freed_mb = 0
    for each in ranked:
        if freed_mb >= missing_mb:
            break
        victims.append(each)
        freed_mb += each.spec.memory_mb
    if freed_mb < missing_mb:
        return Wait()
    for each in tuple(victims):  # a big last one may make small first ones needless
        if freed_mb - each.spec.memory_mb >= missing_mb:
            victims.remove(each)
            freed_mb -= each.spec.memory_mb
    return Evict(tuple(each.number for each in victims))


def benefit(
    clock: float, *, frequency: int, start_cost_ms: float, memory_mb: int
) -> float:
    """Answer a container's priority: the higher, the longer it is kept."""
    return clock + frequency * start_cost_ms / memory_mb


def is_worth_starting(
    *, waiting: int, warm: int, run_s: float, start_s: float, waited_s: float
) -> bool:
    """Answer whether another container would help those who wait for their own.

    ``warm`` containers of the key work at them, each job takes ``run_s``; a start that
    ends later than the queue only takes the cores away from it.
    """
    if warm == 0 or waited_s >= start_s:
        return True
    return waiting * run_s / warm > start_s


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants memory: what they use now, what they need, and how long they wait."""

    used_mb: int
    need_mb: int
    waiting_s: float


def must_yield(own: Claim, other: Claim) -> bool:
    """Answer whether a freed container should make room for another namespace.

    Shares of memory are evened out; who has nothing gets in after a moment.
    """
    if own.used_mb - own.need_mb >= other.used_mb + other.need_mb:
        return True
    return other.used_mb <= 0 and other.waiting_s > YIELD_AFTER_S


def is_overdue(own: Claim, other: Claim) -> bool:
    """Answer whether it should make room for another action of its own namespace.

    They are served as they came, but containers are not swapped for single jobs.
    """
    return other.used_mb <= 0 and other.waiting_s > own.waiting_s + YIELD_AFTER_S
