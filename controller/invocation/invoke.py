"""Invoking an action: admit, publish, wait.  One way for every caller.

REST, web addresses, rules and later dialects come down to here with a principal, a
plan and bytes; nothing here knows HTTP.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from chasen import faults, metrics
from chasen.entities import (
    Activation,
    ActivationId,
    Identity,
    decode_activation,
    encode_activation,
)
from chasen.entities.activation import Outcome
from chasen.entities.limits import BLOCKING_WAIT_MS_MAX
from chasen.errors import (
    BusUnavailable,
    NoDocument,
    NoInvokers,
    StoreUnavailable,
)
from chasen.messages import Ack, Compose
from chasen.ports.bus import MessageBus
from chasen.ports.clock import Clock
from chasen.ports.stores import ActivationStore
from controller.invocation.composite import wake_on_failure
from controller.invocation.outgoing import (
    ASYNC_QUEUE_MS,
    BLOCKING_QUEUE_MS,
    Sender,
    activation_message,
)
from controller.invocation.plan import Plan
from controller.invocation.primaries import Primaries
from controller.ports import Among, LoadBalancer, PendingActivation

# An ack that carries no record points to the store, which follows in batches.
RECORD_POLLS_S = (0.2, 0.5, 1, 3, 5, 7)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The activation goes on; its record will tell."""

    activation_id: ActivationId


@dataclass(frozen=True, slots=True)
class Finished:
    """The activation is over.

    ``record`` is the encoded record (``encode_activation``), ``result`` its result's
    JSON, cut out of it.
    """

    activation_id: ActivationId
    outcome: Outcome
    record: bytes
    result: bytes | None

    def activation(self) -> Activation:
        return decode_activation(self.record)


Answer = Accepted | Finished


class Invocations:
    """Publishes activations and waits for their answers."""

    def __init__(
        self,
        *,
        balancer: LoadBalancer,
        bus: MessageBus,
        activations: ActivationStore,
        clock: Clock,
        controller: str,
        primaries: Primaries,
    ) -> None:
        self._balancer = balancer
        self._primaries = primaries
        self._bus = bus
        self._activations = activations
        self._clock = clock
        self._controller = controller

    async def check(self, identity: Identity, plan: Plan) -> None:
        """Raises NotAuthorized unless the caller may invoke all that this runs."""
        if plan.components is not None:
            await self._primaries.check(identity, plan)

    def among(self) -> Among | None:
        """Answer where activations may go now; None while there is no invoker."""
        try:
            return self._balancer.among()
        except NoInvokers:
            return None

    def publish(
        self,
        identity: Identity,
        plan: Plan,
        arguments: bytes,
        *,
        blocking: bool,
        transid: str,
        activation_id: ActivationId | None = None,
        depth: int = 0,
        among: Among | None = None,
    ) -> PendingActivation:
        """Send the activation on its way, whatever kind of action it is of.

        A call, no await.  ``among`` stands where it may be published once more later.

        Raises:
            BusUnavailable, NoInvokers: nothing was sent.
        """
        if fault := self._bus.fault():
            raise BusUnavailable(f"The message bus is not reachable: {fault}")
        activation_id = activation_id or self._clock.fresh_id()
        if plan.is_composite:
            return self._primaries.publish(
                identity,
                plan,
                arguments,
                blocking=blocking,
                transid=transid,
                activation_id=activation_id,
                depth=depth,
                among=among,
            )
        message = activation_message(
            plan,
            Sender.of(identity, self._controller, transid),
            arguments,
            activation_id=activation_id,
            now_ms=self._clock.now_ms(),
            blocking=blocking,
            queue_ms=BLOCKING_QUEUE_MS if blocking else ASYNC_QUEUE_MS,
            depth=depth,
        )
        faults.point("C1")
        pending = self._balancer.publish(
            message,
            memory_mb=plan.memory_mb,
            timeout_ms=plan.timeout_ms,
            is_blackbox=plan.is_blackbox,
        )
        (metrics.accepted_blocking if blocking else metrics.accepted_async).inc()
        return pending

    async def confirm(self, pending: PendingActivation) -> ActivationId:
        """Wait until the bus has the message, so that its id may be told.

        Raises:
            BusUnavailable: with the id, since the bus may have the message.
        """
        activation_id = pending.message.activation_id
        try:
            await pending.posted
        except BusUnavailable:
            self._balancer.not_posted(activation_id)
            raise BusUnavailable(activation_id=activation_id) from None
        faults.point("C2")
        return activation_id

    async def wait(self, pending: PendingActivation, *, wait_ms: int) -> Answer:
        """Wait for the answer; Accepted when it takes longer, or nobody will tell.

        Raises:
            BusUnavailable: with the id.
        """
        activation_id = pending.message.activation_id
        pending.posted.add_done_callback(
            lambda posted: wake_on_failure(posted, pending.answer)
        )
        try:
            with metrics.waits.time():
                async with asyncio.timeout(min(wait_ms, BLOCKING_WAIT_MS_MAX) / 1000):
                    ack = await pending.answer
        except TimeoutError:
            ack = None
        except BusUnavailable:
            self._balancer.not_posted(activation_id)
            raise BusUnavailable(activation_id=activation_id) from None
        finally:
            self._balancer.stop_waiting(activation_id)
        faults.point("C4")
        if ack is None:
            return Accepted(await self._keep(pending))
        return _finished(ack) or await self._from_store(ack)

    async def _keep(self, pending: PendingActivation) -> ActivationId:
        """Make sure of the activation before its id is told in a 202.

        While a caller waits, the message need not survive us: no id was told.  From now
        on it has to.  An invoker drops the second message for an id in its hands.
        """
        activation_id = await self.confirm(pending)
        if isinstance(pending.message, Compose):
            return activation_id  # it was meant to from the start
        again = self._balancer.post_again(pending.message)
        if again is not None:
            await self.confirm(replace(pending, posted=again))
        return activation_id

    async def _from_store(self, ack: Ack) -> Answer:
        """The record was too big for the bus."""
        for pause_s in RECORD_POLLS_S:
            await asyncio.sleep(pause_s)
            try:
                found = await self._activations.get(ack.namespace, ack.activation_id)
            except (NoDocument, StoreUnavailable):
                continue
            return _finished_from(found)
        return Accepted(ack.activation_id)


def _finished(ack: Ack) -> Finished | None:
    if not ack.body:
        return None
    result = ack.body[slice(*ack.result)] if ack.result else None
    return Finished(ack.activation_id, Outcome(ack.outcome), ack.body, result)


def _finished_from(record: Activation) -> Finished:
    return Finished(
        record.activation_id,
        record.response.outcome,
        encode_activation(record),
        record.response.result,
    )
