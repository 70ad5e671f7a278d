"""The embedded house: controller and invoker in one process, joined by their ports."""

from __future__ import annotations

import asyncio
import sys

from chasen.clock import SystemClock
from chasen.errors import ChasenError
from chasen.seal import open_seal
from chasen.settings import Settings
from controller.administration.subjects import Subjects
from controller.app import Controller, open_controller
from invoker.app import run_invoker
from standalone.programs import open_ports, runtimes_manifest

FIRST_SUBJECT = "guest"
READY_WITHIN_S = 60


async def run_house(settings: Settings, stop: asyncio.Event) -> None:
    """Run until ``stop``; print what a user needs when the house is ready."""
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock, manifest = SystemClock(), runtimes_manifest(settings)
    async with open_ports(settings) as (stores, bus):
        subjects = Subjects(stores.auth, open_seal(settings.key_file))
        key = await subjects.ensure(FIRST_SUBJECT)
        async with open_controller(
            settings, stores=stores, bus=bus, clock=clock, manifest=manifest
        ) as controller:
            inside = asyncio.Event()  # ends the invoker before its controller
            working = asyncio.ensure_future(
                run_invoker(
                    settings,
                    stores=stores,
                    bus=bus,
                    clock=clock,
                    manifest=manifest,
                    stop=inside,
                )
            )
            try:
                await _until_ready(controller, working)
                if not working.done():
                    _welcome(settings, key)
                stopping = asyncio.ensure_future(stop.wait())
                await asyncio.wait(
                    {stopping, working}, return_when=asyncio.FIRST_COMPLETED
                )
                stopping.cancel()
            finally:
                inside.set()
                await working


async def _until_ready(controller: Controller, working: asyncio.Future[None]) -> None:
    loop = asyncio.get_running_loop()
    late_s = loop.time() + READY_WITHIN_S
    while (why := controller.not_ready()) is not None and not working.done():
        if loop.time() > late_s:
            raise ChasenError(f"The house is not ready: {why}.")
        await asyncio.sleep(0.05)


def _welcome(settings: Settings, key: str | None) -> None:
    """Print API host, key (only when it is new) and the line for ``wsk``."""
    program = sys.argv[0]
    wsk = program.removesuffix("chasen") + "wsk"
    show_key = f"{program} admin user get {FIRST_SUBJECT}"
    if settings.state_dir != _default_state_dir():
        show_key = f"CHASEN_STATE_DIR={settings.state_dir} {show_key}"
    host = settings.public_api_host
    lines = [
        f"API host  {host}",
        f"Key       {key}" if key else f"Key       shown by: {show_key}",
        f"wsk       {show_key} | {wsk} property set --apihost {host} --auth -",
        "Ctrl-C stops; what is stored stays.",
    ]
    print("\n".join(lines), flush=True)


def _default_state_dir() -> object:
    return Settings.from_environment({}).state_dir
