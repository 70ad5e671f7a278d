"""Containers that exist as numbers: seeded delays, faults on demand, strict books."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from chasen.errors import ContainerError, ContainerGone, ContainerStartError
from invoker.ports import CollectedLogs, Container, ContainerAddress, ContainerSpec


@dataclass(slots=True)
class Faults:
    """How often, between 0 and 1, a deed fails."""

    create: float = 0.0
    suspend: float = 0.0
    resume: float = 0.0
    destroy: float = 0.0


class SimulatedContainer:
    """Asserts the port's promise that suspend, resume and destroy never overlap."""

    def __init__(self, owner: SimulatedContainers, number: int, spec: ContainerSpec):
        self._owner = owner
        self._number = number
        self._busy = False
        self.spec = spec
        self.suspended = False
        self.alive = True

    @property
    def id(self) -> str:
        return f"simulated-{self._number}"

    @property
    def address(self) -> ContainerAddress:
        return ContainerAddress(unix=f"/nowhere/{self._number}", keep_alive=True)

    async def suspend(self) -> None:
        assert not self.suspended, "suspended twice"
        await self._deed(self._owner.faults.suspend)
        self.suspended = True

    async def resume(self) -> None:
        assert self.suspended, "resumed while awake"
        await self._deed(self._owner.faults.resume)
        if not self.alive:
            raise ContainerGone
        self.suspended = False

    async def logs(self, *, limit_bytes: int, wait_for_sentinel: bool) -> CollectedLogs:
        return CollectedLogs(())

    async def destroy(self) -> None:
        await self._deed(self._owner.faults.destroy)
        if self.alive:
            self.alive = False
            self._owner.removed(self)

    async def was_oom_killed(self) -> bool:
        return False

    async def _deed(self, fault: float) -> None:
        assert not self._busy, "two deeds at once"
        self._busy = True
        try:
            await self._owner.take_time()
            if self._owner.chance(fault):
                raise ContainerError("simulated fault")
        finally:
            self._busy = False


@dataclass
class SimulatedContainers:
    """Implements ``ContainerFactory``.

    ``used_mb`` is the memory of living containers, ``most_mb`` the most it ever was.
    """

    seed: int = 0
    start_s: float = 0.2
    deed_s: float = 0.01
    faults: Faults = field(default_factory=Faults)
    pause_grace_s: float = 0.05
    living: list[SimulatedContainer] = field(default_factory=list)
    attempts: int = 0
    made: int = 0
    used_mb: int = 0
    most_mb: int = 0
    starting: int = 0
    most_starting: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def create(self, spec: ContainerSpec) -> Container:
        self.attempts += 1
        self.starting += 1
        self.most_starting = max(self.most_starting, self.starting)
        self.used_mb += spec.memory_mb
        self.most_mb = max(self.most_mb, self.used_mb)
        try:
            await asyncio.sleep(self.start_s * self._random.uniform(0.5, 1.5))
        finally:
            self.starting -= 1
        if self.chance(self.faults.create):
            self.used_mb -= spec.memory_mb
            raise ContainerStartError("simulated fault")
        self.made += 1
        container = SimulatedContainer(self, self.made, spec)
        self.living.append(container)
        return container

    async def cleanup(self) -> int:
        return 0

    async def self_test(self) -> str | None:
        return None

    def isolation(self) -> Sequence[str]:
        return ()

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    async def take_time(self) -> None:
        await asyncio.sleep(self.deed_s * self._random.uniform(0.5, 1.5))

    def removed(self, container: SimulatedContainer) -> None:
        self.living.remove(container)
        self.used_mb -= container.spec.memory_mb
