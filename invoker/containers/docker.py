"""Action containers of Docker: the factory, and opening and closing it.

What lives here: the adapter of ``invoker.ports.ContainerFactory`` and what is known of
all its containers: which are there, which are left over, how they are kept apart.
What does not: how one is started (``docker_start.py``) and what one can do
(``docker_container.py``), choosing which runs what (``pool/``), and removing what a
dead invoker left (``invoker/reaper.py``).  Source: DockerContainerFactory.scala.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chasen.entities.limits import MIB
from chasen.errors import BadInput, ContainerError
from invoker import reaper
from invoker.containers.docker_body import (
    LABEL_HOUSE,
    LABEL_INCARNATION,
    LABEL_INVOKER,
    LABEL_TOKEN,
    SOCKET_NAME,
)
from invoker.containers.docker_engine import Engine
from invoker.containers.docker_network import (
    CHECK_EVERY_S,
    ActionNetwork,
    enforce,
    ensure_network,
)
from invoker.containers.docker_options import DockerOptions
from invoker.containers.docker_report import isolation_report
from invoker.containers.docker_start import Starter
from invoker.containers.incarnation import IncarnationLock, is_alive
from invoker.ports import Container, ContainerFactory, ContainerSpec
from runtimes import seccomp_profile

log = logging.getLogger(__name__)

GRACE_WITH_FREEZER_S = 0.05
GRACE_WITH_ENGINE_S = 10  # OpenWhisk's: a pause by the engine costs 10 to 35 ms
PING_LIMIT_S = 2.0
FREE_DISK_MB = 512
SOCKET_PATH_MAX = 107  # of sockaddr_un


class DockerContainers:
    """Adapter of ``invoker.ports.ContainerFactory``."""

    def __init__(
        self,
        engine: Engine,
        *,
        labels: Mapping[str, str],
        socket_dir: Path,
        api_host: str,
        options: DockerOptions,
    ) -> None:
        self._engine = engine
        self._labels = labels
        self._socket_dir = socket_dir
        self._api_host = api_host
        self._options = options
        self._starter = Starter(
            engine,
            options=options,
            labels=labels,
            socket_dir=socket_dir,
            seccomp=json.dumps(seccomp_profile()),
            discard=self._discard,
        )
        self._tokens: dict[str, str] = {}  # container id -> token
        self._suspects: set[str] = set()
        self._has_served = False
        self._network: ActionNetwork | None = None
        self._unruled = ""

    @property
    def pause_grace_s(self) -> float:
        freezes = self._starter.can_freeze
        return GRACE_WITH_FREEZER_S if freezes else GRACE_WITH_ENGINE_S

    async def create(self, spec: ContainerSpec) -> Container:
        self._has_served = True
        token, container = await self._starter.start(spec)
        self._tokens[container.id] = token
        return container

    async def _discard(self, container_id: str) -> None:
        """Remove a container; if the engine will not, the next sweep tries again."""
        token = self._tokens.pop(container_id, None)
        try:
            await self._engine.remove(container_id)
        except ContainerError as error:
            self._suspects.add(container_id)
            log.warning(
                "container stays for now",
                extra={"container": container_id[:12], "error": str(error)},
            )
            return
        if token:
            self._starter.drop_folder(token)

    async def cleanup(self) -> int:
        """Before the first ``create``: what earlier lives left; afterwards: all.

        Containers of another living process with this invoker's id are left alone.
        """
        shared = (LABEL_HOUSE, LABEL_INVOKER)
        rows = await self._list({name: self._labels[name] for name in shared})
        doomed = [row for row in rows if self._may_go(row["Labels"])]
        async with asyncio.TaskGroup() as tasks:
            for row in doomed:
                self._tokens[row["Id"]] = row["Labels"].get(LABEL_TOKEN, "")
                tasks.create_task(self._discard(row["Id"]))
        return len(doomed)

    def _may_go(self, labels: Mapping[str, str]) -> bool:
        life = labels.get(LABEL_INCARNATION, "")
        if life == self._labels[LABEL_INCARNATION]:
            return self._has_served
        if is_alive(self._socket_dir / reaper.LOCKS, life):
            log.warning("another living invoker has the same id: choose another one")
            return False
        return True

    async def sweep(self) -> None:
        """Remove containers of this life that nobody here has known for two rounds:
        one that the engine made after we had stopped waiting for it, for instance."""
        unknown = {
            row["Id"]
            for row in await self._list(self._labels)
            if row["Id"] not in self._tokens
            and row["Labels"].get(LABEL_TOKEN) not in self._starter.under_way
        }
        twice, self._suspects = unknown & self._suspects, unknown
        for container_id in twice:
            await self._discard(container_id)

    async def _list(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        client = self._engine.client
        return await self._engine.ask(lambda: client.list_by_labels(labels))

    async def rule_network(self) -> None:
        """Make the action network what it must be; remember what that lacks."""
        if not self._options.open_network:
            return
        client, options, api_host = self._engine.client, self._options, self._api_host
        network = await self._engine.ask(lambda: ensure_network(client, options))
        unruled = await self._engine.ask(lambda: enforce(network, api_host, options))
        if unruled and unruled != self._unruled:
            log.warning("action network is not ruled", extra={"why": unruled})
        self._network, self._unruled = network, unruled

    async def self_test(self) -> str | None:
        try:
            async with asyncio.timeout(PING_LIMIT_S):
                await self._engine.ask(self._engine.client.ping)
        except TimeoutError:
            return f"The container engine did not answer within {PING_LIMIT_S:g} s."
        except ContainerError as error:
            return str(error)
        free_mb = shutil.disk_usage(self._socket_dir).free // MIB
        if free_mb < FREE_DISK_MB:
            return f"Only {free_mb} MB of disk are free; {FREE_DISK_MB} are needed."
        return None

    def isolation(self) -> Sequence[str]:
        return isolation_report(
            self._options,
            network=self._network,
            unruled=self._unruled,
            api_host=self._api_host,
            freezer=self._starter.can_freeze,
        )


@contextlib.asynccontextmanager
async def open_docker_containers(
    url: str,
    *,
    invoker_id: str,
    incarnation: str,
    state_dir: Path,
    socket_dir: Path,
    api_host: str,
    options: DockerOptions | None = None,
) -> AsyncIterator[ContainerFactory]:
    """Answer the factory; leaving removes every container that it made.

    Earlier lives' containers go by ``cleanup``, which the caller awaits first.

    Raises:
        ContainerError: the engine does not answer, or the network cannot be made.
        BadInput: a setting cannot work here, or this incarnation is in use.
    """
    options = options or DockerOptions()
    socket_dir = _prepare(socket_dir, state_dir)
    locks = socket_dir / reaper.LOCKS
    lock = IncarnationLock(locks, incarnation)
    lock.take()
    engine = Engine(url, concurrent_starts=options.concurrent_starts)
    try:
        await engine.connect()
        factory = DockerContainers(
            engine,
            labels={
                LABEL_HOUSE: str(socket_dir),
                LABEL_INVOKER: invoker_id,
                LABEL_INCARNATION: incarnation,
            },
            socket_dir=socket_dir,
            api_host=api_host,
            options=options,
        )
        await factory.rule_network()
        if options.spawn_reaper:
            reaper.ensure_reaper(url, locks, state_dir / "reaper.log")
        async with _kept(factory):
            yield factory
    finally:
        await engine.close()
        lock.release()


@contextlib.asynccontextmanager
async def _kept(factory: DockerContainers) -> AsyncIterator[None]:
    keeper = asyncio.create_task(_keep(factory), name="docker-keeper")
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.wait([keeper])
        try:
            await factory.cleanup()
        except ContainerError as error:
            log.warning("containers stay for the reaper", extra={"error": str(error)})


async def _keep(factory: DockerContainers) -> None:
    """Every half minute: are the rules in force, is nothing left over?"""
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        try:
            await factory.rule_network()
            await factory.sweep()
        except ContainerError as error:
            log.warning("keeper will try again", extra={"error": str(error)})


def _prepare(socket_dir: Path, state_dir: Path) -> Path:
    socket_dir = socket_dir.resolve()
    longest = f"{socket_dir}/{'0' * 16}/{SOCKET_NAME}"
    if len(longest) > SOCKET_PATH_MAX:
        raise BadInput(
            f"CHASEN_SOCKET_DIR={socket_dir} is too long: with a socket's name it has"
            f" {len(longest)} characters, and {SOCKET_PATH_MAX} are possible."
        )
    state_dir.mkdir(parents=True, exist_ok=True)
    socket_dir.mkdir(parents=True, exist_ok=True)
    socket_dir.chmod(0o700)
    return socket_dir
