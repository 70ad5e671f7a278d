"""Opening process sandboxes: the strongest tier that proves itself here.

``sandbox="strict"`` accepts nothing below T2; ``trust`` accepts even T0, where nothing
is isolated.  What a start-up should say comes from ``ProcessContainers.isolation``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import runtimes
from chasen.errors import ContainerError
from chasen.settings import Settings
from invoker.containers.incarnation import IncarnationLock

from . import paths, tiers
from .driver import Launchers, NetworkPlan, ProcessContainers
from .place import Place

CLOSED = "none"
HOST = "host"
WEAK = ("T1", "T0")


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What an operator may say; ``tier`` names the only one to try, for tests."""

    trust: bool = False
    strict: bool = False
    tier: str = ""
    network: str = "chasen-actions"
    subnet: str = "10.88.0.0/16"
    egress_allow: Sequence[str] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> ProcessOptions:
        return cls(
            trust=settings.sandbox_trust,
            network=settings.action_network,
            subnet=settings.action_subnet,
            egress_allow=tuple(settings.egress_allow.replace(",", " ").split()),
        )


@asynccontextmanager
async def open_process_containers(
    *,
    invoker_id: str,
    incarnation: str,
    state_dir: Path,
    socket_dir: Path,
    api_host: str,
    options: ProcessOptions | None = None,
    launchers: Mapping[str, Sequence[str]] | None = None,
) -> AsyncIterator[ProcessContainers]:
    """Answer the factory; leaving ends every sandbox and removes every trace.

    ``launchers`` maps kinds to commands; those of our runtimes if not given.

    Raises:
        ContainerError: no sandbox can be made here; says why, tier by tier.
        BadInput: this incarnation is in use.
    """
    options = options or ProcessOptions()
    place = await asyncio.to_thread(
        Place.make, invoker_id, incarnation, state_dir, socket_dir, api_host
    )
    found = await asyncio.to_thread(_ours) if launchers is None else _given(launchers)
    lock = IncarnationLock(place.locks, incarnation)
    lock.take()
    try:
        factory = await _strongest(place, options, found)
        try:
            yield factory
        finally:
            await factory.close()
    finally:
        lock.release()


async def _strongest(
    place: Place, options: ProcessOptions, launchers: Launchers
) -> ProcessContainers:
    plan = NetworkPlan(
        closed=options.network == CLOSED,
        subnet="" if options.network in (CLOSED, HOST) else options.subnet,
        allow=options.egress_allow,
    )
    found = tiers.candidates(trust=options.trust)
    for tier in found.tiers:
        if (options.tier and tier.name != options.tier) or (
            options.strict and tier.name in WEAK
        ):
            continue
        factory = ProcessContainers(
            place, tier, launchers, network=plan, remarks=found.lacking
        )
        fault = await factory.self_test()
        if fault is None:
            await factory.open_network()
            return factory
        await factory.close()
        found.lacking.append(fault)
    raise ContainerError(
        "Actions cannot run as processes on this machine."
        f" {' '.join([*found.lacking, *found.refused])}"
    )


def _given(launchers: Mapping[str, Sequence[str]]) -> Launchers:
    return Launchers(launchers.__getitem__, paths.visible_of(launchers.values()))


def _ours() -> Launchers:
    families = runtimes.host_manifest()["runtimes"].values()
    kinds = [each["kind"] for entries in families for each in entries]
    commands = [runtimes.launcher(kind) for kind in kinds]
    return Launchers(runtimes.launcher, paths.visible_of(commands))
