"""Publishing: choose an invoker, write it down, send; and wake who waits.

The only writer of ledger, slots and health.  All its methods are calls, no awaits: what
is decided is written before anyone else can look.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence

from chasen import metrics
from chasen.bus import topics
from chasen.entities import Activation, ActivationId, ActivationResponse
from chasen.entities import Outcome as Result
from chasen.entities.activation import LOST
from chasen.entities.limits import MEMORY_MB_DEFAULT
from chasen.entities.parameters import Parameters
from chasen.errors import NoInvokers
from chasen.messages import Ack, AckKind, ActivationMessage, Ping, Stored
from chasen.ports.bus import MessageBus
from chasen.ports.clock import Clock
from controller.loadbalancer import sharding
from controller.loadbalancer.ledger import Entry, Ledger, Overdue, ack_timeout_s
from controller.loadbalancer.slots import Slots
from controller.loadbalancer.supervision import (
    OFFLINE_AFTER_S,
    Ended,
    Health,
    Looked,
    Outcome,
    Pinged,
    State,
    step,
)
from controller.ports import Among, PendingActivation

log = logging.getLogger("controller.loadbalancer")


class Balancer:
    """Adapter of ``controller.ports.LoadBalancer`` on a message bus."""

    def __init__(self, bus: MessageBus, clock: Clock, *, controllers: int) -> None:
        self._bus = bus
        self._clock = clock
        self._ledger = Ledger()
        self._slots = Slots(controllers)
        self._health: dict[int, Health] = {}
        self._answers: dict[ActivationId, asyncio.Future[Ack | None]] = {}
        self._invokers: list[int] = []

    # --- what requests use ------------------------------------------------------

    def publish(
        self,
        message: ActivationMessage,
        *,
        memory_mb: int,
        timeout_ms: int,
        is_blackbox: bool,
        among: Among | None = None,
    ) -> PendingActivation:
        if among is None:
            invoker = self._choose(message, memory_mb, is_blackbox)
        else:
            invoker = self._derive(message, memory_mb, is_blackbox, among)
        now_s = self._clock.monotonic_s()
        queue_s = (message.start_before_ms - message.accepted_ms) / 1000
        self._ledger.opened(
            Entry(
                activation_id=message.activation_id,
                namespace=message.namespace,
                namespace_uuid=message.namespace_uuid,
                subject=message.subject,
                action=message.action,
                version=message.version,
                invoker=invoker,
                memory_mb=memory_mb,
                accepted_ms=message.accepted_ms,
                unstored=message.unstored,
                again=message.again,
                deadline_s=now_s + ack_timeout_s(timeout_ms / 1000, queue_s),
            )
        )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Ack | None] = loop.create_future()
        if message.blocking:
            self._answers[message.activation_id] = answer
        posted = self._bus.post(
            topics.invoker(invoker),
            message.encode(),
            headers=message.headers(),
            durable=not message.blocking,
        )
        return PendingActivation(message, posted, answer)

    def among(self) -> Among:
        usable = [each for each in self._invokers if self._is_usable(each)]
        if not usable:
            raise NoInvokers
        full = [
            each for each in usable if self._slots.free_mb(each) < MEMORY_MB_DEFAULT
        ]
        return Among(usable, full)

    def expect(self, activation_id: ActivationId) -> asyncio.Future[Ack | None]:
        answer: asyncio.Future[Ack | None] = asyncio.get_running_loop().create_future()
        self._answers[activation_id] = answer
        return answer

    def tell(self, ack: Ack) -> None:
        self._answer(ack.activation_id, ack)

    def stop_waiting(self, activation_id: ActivationId) -> None:
        """The caller went away or was answered; the activation goes on."""
        self._answers.pop(activation_id, None)

    def not_posted(self, activation_id: ActivationId) -> None:
        """The bus did not confirm the message; it may have it all the same."""
        entry = self._ledger.doubtful(activation_id, now_s=self._clock.monotonic_s())
        if entry is not None:
            self._slots.release(entry.invoker, entry.memory_mb)
        self._answer(activation_id, None)

    def post_again(self, message: ActivationMessage) -> asyncio.Future[None] | None:
        entry = self._ledger.find(message.activation_id)
        if entry is None or self._bus.keeps_everything:
            return None
        return self._bus.post(
            topics.invoker(entry.invoker), message.encode(), headers=message.headers()
        )

    def in_flight(self, namespace_uuid: str) -> int:
        return self._ledger.in_flight(namespace_uuid)

    def invoker_states(self) -> Mapping[int, str]:
        return {number: self._health[number].state for number in self._invokers}

    def active(self) -> int:
        """Answer how many activations are open here."""
        return len(self._ledger)

    def _choose(
        self, message: ActivationMessage, memory_mb: int, is_blackbox: bool
    ) -> int:
        pool: Sequence[int] = self._invokers
        pool = (sharding.blackbox if is_blackbox else sharding.managed)(pool)
        order = sharding.search_order(
            sharding.home_hash(message.namespace, message.action), pool
        )
        found = sharding.first_with_room(
            order,
            is_usable=self._is_usable,
            acquire=lambda invoker: self._slots.acquire(invoker, memory_mb),
        )
        return self._overload(order, memory_mb) if found is None else found

    def _derive(
        self,
        message: ActivationMessage,
        memory_mb: int,
        is_blackbox: bool,
        among: Among,
    ) -> int:
        """Whoever sends this message, now or after a crash, sends it there."""
        pool = (sharding.blackbox if is_blackbox else sharding.managed)(among.invokers)
        hashed = sharding.home_hash(message.namespace, message.action)
        invoker = sharding.derived(sharding.search_order(hashed, pool), among.full)
        if not self._slots.force(invoker, memory_mb):
            raise NoInvokers("System is overloaded, try again later.")
        return invoker

    def _overload(self, order: Sequence[int], memory_mb: int) -> int:
        healthy = [invoker for invoker in order if self._is_usable(invoker)]
        if not healthy:
            raise NoInvokers
        # Random, so that one action's queue does not pile up on its home.
        invoker = random.choice(healthy)  # noqa: S311
        if not self._slots.force(invoker, memory_mb):
            raise NoInvokers("System is overloaded, try again later.")
        metrics.overloads.inc()
        return invoker

    def _is_usable(self, invoker: int) -> bool:
        return self._health[invoker].is_usable

    # --- what the topics tell -----------------------------------------------------

    def on_ack(self, ack: Ack) -> None:
        """A result, a completion, or both."""
        if ack.kind != AckKind.COMPLETION:
            self._answer(ack.activation_id, ack)
        if ack.kind == AckKind.RESULT:
            return
        now_s = self._clock.monotonic_s()
        entry = self._ledger.completed(ack.activation_id, now_s=now_s, record=ack.body)
        if entry is None:
            metrics.completed_late.inc()
            return
        metrics.completed_regular.inc()
        self._slots.release(entry.invoker, entry.memory_mb)
        if not entry.again:
            self._ended(
                entry.invoker,
                Outcome.SYSTEM_ERROR if ack.is_system_error else Outcome.SUCCESS,
            )
        self._answer(ack.activation_id, None)

    def on_stored(self, stored: Stored) -> None:
        for activation_id in stored.ids:
            self._ledger.stored(activation_id)

    def on_ping(self, ping: Ping) -> None:
        number = ping.invoker
        age_ms = self._clock.now_ms() - ping.sent_ms
        if ping.sent_ms and age_ms > OFFLINE_AFTER_S * 1000:
            return  # read late, from a time when it may still have lived
        if number not in self._health:
            self._health[number] = Health()
            self._invokers = sorted(self._health)
        self._slots.set_capacity(number, ping.user_memory_mb)
        self._move(
            number,
            Pinged(
                self._clock.monotonic_s(), ping.is_enabled, ping.fault, ping.incarnation
            ),
        )

    # --- what time brings -----------------------------------------------------------

    def look(self) -> list[Overdue]:
        """Once a second: silence, deadlines, and records that nobody named."""
        now_s = self._clock.monotonic_s()
        for number in self._invokers:
            self._move(number, Looked(now_s))
        for entry in self._ledger.forced(now_s):
            metrics.completed_forced.inc()
            self._slots.release(entry.invoker, entry.memory_mb)
            self._ended(entry.invoker, Outcome.TIMEOUT)
            self._answer(entry.activation_id, None)
        metrics.in_flight.set(len(self._ledger))
        return self._ledger.overdue(now_s)

    def settled(self, activation_id: ActivationId) -> None:
        """Its record exists: we looked, or wrote it."""
        self._ledger.stored(activation_id)

    def _answer(self, activation_id: ActivationId, ack: Ack | None) -> None:
        answer = self._answers.pop(activation_id, None)
        if answer is not None and not answer.done():
            answer.set_result(ack)

    def _ended(self, invoker: int, outcome: Outcome) -> None:
        self._move(invoker, Ended(self._clock.monotonic_s(), outcome))

    def _move(self, number: int, event: Pinged | Ended | Looked) -> None:
        before = self._health[number]
        after = self._health[number] = step(before, event)
        if after.state is before.state:
            return
        log.info(
            "invoker changed its state",
            extra={
                "invoker": number,
                "from": before.state.name,
                "to": after.state.name,
                "fault": after.fault,
            },
        )
        for state in State:
            among = sum(each.state is state for each in self._health.values())
            metrics.invoker_states.labels(state.value).set(among)
        if after.state is State.OFFLINE:
            self._abandon(number)

    def _abandon(self, number: int) -> None:
        now_s = self._clock.monotonic_s()
        for entry in self._ledger.abandoned(number, now_s=now_s):
            self._slots.release(entry.invoker, entry.memory_mb)
            self._answer(entry.activation_id, None)


def placeholder(entry: Entry, now_ms: int) -> Activation:
    """Answer the record for an activation whose outcome nobody knows."""
    return Activation(
        activation_id=entry.activation_id,
        namespace=entry.namespace,
        name=entry.action.rpartition("/")[2],
        version=entry.version,
        subject=entry.subject,
        start_ms=entry.accepted_ms,
        end_ms=now_ms,
        duration_ms=0,
        response=ActivationResponse.error(Result.WHISK_ERROR, LOST),
        annotations=Parameters.of({"path": entry.action, "kind": "unknown"}),
        placeholder=True,
        unstored=entry.unstored,
    )
