"""Primary activations of sequences and compositions: accepted, walked, recorded.

A primary is a message on a topic that the controllers share; it is settled when its
record is stored.  Who accepted it walks at once and does not wait to read the message
back; it comes to somebody all the same.  To ourselves: it joins the walk.  To another
controller: it waits there until there is a record, and walks when none comes, because
then we may be dead.  Walking twice is harmless (``composite.py``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import replace

from chasen import faults, metrics
from chasen.bus import topics
from chasen.bus.feed import Delivery, MessageFeed
from chasen.entities import (
    Activation,
    ActivationId,
    ActivationResponse,
    Identity,
    Outcome,
    encode_activation,
)
from chasen.errors import NoDocument, Unavailable, WrongCollection
from chasen.messages import Ack, AckKind, Compose
from chasen.ports.bus import MessageBus
from chasen.ports.clock import Clock
from chasen.ports.stores import ActivationStore
from controller.invocation import steps
from controller.invocation.composite import Tour, Walker
from controller.invocation.plan import Plan
from controller.invocation.recorder import Recorder
from controller.invocation.resolve import Resolver
from controller.invocation.walks import facts_of, primary_record
from controller.ports import Among, LoadBalancer, PendingActivation

log = logging.getLogger("controller.primaries")

AT_ONCE = 1024  # each waits for its steps most of the time
HOLD_MS = 10_000  # a walk that takes longer is looked after by the message's reader
RETRY_S = 1.0
ENDED_KEPT = 20_000
ACK_BYTES_MAX = 1024 * 1024  # a bigger record is read from the store
_BEFORE_RESULT = b'"result":'


class Primaries:
    """Accepts primaries and sees to it that each ends with its record."""

    def __init__(
        self,
        *,
        bus: MessageBus,
        balancer: LoadBalancer,
        resolver: Resolver,
        activations: ActivationStore,
        clock: Clock,
        controller: str,
    ) -> None:
        self._bus = bus
        self._balancer = balancer
        self._resolver = resolver
        self._activations = activations
        self._clock = clock
        self._controller = controller
        self._recorder = Recorder(activations)
        self._walker = Walker(
            balancer=balancer,
            resolver=resolver,
            activations=activations,
            recorder=self._recorder,
            clock=clock,
            controller=controller,
        )
        self._in_hand: dict[ActivationId, list[Delivery]] = {}
        self._ended: OrderedDict[ActivationId, None] = OrderedDict()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Walk, read and store until cancelled."""
        feed = MessageFeed(
            self._bus,
            topics.SEQUENCES,
            topics.SEQUENCES,
            self._take,
            capacity=AT_ONCE,
            shared=True,
        )
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._recorder.run(), name="recorder")
            tasks.create_task(feed.run(), name="feed:sequences")

    # --- accepting ---

    async def check(self, identity: Identity, plan: Plan) -> None:
        """Raises NotAuthorized unless the caller may invoke every component, too.

        One that is missing is no reason to refuse: the record will tell.
        """
        for name in dict.fromkeys(plan.components or ()):
            try:
                await self._resolver.plan(name, identity)
            except (NoDocument, WrongCollection):
                continue

    def publish(
        self,
        identity: Identity,
        plan: Plan,
        payload: bytes,
        *,
        blocking: bool,
        transid: str,
        activation_id: ActivationId,
        depth: int = 0,
        among: Among | None = None,
    ) -> PendingActivation:
        """Send the primary on its way; a call, no await.

        Raises:
            NoInvokers: nothing was sent.
        """
        among = among or self._balancer.among()
        primary = Compose(
            **facts_of(plan),
            activation_id=activation_id,
            transid=transid,
            namespace=identity.namespace,
            namespace_uuid=identity.namespace_uuid,
            subject=identity.subject,
            controller=self._controller,
            blocking=blocking,
            accepted_ms=self._clock.now_ms(),
            invokers=list(among.invokers),
            full=list(among.full),
            result_max=identity.limits.payload_bytes,
            result_kept=identity.limits.truncation_bytes,
            unstored=not identity.limits.store_activations,
            depth=depth,
            body=payload or b"{}",
        )
        answer = self._balancer.expect(activation_id)
        posted = self._bus.post(topics.SEQUENCES, primary.encode())
        if activation_id not in self._in_hand and activation_id not in self._ended:
            self._in_hand[activation_id] = []
            if blocking:
                self._begin(primary, posted)
            else:
                posted.add_done_callback(lambda done: self._accepted(primary, done))
        (metrics.accepted_blocking if blocking else metrics.accepted_async).inc()
        return PendingActivation(primary, posted, answer)

    def _accepted(self, primary: Compose, posted: asyncio.Future[None]) -> None:
        if not posted.cancelled() and posted.exception() is None:
            self._begin(primary, posted)
            return
        # The bus may have it: then it comes by the topic, if not, it never was.
        for delivery in self._in_hand.pop(primary.activation_id):
            self._take(delivery)

    # --- the topic ---

    def _take(self, delivery: Delivery) -> None:
        primary = Compose.decode(delivery.received.body)
        identifier = primary.activation_id
        if identifier in self._ended:
            delivery.settle()
        elif identifier in self._in_hand:
            self._in_hand[identifier].append(delivery)
        else:
            self._in_hand[identifier] = [delivery]
            self._spawn(self._adopt(primary), primary)

    def _begin(self, primary: Compose, posted: asyncio.Future[None]) -> None:
        self._spawn(self._carry_out(primary, posted), primary)

    def _spawn(self, work, primary: Compose) -> None:
        assert self._tasks is not None, "run() has begun"
        self._tasks.create_task(work, name=f"walk:{primary.activation_id}")

    async def _adopt(self, primary: Compose) -> None:
        """From another controller, or from an earlier life of this one."""
        if primary.controller != self._controller:
            age_ms = self._clock.now_ms() - primary.accepted_ms
            await asyncio.sleep(max(0, HOLD_MS - age_ms) / 1000)
        if await self._has_record(primary):
            self._settle(primary.activation_id)
            return
        log.info("walking again", extra={"activation": primary.activation_id})
        await self._carry_out(primary, None)

    async def _has_record(self, primary: Compose) -> bool:
        wanted = [(primary.namespace, primary.activation_id)]
        while True:
            try:
                return bool(await self._activations.known(wanted))
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    # --- the end ---

    async def _carry_out(
        self, primary: Compose, posted: asyncio.Future[None] | None
    ) -> None:
        """Walk to the end, tell who waits, store the record, settle the message.

        ``posted`` is None for a message that came by the topic.  Who is told the end
        was told the id, so the message must be safe by then; it mostly is, for long.
        """
        again = posted is None
        start_ms = primary.accepted_ms if again else self._clock.now_ms()
        tour = Tour(primary=primary, again=again, start_ms=start_ms)
        try:
            record, _ = await self._walker.walk(tour)
        except Exception:
            log.exception("walk failed", extra={"activation": primary.activation_id})
            record = self._failed(primary, start_ms)
        if primary.blocking:
            if posted is not None:
                await asyncio.wait([posted])
            self._tell(primary, record)
        faults.point("C14")
        if tour.written:  # what is nested comes first: the primary's record is the end
            await asyncio.wait(tour.written)
        await self._recorder.put(record)
        faults.point("C15")
        self._settle(primary.activation_id)

    def _settle(self, identifier: ActivationId) -> None:
        self._ended[identifier] = None
        if len(self._ended) > ENDED_KEPT:
            self._ended.popitem(last=False)
        for delivery in self._in_hand.pop(identifier, ()):
            delivery.settle()
        self._balancer.stop_waiting(identifier)

    def _tell(self, primary: Compose, record: Activation) -> None:
        body = encode_activation(record)
        result = record.response.result
        start = body.index(_BEFORE_RESULT) + len(_BEFORE_RESULT) if result else 0
        outcome = record.response.outcome
        ack = Ack(
            kind=AckKind.RESULT,
            activation_id=primary.activation_id,
            invoker=-1,
            namespace=primary.namespace,
            outcome=outcome,
            is_system_error=outcome is Outcome.WHISK_ERROR,
            result=[start, start + len(result)] if result else None,
            body=body,
        )
        if primary.controller == self._controller:
            self._balancer.tell(ack)
            return
        if len(body) > ACK_BYTES_MAX:
            ack = replace(ack, result=None, body=b"")
        topic = topics.completed(primary.controller)
        self._bus.post(topic, ack.encode(), durable=False)

    def _failed(self, primary: Compose, start_ms: int) -> Activation:
        """A fault of ours is no reason to leave an activation without a record."""
        is_sequence = primary.components is not None
        text = steps.SEQUENCE_BROKE if is_sequence else steps.COMPOSITION_BROKE
        return primary_record(
            primary,
            steps.Walk(namespace=primary.namespace),
            ActivationResponse.error(Outcome.WHISK_ERROR, text),
            start_ms,
            self._clock.now_ms(),
        )
