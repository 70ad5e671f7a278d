"""Walking a sequence or a composition: carries out what ``steps.py`` decides.

A step's id is derived from its primary's and its invoker from what was usable when the
primary was accepted.  So a walk may be repeated, by this controller or another, also at
the same time: a step that has a record is taken from there; one that is sent a second
time meets itself in the hands of the one invoker that can have it, and is dropped.

Accepting primaries, and who walks when, is ``primaries.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import TypeVar

from chasen import faults
from chasen.entities import (
    SEQUENCE,
    Activation,
    ActivationId,
    FullyQualifiedEntityName,
    Identity,
    derive_activation_id,
)
from chasen.entities.limits import SEQUENCE_LENGTH_MAX
from chasen.errors import (
    BusUnavailable,
    ChasenError,
    NoDocument,
    NoInvokers,
    NotAuthorized,
    StoreUnavailable,
    TooLarge,
    WrongCollection,
)
from chasen.messages import Ack, ActivationMessage, Compose
from chasen.ports.clock import Clock
from chasen.ports.stores import ActivationStore
from controller.invocation.outgoing import (
    ASYNC_QUEUE_MS,
    BLOCKING_QUEUE_MS,
    Sender,
    activation_message,
)
from controller.invocation.plan import Plan
from controller.invocation.recorder import Recorder
from controller.invocation.resolve import Resolver
from controller.invocation.steps import (
    Begin,
    Broken,
    Budget,
    End,
    Event,
    Forbidden,
    Invoke,
    Late,
    Missing,
    Walk,
    step,
)
from controller.invocation.walks import (
    answered,
    answered_by,
    arguments_of,
    facts_of,
    first,
    primary_record,
)
from controller.ports import Among, LoadBalancer, PendingActivation

log = logging.getLogger("controller.composite")

T = TypeVar("T")

# Acks are fast; the store is asked in case that another controller gets the ack.
LOOKS_S = (1.0, 1.0, 2.0, 4.0, 5.0)
LOOKS_AT_ONCE_S = (0.02, 0.1, 0.2, 0.5, 1.0)  # the ack said that the store will tell
PATIENCE_S = 60.0  # with a store that is down
SETTLE_ALLOWANCE_S = 20.0  # for whoever writes the record of a lost activation


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour:
    """One walk of one primary.  ``again``: somebody else may have walked before.

    ``written`` collects the records that must be stored before the end.
    """

    primary: Compose
    again: bool
    start_ms: int
    nesting: int = 0
    actions: int = 0
    budget: Budget = field(default_factory=Budget)
    written: list[asyncio.Future[None]] = field(default_factory=list)

    def step_id(self, index: int) -> ActivationId:
        return derive_activation_id(self.primary.activation_id, "step", str(index))


class Walker:
    """Walks; several walks at once do not know of each other."""

    def __init__(
        self,
        *,
        balancer: LoadBalancer,
        resolver: Resolver,
        activations: ActivationStore,
        recorder: Recorder,
        clock: Clock,
        controller: str,
    ) -> None:
        self._balancer = balancer
        self._resolver = resolver
        self._activations = activations
        self._recorder = recorder
        self._clock = clock
        self._controller = controller

    async def walk(self, tour: Tour) -> tuple[Activation, Walk]:
        """Answer the primary's record and what the walk came to."""
        now, effect = step(
            first(tour.primary, actions=tour.actions, budget=tour.budget),
            Begin(tour.primary.body),
        )
        while isinstance(effect, Invoke):
            event = await self._carry_out(tour, now, effect)
            faults.point("C13")
            now, effect = step(now, event)
        return self._record(tour, now, effect), now

    async def _carry_out(self, tour: Tour, now: Walk, invoke: Invoke) -> Event:
        child = tour.step_id(invoke.index)
        if tour.again:
            record = await self._recorded(tour.primary.namespace, child)
            if record is not None:
                return answered(record, now)
        try:
            plan = await self._patiently(lambda: self._plan(tour.primary, invoke))
        except NotAuthorized:
            return Forbidden() if invoke.checked else Broken()
        except (NoDocument, WrongCollection):
            return Missing()
        except ChasenError as error:
            return self._broken(child, error)
        if plan.refusal is not None:
            return Broken()
        if plan.is_composite and not invoke.is_conductor:
            return await self._nested(tour, now, plan, child, invoke.payload)
        return await self._primitive(tour, now, plan, child, invoke.payload)

    async def _plan(self, primary: Compose, invoke: Invoke) -> Plan:
        """A package that is missing reads like one that is forbidden, as anywhere."""
        fqn = FullyQualifiedEntityName.parse(invoke.name)
        if not invoke.checked:
            return await self._resolver.plan(fqn)
        identity = Identity(primary.subject, primary.namespace, primary.namespace_uuid)
        if self._resolver.known_plan(fqn) is None:
            try:
                await self._resolver.place(fqn, identity)
            except (NoDocument, WrongCollection):
                raise NotAuthorized from None
        return await self._resolver.plan(fqn, identity)

    # --- nested ones ---

    async def _nested(
        self,
        tour: Tour,
        now: Walk,
        plan: Plan,
        child: ActivationId,
        payload: bytes | None,
    ) -> Event:
        if tour.nesting >= SEQUENCE_LENGTH_MAX:
            return Broken()  # two writers closed a circle at the same time
        is_same_kind = (now.conductor is None) is (plan.components is not None)
        inner = replace(
            tour,
            primary=replace(
                tour.primary,
                **facts_of(plan),
                activation_id=child,
                cause=tour.primary.activation_id,
                body=payload or b"{}",
            ),
            start_ms=self._clock.now_ms(),
            nesting=tour.nesting + 1,
            actions=now.actions if is_same_kind else 0,
            budget=now.budget if is_same_kind else Budget(),
        )
        record, walked = await self.walk(inner)
        tour.written.append(self._recorder.put(record))
        shared = is_same_kind and now.conductor is not None
        return replace(
            answered(record, now),
            actions=walked.actions - inner.actions if plan.components else 1,
            budget=walked.budget if shared else None,
        )

    # --- primitives ---

    async def _primitive(
        self,
        tour: Tour,
        now: Walk,
        plan: Plan,
        child: ActivationId,
        payload: bytes | None,
    ) -> Event:
        primary = tour.primary
        queue_ms = BLOCKING_QUEUE_MS if primary.blocking else ASYNC_QUEUE_MS
        message = activation_message(
            plan,
            Sender(
                primary.namespace,
                primary.namespace_uuid,
                primary.subject,
                self._controller,
                primary.transid,
                primary.result_max,
                primary.result_kept,
                primary.unstored,
            ),
            arguments_of(plan, payload),
            activation_id=child,
            now_ms=self._clock.now_ms(),
            blocking=True,
            queue_ms=queue_ms,
            cause=primary.activation_id,
            caused_by=SEQUENCE,
            depth=primary.depth,
            again=tour.again,
        )
        among = Among(primary.invokers, primary.full)
        limit_s = (queue_ms + 2 * plan.timeout_ms) / 1000 + SETTLE_ALLOWANCE_S
        told = await self._outcome(message, plan, among, limit_s)
        return answered(told, now) if isinstance(told, Activation) else told

    async def _outcome(
        self, message: ActivationMessage, plan: Plan, among: Among, limit_s: float
    ) -> Event | Activation:
        """Send the step, as often as needed, and wait until somebody tells its end.

        The record, where it was found in the store.
        """
        child = message.activation_id
        give_up_s = self._clock.monotonic_s() + limit_s
        pauses = chain(LOOKS_S, repeat(LOOKS_S[-1]))
        pending: PendingActivation | None = None
        while True:
            try:
                pending = pending or self._send(message, plan, among)
                ack = await _ack(pending, next(pauses))
            except TooLarge as error:
                self._balancer.not_posted(child)
                return self._broken(child, error)
            except (BusUnavailable, NoInvokers):
                self._balancer.not_posted(child)
                pending, ack = None, None
                await asyncio.sleep(LOOKS_S[0])
            if ack is not None and ack.body:
                return answered_by(ack, plan)
            if ack is not None:
                pauses = chain(LOOKS_AT_ONCE_S, repeat(LOOKS_S[0]))
                pending = _told(pending)
            record = await self._recorded(message.namespace, child)
            if record is not None:
                self._balancer.not_posted(child)  # its ack went to somebody else
                return record
            if self._clock.monotonic_s() > give_up_s:
                self._balancer.stop_waiting(child)
                return Late(child)

    def _send(
        self, message: ActivationMessage, plan: Plan, among: Among
    ) -> PendingActivation:
        pending = self._balancer.publish(
            message,
            memory_mb=plan.memory_mb,
            timeout_ms=plan.timeout_ms,
            is_blackbox=plan.is_blackbox,
            among=among,
        )
        pending.posted.add_done_callback(
            lambda posted: wake_on_failure(posted, pending.answer)
        )
        return pending

    # --- the store ---

    async def _recorded(
        self, namespace: str, activation_id: ActivationId
    ) -> Activation | None:
        try:
            return await self._activations.get(namespace, activation_id)
        except (NoDocument, StoreUnavailable):
            return None

    async def _patiently(self, look_up: Callable[[], Awaitable[T]]) -> T:
        until_s = self._clock.monotonic_s() + PATIENCE_S
        while True:
            try:
                return await look_up()
            except StoreUnavailable:
                if self._clock.monotonic_s() > until_s:
                    raise
                await asyncio.sleep(LOOKS_S[0])

    def _broken(self, child: ActivationId, error: ChasenError) -> Broken:
        log.warning(
            "a step cannot be begun", extra={"activation": child, "why": str(error)}
        )
        return Broken()

    def _record(self, tour: Tour, now: Walk, end: End) -> Activation:
        return primary_record(
            tour.primary, now, end.response, tour.start_ms, self._clock.now_ms()
        )


def wake_on_failure(
    posted: asyncio.Future[None], answer: asyncio.Future[Ack | None]
) -> None:
    """Let who waits for the answer know that the message was not sent."""
    if not posted.cancelled() and (error := posted.exception()) and not answer.done():
        is_size = isinstance(error, TooLarge)
        answer.set_exception(error if is_size else BusUnavailable())


async def _ack(pending: PendingActivation, wait_s: float) -> Ack | None:
    """Answer the ack, None when it did not come in this time."""
    if pending.answer.done():
        ack = pending.answer.result()
        if ack is None:
            await asyncio.sleep(wait_s)
        return ack
    await asyncio.wait([pending.answer], timeout=wait_s)
    return pending.answer.result() if pending.answer.done() else None


def _told(pending: PendingActivation | None) -> PendingActivation | None:
    """Answer the same with an answer that is None: the store will tell the rest."""
    if pending is None:
        return None
    answer = asyncio.get_running_loop().create_future()
    answer.set_result(None)
    return replace(pending, answer=answer)
