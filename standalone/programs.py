"""The programs that run until a signal ends them: up, controller, invoker, reaper."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from chasen import faults, log
from chasen.bus.open import open_bus
from chasen.clock import SystemClock
from chasen.entities import RuntimesManifest
from chasen.ports.bus import MessageBus
from chasen.ports.stores import Stores
from chasen.settings import Settings
from chasen.stores.open import open_stores

logger = logging.getLogger("chasen")

Stop = asyncio.Event


def run(command: str, settings: Settings) -> int:
    """Run the program; 0 after a signal, 1 when it could not go on."""
    log.set_up(form=settings.log_format, level=settings.log_level)
    faults.arm(settings.faults)
    program = _PROGRAMS[command]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_signal(program, settings))
    return 0


async def _until_signal(
    program: Callable[[Settings, Stop], Coroutine[Any, Any, None]], settings: Settings
) -> None:
    """Set ``stop`` at SIGTERM and Ctrl-C; a second Ctrl-C ends at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(program(settings, stop))

    def ask() -> None:
        if stop.is_set():
            running.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
    try:
        await running
    except asyncio.CancelledError:
        if not stop.is_set():
            raise


@asynccontextmanager
async def open_ports(settings: Settings) -> AsyncIterator[tuple[Stores, MessageBus]]:
    """Open store and bus at their addresses."""
    store_url, bus_url = settings.store_url, settings.bus_url
    if settings.durable:
        store_url += "?durable=1" if store_url.startswith("sqlite:") else ""
        bus_url += "?sync=full" if bus_url.startswith("memory:") else ""
    async with (
        open_stores(store_url, password=settings.store_password()) as stores,
        open_bus(bus_url) as bus,
    ):
        yield stores, bus


def runtimes_manifest(settings: Settings) -> RuntimesManifest:
    """Answer the kinds of this house: the operator's, the host's, or our images'."""
    import runtimes

    if settings.runtimes is not None:
        return RuntimesManifest.from_json(json.loads(settings.runtimes.read_text()))
    of_host = settings.containers_url.startswith("process:")
    return RuntimesManifest.from_json(
        runtimes.host_manifest() if of_host else runtimes.manifest()
    )


async def _up(settings: Settings, stop: Stop) -> None:
    from standalone.app import run_house

    await run_house(settings, stop)


async def _controller(settings: Settings, stop: Stop) -> None:
    from controller.app import open_controller

    async with (
        open_ports(settings) as (stores, bus),
        open_controller(
            settings,
            stores=stores,
            bus=bus,
            clock=SystemClock(),
            manifest=runtimes_manifest(settings),
        ),
    ):
        host, port = settings.listen
        logger.info("controller listens", extra={"host": host, "port": port})
        await stop.wait()


async def _invoker(settings: Settings, stop: Stop) -> None:
    from invoker.app import run_invoker

    async with open_ports(settings) as (stores, bus):
        await run_invoker(
            settings,
            stores=stores,
            bus=bus,
            clock=SystemClock(),
            manifest=runtimes_manifest(settings),
            stop=stop,
        )


async def _reaper(settings: Settings, stop: Stop) -> None:
    from invoker.reaper import run_reaper

    reaping = asyncio.ensure_future(
        run_reaper(settings.containers_url, settings.socket_dir / "locks")
    )
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({reaping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    reaping.cancel()
    stopping.cancel()
    if reaping.done() and not reaping.cancelled():
        reaping.result()


_PROGRAMS = {
    "up": _up,
    "controller": _controller,
    "invoker": _invoker,
    "reaper": _reaper,
}
