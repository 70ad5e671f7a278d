"""A runner that only takes time: jobs last as long as told and end as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from invoker.job import Job
from invoker.pool.lifecycle import Bounced, Finished
from invoker.pool.proxy import ContainerProxy, Workshop


@dataclass
class SimulatedRunner:
    """Implements ``proxy.Runner``; ``ended`` lists jobs with the second of their end.

    ``ending`` answers "fit", "unfit" or "bounce" for each attempt.
    """

    run_s: Callable[[Job], float] = lambda job: 0.01
    init_s: float = 0.05
    ending: Callable[[Job], str] = lambda job: "fit"
    ended: list[tuple[float, Job, bool]] = field(default_factory=list)
    inside: dict[int, Job] = field(default_factory=dict)
    used_by: dict[int, set] = field(default_factory=dict)
    workshop: Workshop | None = None

    def execute(self, proxy: ContainerProxy, job: Job, *, cold: bool) -> None:
        assert proxy.number not in self.inside, "two jobs in one container"
        self.inside[proxy.number] = job
        self.used_by.setdefault(proxy.number, set()).add(job.key)
        assert self.workshop is not None
        self.workshop.spawn(self._run(proxy, job, cold), "simulated run")

    async def _run(self, proxy: ContainerProxy, job: Job, cold: bool) -> None:
        await asyncio.sleep(self.run_s(job) + (self.init_s if cold else 0))
        del self.inside[proxy.number]
        ending = self.ending(job)
        if ending == "bounce":
            proxy.tell(Bounced(job))
            return
        self.ended.append((asyncio.get_running_loop().time(), job, cold))
        proxy.tell(Finished(job, fit=ending == "fit"))
