"""The containers of an invoker, and who gets which.

Decisions are ``placement``, ``prewarm`` and ``backlog``; lives are ``lifecycle``; here
they are put into practice.  A warm container takes its next job by one call, without
a decision.  Source: ContainerPool.scala.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from chasen import metrics
from chasen.entities import Outcome
from chasen.errors import ContainerStartError, ImageError
from chasen.ports.clock import Clock
from invoker import activation
from invoker.job import Job, Key
from invoker.pool import placement, prewarm
from invoker.pool.backlog import Backlog
from invoker.pool.books import Books
from invoker.pool.lifecycle import Remove, Run, Start, State
from invoker.pool.placement import Memory, Resting
from invoker.pool.prewarm import StemCells
from invoker.pool.proxy import ContainerProxy, Runner
from invoker.ports import ContainerFactory, ContainerSpec
from invoker.settlement import Settlement

log = logging.getLogger(__name__)

_WARM = metrics.container_starts.labels("warmed")
_PREWARMED = metrics.container_starts.labels("prewarmed")
_COLD = metrics.container_starts.labels("cold")

ATTEMPTS_MAX = 3  # containers that gave a job back; then the house is at fault
LEFTOVER_S = 60.0  # how long a stem cell that nobody ordered is kept
LOOK_AGAIN_S = 0.02  # a run that lasts longer than it used to must not hold up others
START_AGAIN_S = 5.0  # stem cells that fail to start must not keep the engine busy


class ContainerPool:
    """Owns the containers; also the ``Workshop`` and the ``Owner`` of its proxies."""

    def __init__(
        self,
        factory: ContainerFactory,
        runner: Runner,
        settlement: Settlement,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        *,
        memory_mb: int,
        grace_s: float,
        idle_s: float,
        starts: int,
        stem_cells: Sequence[StemCells] = (),
    ) -> None:
        self.factory = factory
        self.runner = runner
        self.starts = asyncio.Semaphore(starts)
        self.grace_s = grace_s
        self.idle_s = idle_s
        runner.workshop = self
        self._settlement = settlement
        self._clock = clock
        self._spawn = spawn
        self._books = Books(memory_mb)
        self._stem_cells = stem_cells
        self._refill_after_s = 0.0
        self._numbers = 0
        self._all: dict[int, ContainerProxy] = {}
        self._warm: dict[Key, list[ContainerProxy]] = defaultdict(list)
        self._stems: dict[int, ContainerProxy] = {}
        self._backlog = Backlog()
        self._look_again: asyncio.TimerHandle | None = None
        self._closing = False
        self._changed = asyncio.Event()

    # What others see.

    @property
    def is_idle(self) -> bool:
        return not any(proxy.is_busy for proxy in self._all.values())

    @property
    def waiting(self) -> int:
        return len(self._backlog)

    @property
    def booked_mb(self) -> int:
        return self._books.booked_mb

    def states(self) -> Counter[State]:
        return Counter(proxy.state for proxy in self._all.values())

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._spawn(work, name)

    # Jobs.

    def run(self, job: Job) -> None:
        """Run it now if a warm container rests, else as soon as there is one."""
        warm = self._warm.get(job.key)
        if warm:
            _WARM.inc()
            self._hand_in(warm.pop(), job)
        else:
            self._backlog.add(job, self._clock.monotonic_s())
            self._pump()

    def returned(self, job: Job) -> None:
        """A container did not take the job; nothing ran."""
        again = replace(job, attempt=job.attempt + 1)
        if again.attempt > ATTEMPTS_MAX:
            self._fail(job, Outcome.WHISK_ERROR, activation.NO_CONTAINER)
            return
        self._backlog.add_first(again, self._clock.monotonic_s())
        self._pump()

    def _hand_in(self, proxy: ContainerProxy, job: Job) -> None:
        now_s = self._clock.monotonic_s()
        if proxy.key is None:
            proxy.key = job.key
            self._books.take_over(proxy.spec.memory_mb, job.key, now_s)
        else:
            proxy.warm_since_s = now_s
        proxy.tell(Run(job))

    def _fail(self, job: Job, outcome: Outcome, text: str) -> None:
        self._settlement.refuse(job.message, outcome, text)

    # News from the containers.

    def offered(self, proxy: ContainerProxy) -> None:
        """A container is free: the next job goes straight in, or it rests."""
        if self._closing:
            proxy.tell(Remove())
        elif proxy.key is None:
            self._stem_offered(proxy)
        else:
            self._warm_offered(proxy, proxy.key)

    def _warm_offered(self, proxy: ContainerProxy, key: Key) -> None:
        now_s = self._clock.monotonic_s()
        warm_s = now_s - proxy.warm_since_s if proxy.warm_since_s else None
        cost_ms = None if proxy.warm_since_s else proxy.start_cost_ms
        self._books.learn(key, run_s=warm_s, start_cost_ms=cost_ms)
        if self._backlog.waiting(key):
            leaving_mb = self._leaving_mb()
            if self._books.is_starving_others(
                key, self._backlog, leaving_mb=leaving_mb, now_s=now_s
            ):
                self._evict(proxy)
                return
            _WARM.inc()
            self._hand_in(proxy, self._taken(key))
            return
        proxy.priority = self._books.priority(key, proxy.spec.memory_mb)
        proxy.resting_since_s = now_s
        self._warm[key].append(proxy)
        if self._backlog:
            self._pump()

    def _stem_offered(self, proxy: ContainerProxy) -> None:
        key = self._order_of(proxy)
        job = self._backlog.take(key) if key is not None else None
        if job is not None:
            _COLD.inc()
            self._hand_in(proxy, job)
            return
        proxy.resting_since_s = self._clock.monotonic_s()
        self._stems[proxy.number] = proxy
        self._pump()

    def withdrawn(self, proxy: ContainerProxy) -> None:
        self._stems.pop(proxy.number, None)
        if proxy.key is not None:
            warm = self._warm.get(proxy.key)
            if warm and proxy in warm:
                warm.remove(proxy)
            if not warm:
                self._warm.pop(proxy.key, None)

    def gone(self, proxy: ContainerProxy) -> None:
        """The container is destroyed, and only now its memory free."""
        self._all.pop(proxy.number, None)
        self.withdrawn(proxy)
        self._books.give_back(proxy.spec.memory_mb, proxy.key)
        key = self._order_of(proxy)
        if proxy.key is None and proxy.error is not None:
            self._not_started(proxy, key)
        self._show()
        self._changed.set()
        self._pump()

    def _order_of(self, proxy: ContainerProxy) -> Key | None:
        """Answer the key it was ordered for, once."""
        key, proxy.ordered_for = proxy.ordered_for, None
        if key is not None:
            self._books.order_ended(key)
        return key

    def _not_started(self, proxy: ContainerProxy, key: Key | None) -> None:
        """One job answers for a container that could not be started."""
        if key is None:
            self._refill_after_s = self._clock.monotonic_s() + START_AGAIN_S
            return
        job, error = self._backlog.take(key), proxy.error
        if job is None:
            return
        if isinstance(error, ImageError):
            self._fail(job, Outcome.DEVELOPER_ERROR, str(error))
        else:
            text = str(error) if isinstance(error, ContainerStartError) else ""
            log.warning("no container", extra={"kind": proxy.spec.kind, "why": text})
            self._fail(job, Outcome.WHISK_ERROR, activation.NO_CONTAINER)

    # Choosing.

    def _leaving_mb(self) -> int:
        return sum(
            proxy.spec.memory_mb for proxy in self._all.values() if proxy.is_leaving
        )

    def _resting(self) -> list[Resting]:
        warm = [proxy for proxies in self._warm.values() for proxy in proxies]
        return [
            Resting(proxy.number, proxy.key, proxy.spec, proxy.priority)
            for proxy in (*self._stems.values(), *warm)
        ]

    def _pump(self) -> None:
        """Find containers for those that wait, as far as there is memory."""
        if self._closing:
            return
        metrics.queue_length.set(len(self._backlog))
        promised_mb = 0
        for key in self._backlog.in_turn(self._books.used_mb, self._books.served_s):
            promises = 0
            if not self._needs_more(key):
                continue
            while self._backlog.waiting(key) > self._books.ordered[key] + promises:
                spec = self._backlog.head(key).plan.spec
                decision = self._place(spec, promised_mb)
                if isinstance(decision, placement.Wait):
                    break
                if self._put_into_practice(decision, key, spec):
                    continue
                promises += 1
                promised_mb += spec.memory_mb
        self._refill()

    def _needs_more(self, key: Key) -> bool:
        """Answer whether its warm containers will not be through soon anyway."""
        worth = self._books.worth(key)
        warm = sum(proxy.key == key and proxy.is_busy for proxy in self._all.values())
        if worth is None or worth.run_s < 0:
            return True
        needed = placement.is_worth_starting(
            waiting=self._backlog.waiting(key),
            warm=warm,
            run_s=worth.run_s,
            start_s=worth.start_cost_ms / 1000,
            waited_s=self._clock.monotonic_s() - self._backlog.since_s(key),
        )
        if not needed and self._look_again is None:
            loop = asyncio.get_running_loop()
            self._look_again = loop.call_later(LOOK_AGAIN_S, self._looked)
        return needed

    def _looked(self) -> None:
        self._look_again = None
        self._pump()

    def _place(self, spec: ContainerSpec, promised_mb: int) -> placement.Decision:
        """Decide, with the memory that nobody before was promised."""
        leaving_mb = self._leaving_mb()
        memory = Memory(
            self._books.total_mb,
            free=self._books.free_mb - max(0, promised_mb - leaving_mb),
            leaving=max(0, leaving_mb - promised_mb),
        )
        return placement.place(spec, self._resting(), memory, self._backlog.keys)

    def _put_into_practice(
        self, decision: placement.Decision, key: Key, spec: ContainerSpec
    ) -> bool:
        """Answer whether the first job of the key is seen to; else it has a promise."""
        match decision:
            case placement.Prewarmed(number):
                _PREWARMED.inc()
                self._hand_in(self._stems.pop(number), self._taken(key))
            case placement.Cold():
                self._books.ordered[key] += 1
                self._order(spec, key)
            case placement.Never():
                text = activation.NO_CONTAINER
                self._fail(self._taken(key), Outcome.WHISK_ERROR, text)
            case placement.Evict(numbers):
                for number in numbers:
                    self._evict(self._all[number])
                return False
        return True

    def _taken(self, key: Key) -> Job:
        job = self._backlog.take(key)
        assert job is not None
        return job

    def _evict(self, proxy: ContainerProxy) -> None:
        self._books.evicted(proxy.priority)
        proxy.tell(Remove())

    def _order(self, spec: ContainerSpec, key: Key | None) -> None:
        self._numbers += 1
        proxy = ContainerProxy(self._numbers, spec, self, self, key)
        self._all[proxy.number] = proxy
        self._books.book(spec.memory_mb)
        self._show()
        proxy.tell(Start())

    # Housekeeping.

    def _refill(self) -> None:
        """Stem cells, when nobody who waits needs the starts or the memory."""
        now_s = self._clock.monotonic_s()
        if self._backlog or self._books.ordered or now_s < self._refill_after_s:
            return
        have = [proxy.spec for proxy in self._all.values() if proxy.key is None]
        free_mb = self._books.free_mb
        for spec in prewarm.missing(self._stem_cells, have, free_mb=free_mb):
            self._order(spec, None)

    def tick(self) -> None:
        """Once a second: what has waited too long, what is left over, what lacks."""
        now_ms, now_s = self._clock.now_ms(), self._clock.monotonic_s()
        over = self._backlog.take_if(lambda job: job.message.start_before_ms < now_ms)
        for job in tuple(over):
            text = activation.expired(job.message)
            self._fail(job, Outcome.WHISK_ERROR, text)
        idle = [
            (proxy.number, proxy.spec, proxy.resting_since_s)
            for proxy in self._stems.values()
        ]
        for number in prewarm.surplus(self._stem_cells, idle):
            if now_s - self._stems[number].resting_since_s > LEFTOVER_S:
                self._stems[number].tell(Remove())
        if not self._backlog:
            self._books.served_s.clear()
        self._pump()
        self._show()

    def forget_action(self, fqn: str) -> None:
        """Remove the containers of an action that is changed or gone; those that run
        go afterwards."""
        for proxy in tuple(self._all.values()):
            if proxy.key is not None and proxy.key.action == fqn:
                proxy.tell(Remove())

    def give_back(self) -> list[Job]:
        """Take no more, and answer the jobs that nobody has begun."""
        self._closing = True
        return list(self._backlog.take_if(lambda job: True))

    async def idle(self) -> None:
        """Answer when nothing runs."""
        while not self.is_idle:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Remove all containers; answer when they are gone."""
        self._closing = True
        for proxy in tuple(self._all.values()):
            proxy.tell(Remove())
        while self._all:
            self._changed.clear()
            await self._changed.wait()

    def _show(self) -> None:
        metrics.memory_mb.set(self._books.booked_mb)
        states = self.states()
        for state in State:
            if state is not State.REMOVED:
                metrics.containers.labels(state.value).set(states[state])
