"""The invoker: its parts, wired, in one TaskGroup; starting, draining, ending.

``run_invoker`` opens containers and runs until told to stop; store and bus come from
outside, so that the embedded house shares them with the controller.
Source: Invoker.scala, InvokerReactive.scala.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from chasen.bus import topics
from chasen.bus.feed import Delivery, MessageFeed
from chasen.entities import RuntimesManifest
from chasen.errors import BadInput, BusUnavailable
from chasen.messages import Invalidation
from chasen.ports.bus import MessageBus
from chasen.ports.clock import Clock
from chasen.ports.stores import Stores
from chasen.seal import Seal, open_seal
from chasen.settings import Settings
from invoker.acks import Acks
from invoker.actions import ActionCache, Keyring
from invoker.adoption import Adoption
from invoker.codes import CodeCache
from invoker.containers.open import open_containers
from invoker.journal import Journal
from invoker.ping import Pings
from invoker.pool.execute import Executor
from invoker.pool.pool import ContainerPool
from invoker.pool.prewarm import StemCells
from invoker.ports import ContainerFactory, ContainerSpec
from invoker.reactive import Library, Reactive
from invoker.records import QUEUE_RECORDS_MAX, Entry, RecordWriter
from invoker.settlement import Settlement

log = logging.getLogger(__name__)

DRAIN_LIMIT_S = 35.0
CLOSE_LIMIT_S = 15.0
STORE_LIMIT_S = 10.0
SHORT_LIVED_MS = 3_600_000  # pings and invalidations are of no use later
TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class InvokerStatus:
    """What an operator may want to know."""

    invoker: int
    incarnation: str
    fault: str | None
    containers: dict[str, int]
    memory_mb: int
    booked_mb: int
    waiting: int
    in_hand: int
    records_waiting: int
    journal_segments: int
    adopted: tuple[int, ...]


class Invoker:
    """One life of one invoker.  ``run`` once; ``stop`` ends it in good order."""

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        bus: MessageBus,
        containers: ContainerFactory,
        clock: Clock,
        *,
        invoker_id: int,
        incarnation: str,
        manifest: RuntimesManifest,
        seal: Seal | None = None,
    ) -> None:
        self._bus = bus
        self._containers = containers
        self._clock = clock
        self._invoker_id = invoker_id
        self._incarnation = incarnation
        self._memory_mb = settings.user_memory_mb
        self._stopping = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._spawned: set[asyncio.Task[None]] = set()
        environment = {"__OW_API_HOST": settings.public_api_host}
        self._records = RecordWriter(stores.activations, self._stored)
        path = settings.state_dir / f"invoker{invoker_id}.journal"
        self._journal = Journal(path, clock, durable=settings.durable)
        self._acks = Acks(bus, invoker_id)
        self._settlement = Settlement(self._journal, self._acks, clock, self._records)
        executor = Executor(
            self._settlement, self._journal, CodeCache(stores.code), clock
        )
        grace_s = settings.pause_grace_s
        self._pool = ContainerPool(
            containers,
            executor,
            self._settlement,
            clock,
            self._spawn,
            memory_mb=self._memory_mb,
            grace_s=containers.pause_grace_s if grace_s is None else grace_s,
            idle_s=settings.idle_timeout_s,
            starts=os.cpu_count() or 1,
            stem_cells=stem_cells(manifest, settings.stem_cells, environment),
        )
        self._reactive = Reactive(
            Library(
                ActionCache(stores.entities, manifest, environment),
                Keyring(stores.auth, seal, clock),
                stores.activations,
            ),
            self._settlement,
            self._records,
            clock,
            self._pool.run,
            self._spawn,
        )
        self._pings = Pings(
            bus,
            containers,
            invoker_id=invoker_id,
            incarnation=incarnation,
            memory_mb=self._memory_mb,
            state_dir=settings.state_dir,
            fault=lambda: self._journal.fault,
        )
        self._adoption = Adoption(
            bus,
            self._settlement,
            self._reactive.take,
            clock,
            invoker_id=invoker_id,
        )

    def status(self) -> InvokerStatus:
        states = self._pool.states()
        return InvokerStatus(
            invoker=self._invoker_id,
            incarnation=self._incarnation,
            fault=self._pings.fault,
            containers={state.value: count for state, count in states.items()},
            memory_mb=self._memory_mb,
            booked_mb=self._pool.booked_mb,
            waiting=self._pool.waiting,
            in_hand=self._settlement.in_hand,
            records_waiting=self._records.waiting,
            journal_segments=self._journal.segments,
            adopted=tuple(sorted(self._adoption.adopted)),
        )

    def stop(self) -> None:
        """End in good order; ``run`` returns when that is done."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until ``stop``, or until cancelled; drain either way."""
        past = self._journal.open()
        self._pings.send()  # whoever adopted our topic lets go of it
        try:
            removed = await self._containers.cleanup()
            if removed:
                log.info("left-over containers removed", extra={"count": removed})
            await self._make_topics()
            topic = topics.invoker(self._invoker_id)
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._settlement.replay(past)
                writing = tasks.create_task(self._records.run(), name="records")
                feed = MessageFeed(
                    self._bus,
                    topic,
                    topic,
                    self._reactive.take,
                    capacity=QUEUE_RECORDS_MAX,
                )
                services = [
                    tasks.create_task(work, name=name)
                    for name, work in (
                        (f"feed:{topic}", feed.run()),
                        ("ticks", self._tick()),
                        ("pings", self._pings.run()),
                        ("self-tests", self._pings.run_self_tests()),
                        ("adoption", self._adoption.run()),
                        ("invalidation", self._invalidations().run()),
                    )
                ]
                try:
                    await self._stopping.wait()
                finally:
                    if not any(map(_has_died, (writing, *services))):
                        await self._drain(services, writing)
        finally:
            self._journal.close()

    async def _drain(
        self, services: list[asyncio.Task[None]], writing: asyncio.Task[None]
    ) -> None:
        """No new work at once; what runs may finish; then everything is put away.

        The feed ends last, because it commits what is settled until then.
        """
        feed, _, pings, self_tests, adoption, _ = services
        self._pings.is_enabled = False
        self._pings.send()
        self._reactive.close()
        for job in self._pool.give_back():
            self._settlement.release(job.message.activation_id)
        for service in (self_tests, adoption):
            service.cancel()
        try:
            clean = (
                await _within(DRAIN_LIMIT_S, self._pool.idle(), "activations still run")
                and await _within(
                    STORE_LIMIT_S, self._records.flushed(), "records wait"
                )
                and not self._settlement.in_hand
            )
            feed.cancel()
            await asyncio.wait([feed])
            await _within(CLOSE_LIMIT_S, self._pool.close(), "containers stay")
            if clean:
                self._pings.stopped()
        finally:
            for task in (pings, writing, *services, *self._spawned):
                task.cancel()

    async def _make_topics(self) -> None:
        """Tolerates any start order: the bus may come later."""
        while not self._stopping.is_set():
            try:
                await self._bus.ensure_topic(topics.invoker(self._invoker_id))
                for topic in (topics.HEALTH, topics.CACHE_INVALIDATION):
                    await self._bus.ensure_topic(topic, retention_ms=SHORT_LIVED_MS)
            except BusUnavailable as error:
                log.warning("waiting for the bus", extra={"why": str(error)})
                await asyncio.sleep(TICK_S)
            else:
                return

    def _invalidations(self) -> MessageFeed:
        """Warm containers of what was changed or deleted have no future."""

        def handle(delivery: Delivery) -> None:
            delivery.settle()
            for name in Invalidation.decode(delivery.received.body).names:
                self._pool.forget_action(name)

        topic = topics.CACHE_INVALIDATION
        group = f"{topic}-invoker{self._invoker_id}"
        return MessageFeed(self._bus, topic, group, handle, capacity=128)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._pool.tick()
                self._acks.send_again()
                self._journal.sweep()
                self._reactive.take_held()
            except Exception:
                log.exception("housekeeping broke")

    def _stored(self, batch: Sequence[Entry]) -> None:
        self._settlement.stored(batch)
        self._reactive.take_held()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        assert self._tasks is not None
        task = self._tasks.create_task(_guarded(work, name), name=name)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)


def _has_died(service: asyncio.Task[None]) -> bool:
    """Answer whether the group ends because of this one: then nothing can be begun."""
    return (
        service.done() and not service.cancelled() and service.exception() is not None
    )


async def _guarded(work: Coroutine[Any, Any, None], name: str) -> None:
    """A fault in the work for one activation or container must not end the others."""
    try:
        await work
    except Exception:
        log.exception("task broke", extra={"task": name})


async def _within(limit_s: float, work: Coroutine[Any, Any, None], what: str) -> bool:
    """Drain politely, but not for ever; answer whether it was enough."""
    try:
        async with asyncio.timeout(limit_s):
            await work
    except TimeoutError:
        log.warning("the end comes first", extra={"what": what, "limit_s": limit_s})
        return False
    return True


def stem_cells(
    manifest: RuntimesManifest, wanted: str, environment: dict[str, str]
) -> list[StemCells]:
    """Answer the stem cells of the manifest; ``wanted`` overrides the counts.

    ``wanted`` is "2" for every kind that has some, or "python:3.11=2,nodejs:20=1".
    """
    counts = _counts(wanted)
    cells = []
    for runtime in manifest.runtimes.values():
        for cell in runtime.stem_cells:
            count = counts.get(runtime.kind, counts.get("", cell.count))
            spec = ContainerSpec(
                kind=runtime.kind,
                image=runtime.image,
                memory_mb=cell.memory_mb,
                environment=environment,
            )
            cells.append(StemCells(spec, count))
    return cells


def _counts(wanted: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    try:
        for part in filter(None, wanted.replace(" ", "").split(",")):
            kind, _, count = part.rpartition("=")
            counts[kind] = int(count)
    except ValueError:
        raise BadInput(
            f"CHASEN_STEM_CELLS={wanted!r} is not like 2 or python:3.11=2,nodejs:20=1."
        ) from None
    return counts


def fresh_incarnation() -> str:
    """Answer the name of one life of a process."""
    return secrets.token_hex(8)


async def run_invoker(
    settings: Settings,
    *,
    stores: Stores,
    bus: MessageBus,
    clock: Clock,
    manifest: RuntimesManifest,
    stop: asyncio.Event,
) -> None:
    """Run one invoker with these ports until ``stop`` is set, and drain it."""
    incarnation = fresh_incarnation()
    seal = open_seal(settings.key_file)
    async with open_containers(settings, incarnation=incarnation) as containers:
        for sentence in containers.isolation():
            log.info(sentence)
        invoker = Invoker(
            settings,
            stores,
            bus,
            containers,
            clock,
            invoker_id=settings.invoker_id,
            incarnation=incarnation,
            manifest=manifest,
            seal=seal,
        )
        running = asyncio.ensure_future(invoker.run())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            invoker.stop()
            await running
