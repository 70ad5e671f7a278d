"""``chasen doctor``: what this machine and these settings can and cannot do."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

from chasen.errors import ChasenError
from chasen.settings import Settings

GOOD, NOTE, BAD = "ok", "note", "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how it is, of what, and what to do."""

    verdict: str
    subject: str
    sentence: str


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the grammar of ``doctor``."""
    doctor = commands.add_parser(
        "doctor", help="look at this machine and the settings; exit 1 at a fault"
    )
    doctor.add_argument("--json", action="store_true", help="print findings as JSON")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the findings; 1 if one is a fault."""
    findings = asyncio.run(_collect(settings))
    if arguments.json:
        print(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        for each in findings:
            print(f"{each.verdict:5}  {each.subject:11}  {each.sentence}")
    return int(any(each.verdict == BAD for each in findings))


async def _collect(settings: Settings) -> list[Finding]:
    return [
        finding
        for look in (_python, _runtimes, _ports, _store, _bus, _containers)
        async for finding in look(settings)
    ]


async def _python(settings: Settings) -> AsyncIterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    verdict = GOOD if sys.version_info >= (3, 11) else BAD
    yield Finding(verdict, "python", f"Python {version} (3.11 or newer is needed)")


async def _runtimes(settings: Settings) -> AsyncIterator[Finding]:
    from standalone.programs import runtimes_manifest

    manifest = runtimes_manifest(settings)
    yield Finding(GOOD, "runtimes", "kinds: " + ", ".join(sorted(manifest.runtimes)))
    if "nodejs" not in manifest.families:
        yield Finding(
            NOTE, "runtimes", "Node.js 18 or newer was not found; its kind is left out"
        )


async def _ports(settings: Settings) -> AsyncIterator[Finding]:
    for name in ("listen", "operator_listen"):
        host, port = settings.values[name]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                yield Finding(
                    NOTE, "ports", f"{host}:{port} is taken: {error.strerror}"
                )
                continue
        yield Finding(GOOD, "ports", f"{host}:{port} is free")
        if host not in ("127.0.0.1", "::1", "localhost"):
            yield Finding(NOTE, "ports", f"{host} is not loopback; put TLS in front")


async def _store(settings: Settings) -> AsyncIterator[Finding]:
    from chasen.stores.open import open_stores

    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    scheme = settings.store_url.partition(":")[0]
    try:
        async with open_stores(
            settings.store_url, password=settings.store_password()
        ) as stores:
            await stores.auth.limits("_")
    except ChasenError as error:
        yield Finding(BAD, "store", f"{scheme}: {error}")
    else:
        yield Finding(GOOD, "store", f"{scheme} answers")


async def _bus(settings: Settings) -> AsyncIterator[Finding]:
    from chasen.bus.open import open_bus

    scheme = settings.bus_url.partition(":")[0]
    if scheme == "memory":
        yield Finding(GOOD, "bus", "in this process")
        return
    try:
        async with open_bus(settings.bus_url) as bus:
            await bus.ensure_topic("health")
    except ChasenError as error:
        yield Finding(BAD, "bus", f"{scheme}: {error}")
    else:
        yield Finding(GOOD, "bus", f"{scheme} answers")


async def _containers(settings: Settings) -> AsyncIterator[Finding]:
    from invoker.containers.open import open_containers

    try:
        async with open_containers(
            settings, incarnation=f"doctor{secrets.token_hex(4)}"
        ) as containers:
            fault = await containers.self_test()
            isolation = containers.isolation()
    except ChasenError as error:
        yield Finding(BAD, "containers", str(error))
        return
    if fault:
        yield Finding(BAD, "containers", fault)
    for sentence in isolation:
        yield Finding(NOTE if " not " in sentence else GOOD, "containers", sentence)
