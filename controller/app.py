"""The controller as a whole: wiring, its tasks, its two ports.  No decisions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from chasen.bus import topics
from chasen.bus.feed import Delivery, MessageFeed
from chasen.entities import RuntimesManifest
from chasen.errors import BusUnavailable, StoreUnavailable
from chasen.messages import Fire
from chasen.ports.bus import MessageBus
from chasen.ports.clock import Clock
from chasen.ports.stores import Stores
from chasen.seal import open_seal, operator_token
from chasen.settings import Settings
from controller.administration.announce import announcer
from controller.administration.desk import Desk
from controller.api.hot import hot_protocol
from controller.api.operator import operator_app
from controller.api.public import public_app
from controller.loadbalancer.balancer import Balancer
from controller.loadbalancer.rescue import rescue
from controller.loadbalancer.topics import (
    completed_feed,
    health_feed,
    invalidation_feed,
)
from controller.services import Services, make_services
from controller.webactions.address import Hosts

log = logging.getLogger("controller")

FIRE_PARTITIONS = 8  # so that several controllers share the fires
FIRES_AT_ONCE = 64
KEEP_ALIVE_S = 75  # longer than the gateway's, so that it closes first
DRAIN_S = 35
LOOK_EVERY_S = 1.0
EXPIRE_EVERY_S = 3600.0
DAY_MS = 86_400_000
SHORT_LIVED_MS = 3_600_000  # pings and invalidations are of no use later


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: the program as a whole has one."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class Controller:
    """One controller; open it with ``open_controller``."""

    services: Services
    balancer: Balancer
    store_fault: str | None = "the store was not looked at yet"
    topics_ready: bool = False

    def not_ready(self) -> str | None:
        """Answer what keeps it from serving, None when nothing does."""
        if fault := self.services.bus.fault():
            return f"message bus: {fault}"
        if not self.topics_ready:
            return "message bus: topics are not there yet"
        if self.store_fault:
            return f"store: {self.store_fault}"
        if "up" not in self.balancer.invoker_states().values():
            return "no invoker is healthy"
        return None


@asynccontextmanager
async def open_controller(
    settings: Settings,
    *,
    stores: Stores,
    bus: MessageBus,
    clock: Clock,
    manifest: RuntimesManifest,
) -> AsyncIterator[Controller]:
    """Start a controller's tasks and ports; both end with the block.

    Requests in hand are finished first, up to DRAIN_S.
    """
    balancer = Balancer(bus, clock, controllers=settings.controllers)
    services = make_services(
        name=settings.controller_id,
        controllers=settings.controllers,
        stores=stores,
        bus=bus,
        clock=clock,
        manifest=manifest,
        balancer=balancer,
        seal=open_seal(settings.key_file),
        hosts=Hosts.of(settings.public_api_host, settings.web_host),
    )
    controller = Controller(services, balancer)
    async with asyncio.TaskGroup() as tasks:
        jobs = [
            tasks.create_task(job, name=name)
            for name, job in _jobs(settings, controller, tasks).items()
        ]
        servers = [_public(settings, services), _operator(settings, controller)]
        serving = [tasks.create_task(server.serve()) for server in servers]
        while not all(server.started for server in servers):
            if any(task.done() for task in serving):
                raise SystemExit(1)  # uvicorn has said why
            await asyncio.sleep(0.01)
        try:
            yield controller
        finally:
            for server in servers:
                server.should_exit = True
            await asyncio.wait(serving, timeout=DRAIN_S)
            for task in (*jobs, *serving):
                task.cancel()


def _public(settings: Settings, services: Services) -> Server:
    host, port = settings.listen
    return Server(
        uvicorn.Config(
            public_app(services),
            host=host,
            port=port,
            http=hot_protocol(services),  # pyright: ignore[reportArgumentType]
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )


def _operator(settings: Settings, controller: Controller) -> Server:
    host, port = settings.operator_listen
    services = controller.services
    announce = announcer(services.bus, services.name, services.identities)
    desk = Desk(services.stores, open_seal(settings.key_file), announce)
    token = operator_token(settings.key_file)
    return Server(
        uvicorn.Config(
            operator_app(services, controller.not_ready, desk, token),
            host=host,
            port=port,
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
    )


def _jobs(
    settings: Settings, controller: Controller, tasks: asyncio.TaskGroup
) -> dict[str, Coroutine[Any, Any, None]]:
    services, balancer = controller.services, controller.balancer
    name, bus = services.name, services.bus
    return {
        "topics": _make_topics(controller),
        "completed": completed_feed(bus, name, balancer).run(),
        "health": health_feed(bus, name, balancer).run(),
        "invalidation": invalidation_feed(
            bus,
            name,
            forget=services.resolver.forget,
            forget_namespaces=services.identities.forget,
        ).run(),
        "fires": _fires_feed(services, tasks).run(),
        "sequences": services.primaries.run(),
        "rescue": _each(
            LOOK_EVERY_S,
            lambda: rescue(balancer, services.stores.activations, services.clock),
        ),
        "store": _each(LOOK_EVERY_S, lambda: _look_at_store(controller)),
        "retention": _each(
            EXPIRE_EVERY_S, lambda: _expire(services, settings.activation_retention)
        ),
    }


async def _make_topics(controller: Controller) -> None:
    """Tolerates any start order: the bus may come later."""
    bus, name = controller.services.bus, controller.services.name
    while True:
        try:
            await bus.ensure_topic(topics.completed(name))
            await bus.ensure_topic(topics.HEALTH, retention_ms=SHORT_LIVED_MS)
            await bus.ensure_topic(
                topics.CACHE_INVALIDATION, retention_ms=SHORT_LIVED_MS
            )
            await bus.ensure_topic(topics.FIRES, partitions=FIRE_PARTITIONS)
            await bus.ensure_topic(topics.SEQUENCES, partitions=FIRE_PARTITIONS)
        except BusUnavailable:
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        controller.topics_ready = True
        return


def _fires_feed(services: Services, tasks: asyncio.TaskGroup) -> MessageFeed:
    async def carry_out(delivery: Delivery, fire: Fire) -> None:
        try:
            await services.fires.carry_out(fire)
        except Exception:
            log.exception("fire failed", extra={"fire": fire.activation_id})
        delivery.settle()

    def handle(delivery: Delivery) -> None:
        fire = Fire.decode(delivery.received.body)
        tasks.create_task(carry_out(delivery, fire), name=f"fire:{fire.activation_id}")

    return MessageFeed(
        services.bus,
        topics.FIRES,
        topics.FIRES,
        handle,
        capacity=FIRES_AT_ONCE,
        shared=True,
    )


async def _each(period_s: float, job: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await job()
        except Exception:
            log.exception("a regular job failed")
        await asyncio.sleep(period_s)


async def _look_at_store(controller: Controller) -> None:
    try:
        await controller.services.stores.auth.limits("_")
        controller.store_fault = None
    except StoreUnavailable as error:
        controller.store_fault = str(error)


async def _expire(services: Services, days: float) -> None:
    if days <= 0:
        return
    before_ms = services.clock.now_ms() - int(days * DAY_MS)
    try:
        removed = await services.stores.activations.expire(before_ms)
    except StoreUnavailable:
        return
    if removed:
        log.info("old activation records removed", extra={"removed": removed})
