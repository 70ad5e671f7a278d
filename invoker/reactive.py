"""From a message to a job for the pool, or to a record that says why not.

What is known of an action is used at once; only what has to be fetched makes a task.
Source: InvokerReactive.processActivationMessage.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from chasen import faults
from chasen.bus.feed import Delivery
from chasen.entities import ActivationId, Outcome
from chasen.entities import activation_id as valid_id
from chasen.errors import (
    BadInput,
    ChasenError,
    NoDocument,
    StoreUnavailable,
    WrongCollection,
)
from chasen.messages import FORWARDED, ActivationMessage, UndecodableMessage
from chasen.ports.bus import Received
from chasen.ports.clock import Clock
from chasen.ports.stores import ActivationStore
from chasen.seal import SealBroken
from invoker import activation
from invoker.actions import ActionCache, Keyring
from invoker.job import Job, Plan
from invoker.records import RecordWriter
from invoker.settlement import Settlement

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_S = 0.25
SKEW_MS = 2_000  # a controller's clock may be ahead of ours by so much
UNDECODABLE = "The message of this activation could not be read."


@dataclass(frozen=True, slots=True)
class Library:
    """What messages refer to."""

    actions: ActionCache
    keys: Keyring
    records: ActivationStore


class Reactive:
    """Takes deliveries; hands jobs to ``run``.

    ``started_ms`` is the beginning of this life: what was accepted before it may have
    been settled by an earlier life, so the store is asked.
    """

    def __init__(
        self,
        library: Library,
        settlement: Settlement,
        writer: RecordWriter,
        clock: Clock,
        run: Callable[[Job], None],
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        self._library = library
        self._settlement = settlement
        self._writer = writer
        self._clock = clock
        self._run = run
        self._spawn = spawn
        self._started_ms = clock.now_ms()
        self._held: deque[Delivery] = deque()
        self._fetching: dict[str, asyncio.Future[Plan]] = {}
        self._closed = False

    def take(self, delivery: Delivery) -> None:
        """Handle one message; held back while too many records wait for the store."""
        if self._closed:
            return  # it comes again, to the next life
        if self._held or self._writer.is_full:
            self._held.append(delivery)
        else:
            self._take(delivery)

    def take_held(self) -> None:
        """Go on after records were stored."""
        while self._held and not self._writer.is_full and not self._closed:
            self._take(self._held.popleft())

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True
        self._held.clear()

    def _take(self, delivery: Delivery) -> None:
        received = delivery.received
        faults.point("I1")
        try:
            message = ActivationMessage.decode(received.body)
            valid_id(message.activation_id)
        except (UndecodableMessage, BadInput, TypeError):
            self._poison(delivery)
            return
        if not self._settlement.take(message.activation_id, delivery.settle):
            return
        try:
            self._sort(message, received)
        except Exception:
            self._broke(message)

    def _broke(self, message: ActivationMessage) -> None:
        """A fault of ours is no reason to leave an activation without a record."""
        log.exception(
            "activation cannot be begun", extra={"activation": message.activation_id}
        )
        outcome, text = Outcome.WHISK_ERROR, activation.ABNORMAL
        self._settlement.refuse(message, outcome, text)

    def _sort(self, message: ActivationMessage, received: Received) -> None:
        """What is known runs at once, the rest has to be looked up."""
        head = received.body.partition(b"\n")[0]
        plan = self._library.actions.known(message.action, message.revision)
        # What another life, or another invoker, had in hand may have its record.
        doubtful = (
            message.accepted_ms < self._started_ms + SKEW_MS
            or FORWARDED in received.headers
        )
        if plan is None or plan.wants_key or doubtful:
            work = self._prepare(message, head, plan, doubtful)
            self._spawn(work, f"prepare:{message.activation_id}")
        else:
            self._start(message, head, plan, None)

    def _start(
        self, message: ActivationMessage, head: bytes, plan: Plan, key: str | None
    ) -> None:
        if message.start_before_ms < self._clock.now_ms():
            text = activation.expired(message)
            self._settlement.refuse(message, Outcome.WHISK_ERROR, text)
            return
        try:
            unlocked = self._library.keys.unlock(message)
        except SealBroken:
            text = activation.LOCKED
            self._settlement.refuse(message, Outcome.WHISK_ERROR, text)
            return
        self._run(Job.of(message, head, plan, key, unlocked))

    async def _prepare(
        self,
        message: ActivationMessage,
        head: bytes,
        plan: Plan | None,
        doubtful: bool,
    ) -> None:
        """Everything that has to be looked up; ends in a job or a record."""
        try:
            if doubtful and await self._has_record(message):
                self._settlement.settle([message.activation_id])
                return
            if plan is None:
                look_up = partial(self._plan, message.action)
                plan = await self._patiently(message, look_up)
            key = None
            if plan.wants_key:
                owner = (message.subject, message.namespace_uuid)
                look_up = partial(self._library.keys.key_of, *owner)
                key = await self._patiently(message, look_up)
        except (NoDocument, WrongCollection):
            outcome, text = Outcome.APPLICATION_ERROR, activation.GONE
            self._settlement.refuse(message, outcome, text)
        except ChasenError as error:
            log.warning(
                "action cannot be fetched",
                extra={"action": message.action, "why": str(error)},
            )
            outcome, text = Outcome.WHISK_ERROR, activation.UNREADABLE
            self._settlement.refuse(message, outcome, text)
        except Exception:
            self._broke(message)
        else:
            if self._closed:
                self._settlement.release(message.activation_id)
            else:
                self._start(message, head, plan, key)

    async def _has_record(self, message: ActivationMessage) -> bool:
        """Answer whether an earlier life, or somebody for it, settled this already.

        Without the store nobody knows, and running twice is worse than waiting.
        """
        wanted = [(message.namespace, message.activation_id)]
        while True:
            try:
                return bool(await self._library.records.known(wanted))
            except StoreUnavailable:
                await asyncio.sleep(RETRY_S)

    async def _patiently(
        self, message: ActivationMessage, look_up: Callable[[], Awaitable[T]]
    ) -> T:
        """Look up until the store answers, or the activation waited too long."""
        while True:
            try:
                return await look_up()
            except StoreUnavailable:
                if self._clock.now_ms() > message.start_before_ms:
                    raise
                await asyncio.sleep(RETRY_S)

    async def _plan(self, fqn: str) -> Plan:
        """Those who want the same action wait for one look into the store."""
        fetching = self._fetching.get(fqn)
        if fetching is None:
            fetching = asyncio.ensure_future(self._library.actions.fetch(fqn))
            self._fetching[fqn] = fetching
            fetching.add_done_callback(lambda _: self._fetching.pop(fqn, None))
        return await asyncio.shield(fetching)

    def _poison(self, delivery: Delivery) -> None:
        """Undecodable; its headers may still tell whose it was."""
        message = message_of_headers(delivery.received, self._clock.now_ms())
        log.error(
            "message cannot be decoded",
            extra={
                "partition": delivery.received.partition,
                "offset": delivery.received.offset,
                "activation": message.activation_id if message else None,
            },
        )
        if message is None:
            delivery.settle()
        elif self._settlement.take(message.activation_id, delivery.settle):
            outcome, text = Outcome.WHISK_ERROR, UNDECODABLE
            self._settlement.refuse(message, outcome, text)


def message_of_headers(received: Received, now_ms: int) -> ActivationMessage | None:
    """Answer as much of the message as its headers tell; None without a usable id."""

    def text(name: str) -> str:
        return received.headers.get(name, b"").decode("utf-8", "replace")

    try:
        identifier: ActivationId = valid_id(text("id"))
    except BadInput:
        return None
    if not text("ns"):
        return None
    return ActivationMessage(
        activation_id=identifier,
        transid="",
        action=text("action") or "unknown",
        version="0.0.1",
        revision="",
        namespace=text("ns"),
        namespace_uuid="",
        subject=text("subject"),
        controller=text("controller"),
        blocking=True,
        accepted_ms=now_ms,
        start_before_ms=now_ms,
    )
