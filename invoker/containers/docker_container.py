"""What can be done to one container: suspend, resume, read its logs, destroy.

What lives here: the adapter of ``invoker.ports.Container``.  What does not: how it came
to be (``docker_start.py``), and what is known of all of them (``docker.py``).
Source: DockerContainer.scala.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from chasen.errors import ContainerError, ContainerGone
from invoker.containers.docker_engine import Engine, EngineFault
from invoker.containers.docker_freezer import Freezer
from invoker.containers.docker_logs import LogStream
from invoker.ports import CollectedLogs, ContainerAddress

OOM_NEWS_S = 2.0  # the engine learns of it after the connection broke
OOM_AFTER_END_S = 0.5
ENGINE_LAG_S, LAG_POLL_S = 2.0, 0.005


class DockerContainer:
    """Adapter of ``invoker.ports.Container``."""

    def __init__(
        self,
        container_id: str,
        address: ContainerAddress,
        *,
        engine: Engine,
        discard: Callable[[str], Awaitable[None]],
        freezer: Freezer | None,
        logs: LogStream | None,
    ) -> None:
        self._id = container_id
        self._address = address
        self._engine = engine
        self._discard = discard
        # Chosen for the whole life: the engine must not be surprised by a thaw.
        self._freezer = freezer
        self._logs = logs
        self._removal: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        return self._id

    @property
    def address(self) -> ContainerAddress:
        return self._address

    @property
    def freezes(self) -> bool:
        """Whether suspending writes to the freezer instead of asking the engine."""
        return self._freezer is not None

    async def suspend(self) -> None:
        if self._freezer:
            await self._freezer.freeze()
        else:
            await self._ask_engine(self._engine.client.pause)

    async def resume(self) -> None:
        if self._freezer:
            self._freezer.thaw()
        else:
            await self._ask_engine(self._engine.client.unpause)

    async def _ask_engine(self, call: Callable[[str], None]) -> None:
        """Pause or unpause, and once more where the engine refused for the moment."""
        limit = time.monotonic() + ENGINE_LAG_S
        while True:
            try:
                return await self._engine.ask(lambda: call(self._id))
            except EngineFault as fault:
                if fault.status == 404 or "not running" in str(fault):
                    raise ContainerGone from fault
                if not _is_passing(fault) or time.monotonic() > limit:
                    raise
            await asyncio.sleep(LAG_POLL_S)

    async def logs(self, *, limit_bytes: int, wait_for_sentinel: bool) -> CollectedLogs:
        if self._logs is None:
            return CollectedLogs(())
        return await self._logs.collect(
            limit_bytes=limit_bytes, wait_for_sentinel=wait_for_sentinel
        )

    async def destroy(self) -> None:
        """Never raises: what the engine does not remove now, it is asked again."""
        if self._removal is None:
            self._removal = asyncio.create_task(
                self._destroy(), name=f"docker-remove:{self._id[:12]}"
            )
        await asyncio.shield(self._removal)

    async def _destroy(self) -> None:
        if self._logs is not None:
            await self._logs.close()
        await self._discard(self._id)

    async def was_oom_killed(self) -> bool:
        limit = time.monotonic() + OOM_NEWS_S
        pause_s = 0.02
        while True:
            try:
                state = await self._engine.state_of(self._id)
            except ContainerError:
                return False
            if state.get("OOMKilled"):
                return True
            if not state.get("Running"):  # the news of its end came with the other
                limit = min(limit, time.monotonic() + OOM_AFTER_END_S)
            if time.monotonic() > limit:
                return False
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.3)


def _is_passing(fault: EngineFault) -> bool:
    """The engine hears late of its last pause, and under load runc gives up early."""
    told = str(fault)
    return fault.status in (409, 500) and ("paused" in told or "freeze" in told)
