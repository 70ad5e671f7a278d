"""The shell of one container: carries out what ``lifecycle.step`` decides.

No ``if`` about states here.  One task on the container at a time, ending in exactly
one event; timers stop at each change of state.  Source: ContainerProxy.scala.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol

from chasen import faults
from chasen.errors import ContainerError, InvalidTransition
from invoker.action_proxy import ActionProxy
from invoker.job import Job, Key
from invoker.pool.lifecycle import (
    Done,
    Effect,
    Event,
    Execute,
    Failed,
    Lifecycle,
    Return,
    State,
    TimedOut,
    step,
)
from invoker.ports import Container, ContainerFactory, ContainerSpec

log = logging.getLogger(__name__)

STORY_STEPS = 50
DESTROY_AGAIN_S = 5.0
DEED_LIMIT_S = 10.0  # OpenWhisk's, for pause and unpause
DESTROY_LIMIT_S = 60.0  # and for rm


class Owner(Protocol):
    """The pool, as its containers see it."""

    def offered(self, proxy: ContainerProxy) -> None: ...
    def withdrawn(self, proxy: ContainerProxy) -> None: ...
    def gone(self, proxy: ContainerProxy) -> None: ...
    def returned(self, job: Job) -> None: ...


class Runner(Protocol):
    """Runs one job in one container; ends in Finished or Bounced."""

    workshop: Workshop | None

    def execute(self, proxy: ContainerProxy, job: Job, *, cold: bool) -> None: ...


class Workshop(Protocol):
    """What all containers of a pool share."""

    @property
    def factory(self) -> ContainerFactory: ...
    @property
    def runner(self) -> Runner: ...
    @property
    def starts(self) -> asyncio.Semaphore: ...
    @property
    def grace_s(self) -> float: ...
    @property
    def idle_s(self) -> float: ...

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None: ...


class ContainerProxy:
    """One container, from its order to its end.

    ``key`` is None while it is a stem cell; ``ordered_for`` the key whose job made the
    pool order it.
    """

    def __init__(
        self,
        number: int,
        spec: ContainerSpec,
        owner: Owner,
        workshop: Workshop,
        ordered_for: Key | None = None,
    ) -> None:
        self.number = number
        self.spec = spec
        self.key: Key | None = None
        self.ordered_for = ordered_for
        self.priority = 0.0
        self.resting_since_s = 0.0
        self.warm_since_s = 0.0  # since when the warm run of now is on; 0: it is cold
        self.start_cost_ms = 0.0
        self.error: ContainerError | None = None
        self.container: Container | None = None
        self.door: ActionProxy | None = None
        self._owner = owner
        self._workshop = workshop
        self._loop = asyncio.get_running_loop()
        self._now = Lifecycle()
        self._timer: asyncio.TimerHandle | None = None
        self._story: deque[tuple[State, type]] = deque(maxlen=STORY_STEPS)

    @property
    def state(self) -> State:
        return self._now.state

    @property
    def running(self) -> frozenset[Job]:
        return self._now.running

    @property
    def is_busy(self) -> bool:
        """Answer whether a job is in it, or waits until it is resumed."""
        return bool(self._now.running) or self._now.waiting is not None

    @property
    def is_leaving(self) -> bool:
        """Answer whether its memory will be free without anybody waiting for a run."""
        return self._now.state is State.REMOVING or (
            self._now.doomed and not self.is_busy
        )

    def tell(self, event: Event) -> None:
        """Let an event happen; everything that follows at once, follows."""
        before = self._now
        try:
            self._now, effects = step(before, event)
        except InvalidTransition as error:
            raise InvalidTransition(f"{error}; {self.story()}") from None
        if self._timer is not None and self._now.state is not before.state:
            self._timer.cancel()
            self._timer = None
        self._story.append((before.state, type(event)))
        for effect in effects:
            self._carry_out(effect)

    def story(self) -> str:
        """Answer the last steps, for the one who has to find a fault."""
        steps = ", ".join(f"{state} {event.__name__}" for state, event in self._story)
        return f"container {self.number}: {steps}"

    def _carry_out(self, effect: Effect | Execute | Return) -> None:
        if type(effect) is Execute:
            self._workshop.runner.execute(self, effect.job, cold=effect.cold)
        elif type(effect) is Return:
            self._owner.returned(effect.job)
        else:
            _DEEDS[effect](self)  # pyright: ignore[reportArgumentType]

    def _offer(self) -> None:
        self._owner.offered(self)

    def _withdraw(self) -> None:
        self._owner.withdrawn(self)

    def _gone(self) -> None:
        self._owner.gone(self)

    def _grace_timer(self) -> None:
        self._set_timer(self._workshop.grace_s)

    def _idle_timer(self) -> None:
        self._set_timer(self._workshop.idle_s)

    def _destroy_later(self) -> None:
        self._set_timer(DESTROY_AGAIN_S)

    def _set_timer(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self.tell, TimedOut())

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._workshop.spawn(self._task(work, name), f"{name}:{self.number}")

    async def _task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do it; tell how it ended."""
        try:
            await work
        except ContainerError as error:
            self.error = error
            self._log_failure(name, error)
        except Exception as error:
            self.error = ContainerError()
            self._log_failure(name, error)
        else:
            self.tell(Done())
            return
        self.tell(Failed())

    def _log_failure(self, name: str, error: Exception) -> None:
        expected = isinstance(error, ContainerError)
        log.warning(
            "container task failed",
            extra={"task": name, "container": self._name(), "why": str(error)},
            exc_info=None if expected else error,
        )

    def _name(self) -> str:
        return self.container.id if self.container is not None else str(self.number)

    def _create(self) -> None:
        self._begin(self._creating(), "create")

    async def _creating(self) -> None:
        async with self._workshop.starts:
            began_s = self._loop.time()
            faults.point("I2")
            self.container = await self._workshop.factory.create(self.spec)
            faults.point("I3")
            self.door = ActionProxy(self.container.address)
            self.start_cost_ms = (self._loop.time() - began_s) * 1000

    def _suspend(self) -> None:
        self._begin(self._suspending(), "suspend")

    async def _suspending(self) -> None:
        assert self.container is not None
        assert self.door is not None
        if not self.container.address.keep_alive:
            self.door.close()
        async with asyncio.timeout(DEED_LIMIT_S):
            await self.container.suspend()

    def _resume(self) -> None:
        self._begin(self._resuming(), "resume")

    async def _resuming(self) -> None:
        assert self.container is not None
        async with asyncio.timeout(DEED_LIMIT_S):
            await self.container.resume()

    def _destroy(self) -> None:
        self._begin(self._destroying(), "destroy")

    async def _destroying(self) -> None:
        if self.door is not None:
            self.door.close()
        if self.container is not None:
            async with asyncio.timeout(DESTROY_LIMIT_S):
                await self.container.destroy()


_DEEDS = {
    Effect.CREATE: ContainerProxy._create,
    Effect.SUSPEND: ContainerProxy._suspend,
    Effect.RESUME: ContainerProxy._resume,
    Effect.DESTROY: ContainerProxy._destroy,
    Effect.DESTROY_LATER: ContainerProxy._destroy_later,
    Effect.GRACE_TIMER: ContainerProxy._grace_timer,
    Effect.IDLE_TIMER: ContainerProxy._idle_timer,
    Effect.OFFER: ContainerProxy._offer,
    Effect.WITHDRAW: ContainerProxy._withdraw,
    Effect.GONE: ContainerProxy._gone,
}
