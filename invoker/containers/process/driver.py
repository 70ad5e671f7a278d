"""ContainerFactory by sandboxed processes: no engine, no images.

What lives here: asking the zygote for sandboxes and hearing of their ends, the self
test, sweeping.  What does not: what a sandbox is (``sandbox``), what one can do
(``container``), their networks (``network``), which tier to take (``opening``).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chasen.errors import ChasenError, ContainerError, ContainerStartError
from invoker.ports import ContainerSpec

from . import cgroups, network, paths, root, tiers
from .cables import ActionNetwork, Attachment
from .channel import Event
from .container import SOCKET_PATH_MAX, Life, ProcessContainer
from .helper import Helper
from .network import NetworkFault
from .place import Place

log = logging.getLogger(__name__)

FIRST_UID = 60_000
UIDS = 5_000
START_LIMIT_S = 30
END_LIMIT_S = 10
SOCKET_NAME = "action.sock"
PAUSE_GRACE_S = 0.05  # a freeze and a thaw cost half a millisecond together
TEST_MEMORY_MB = 256
PYTHON = os.path.realpath(sys.executable)

_TEST = """
import os
status = open("/proc/self/status").read()
assert "NoNewPrivs:\\t1" in status and "Seccomp:\\t2" in status, status
assert "CapEff:\\t0000000000000000" in status, status
if NAMESPACES:
    assert "CapBnd:\\t0000000000000000" in status, status
    assert os.getpid() == 1 and os.getuid() == 1000, (os.getpid(), os.getuid())
    assert not os.path.exists(HIDDEN), HIDDEN
    assert not os.access("/", os.W_OK) and not os.access("/usr", os.W_OK)
open(os.path.join(os.environ["CHASEN_ACTION_DIR"], "proof"), "w").write("x")
"""


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """``closed``: no network at all.  ``subnet`` empty: the host's."""

    closed: bool = False
    subnet: str = ""
    allow: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Launchers:
    """``command`` answers the argv of a kind; ``visible`` is what they all need."""

    command: Callable[[str], Sequence[str]]
    visible: Sequence[str] = field(default=())


class ProcessContainers:
    """Makes sandboxes of one tier."""

    def __init__(
        self,
        place: Place,
        tier: tiers.Tier,
        launchers: Launchers,
        *,
        network: NetworkPlan | None = None,
        remarks: Sequence[str] = (),
    ) -> None:
        self._place = place
        self._tier = tier
        self._launchers = launchers
        self._plan = network or NetworkPlan()
        self._closed_network = tier.namespaces and self._plan.closed
        self._network: ActionNetwork | None = None
        self._remarks = tuple(remarks)
        self._visible = paths.without_system([*launchers.visible, *paths.homes(PYTHON)])
        self._helper = Helper(self._prepare, self._hear, self._hear_the_end)
        self._starts = asyncio.Semaphore(os.cpu_count() or 1)
        self._containers: dict[str, ProcessContainer] = {}
        self._uids: set[int] = set()
        self._folder_handle = -1

    @property
    def tier(self) -> tiers.Tier:
        return self._tier

    @property
    def zygote_pid(self) -> int | None:
        return self._helper.pid

    @property
    def pause_grace_s(self) -> float:
        return PAUSE_GRACE_S

    def isolation(self) -> Sequence[str]:
        said = [*tiers.sentences(self._tier), *self._remarks]
        if self._tier.namespaces:
            said.append(self._network_sentence())
        return said

    def _network_sentence(self) -> str:
        if self._closed_network:
            return "Sandboxes have no network at all."
        if self._network is not None:
            return (
                "Sandboxes reach the API host and the internet, not each other, private"
                " addresses or other services of this machine."
            )
        return (
            "The network is not isolated: actions reach what this machine reaches,"
            " its local services included."
        )

    async def open_network(self) -> None:
        """Make the action network, if that is wanted and can be; else say why not."""
        if not self._plan.subnet or not self._tier.own_user:
            return
        records = self._place.networks
        try:
            await asyncio.to_thread(network.sweep, records, self._place.living())
            bridge = await asyncio.to_thread(
                network.make_bridge,
                self._place.label,
                self._plan.subnet,
                self._place.api_host,
                self._plan.allow,
                records,
            )
        except network.NetworkFault as error:
            self._remarks += (f"There is no action network: {error}.",)
            return
        self._network = ActionNetwork(bridge, records, self._place.api_host)
        await self._network.open()

    # --- making containers ------------------------------------------------------------

    async def create(self, spec: ContainerSpec) -> ProcessContainer:
        argv = self._argv(spec.kind)
        async with self._starts:
            await self._helper.be_there()
            container = await self._start(
                argv, spec.memory_mb, spec.environment, await self._attachment()
            )
            try:
                async with asyncio.timeout(START_LIMIT_S):
                    pid = await container.life.started
                    await container.find_socket(self._socket_path(container, pid))
            except TimeoutError as error:
                await container.destroy()
                raise ContainerStartError(
                    f"The launcher did not listen within {START_LIMIT_S} seconds."
                ) from error
            except BaseException:
                await asyncio.shield(container.destroy())
                raise
        return container

    async def _attachment(self) -> Attachment | None:
        if self._network is None:
            return None
        try:
            return await self._network.take()
        except NetworkFault as error:
            raise ContainerStartError(
                f"The sandbox's network could not be made: {error}"
            ) from error

    def _argv(self, kind: str) -> list[str]:
        try:
            command = paths.resolved(self._launchers.command(kind))
        except (ChasenError, LookupError, ValueError, OSError) as error:
            raise ContainerStartError(
                f"There is no launcher for the kind {kind!r} here: {error}"
            ) from error
        return [*map(root.inside, command)] if self._tier.namespaces else command

    async def _start(
        self,
        argv: Sequence[str],
        memory_mb: int,
        environment: Mapping[str, str],
        attachment: Attachment | None = None,
    ) -> ProcessContainer:
        name = secrets.token_hex(8)
        life = Life(asyncio.get_running_loop().create_future())
        container = ProcessContainer(self, name, life, self._link(name))
        container.uid = self._free_uid()
        if self._tier.groups:
            container.group = cgroups.Group(self._tier.groups, self._place.label, name)
        self._containers[name] = container
        container.attachment = attachment
        try:
            order = self._order(container, environment)
            await self._helper.send(
                {"do": "start", **order, "argv": list(argv), "memory_mb": memory_mb},
                [attachment.handle] if attachment else [],
            )
        except BaseException:
            self._release(container)
            raise
        finally:
            if attachment:
                os.close(attachment.handle)  # the sandbox has it now
        return container

    def _link(self, name: str) -> Path:
        link = self._place.folder / f"{name}.sock"
        if len(os.fsencode(link)) <= SOCKET_PATH_MAX:
            return link
        if self._folder_handle < 0:
            self._folder_handle = os.open(self._place.folder, os.O_PATH | os.O_CLOEXEC)
        return Path(f"/proc/self/fd/{self._folder_handle}/{name}.sock")

    def _free_uid(self) -> int:
        if not self._tier.own_user:
            return 0
        for uid in range(FIRST_UID, FIRST_UID + UIDS):
            if uid not in self._uids:
                self._uids.add(uid)
                return uid
        raise ContainerStartError(f"There are {UIDS} sandboxes already.")

    def _order(
        self, container: ProcessContainer, environment: Mapping[str, str]
    ) -> dict[str, Any]:
        tier = self._tier
        order: dict[str, Any] = {
            "name": container.id,
            "uid": container.uid,
            "own_users": tier.namespaces,
            "own_network": self._closed_network,
            "bounded_memory": bool(tier.groups),
            "landlocked": tier.landlocked,
        }
        home, action, run = "/tmp", root.ACTION_FOLDER, root.SOCKET_FOLDER  # noqa: S108
        if not tier.namespaces:
            home, action, run = self._make_folders(container.id)
            order["writable"] = [home, action, run, "/dev/null"]
            order["readable"] = [*paths.READABLE_PLAIN, *self._visible]
        if container.attachment and self._network:
            environment = self._network.environment(environment)
        order["folder"] = action
        order["environment"] = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": home,
            "TMPDIR": home,
            **environment,
            "CHASEN_SOCKET": f"{run}/{SOCKET_NAME}",
            "CHASEN_LOGS": "inband",
            "CHASEN_ACTION_DIR": action,
        }
        return order

    def _make_folders(self, name: str) -> tuple[str, str, str]:
        home = self._place.folder / name
        for folder in ("tmp", "action", "run"):
            (home / folder).mkdir(parents=True, mode=0o700)
        return str(home / "tmp"), str(home / "action"), str(home / "run")

    def _socket_path(self, container: ProcessContainer, pid: int) -> str:
        if self._tier.namespaces:
            return f"/proc/{pid}/root{root.SOCKET_FOLDER}/{SOCKET_NAME}"
        return str(self._place.folder / container.id / "run" / SOCKET_NAME)

    # --- Maker, for containers --------------------------------------------------------

    async def tell(self, what: str, name: str) -> None:
        await self._helper.send({"do": what, "name": name})

    async def forget(self, container: ProcessContainer) -> None:
        """End a sandbox and take back what it held."""
        try:
            await self.tell("kill", container.id)
            async with asyncio.timeout(END_LIMIT_S):
                await container.life.gone.wait()
        except TimeoutError:
            log.error("a sandbox does not end", extra={"container": container.id})
        except ContainerError:
            pass  # without a zygote there are no sandboxes
        finally:
            container.life.gone.set()
            self._release(container)

    def _release(self, container: ProcessContainer) -> None:
        self._containers.pop(container.id, None)
        self._uids.discard(container.uid)
        if container.attachment and self._network:
            self._network.give_back(container.attachment.address)
        if not self._tier.namespaces:
            shutil.rmtree(self._place.folder / container.id, ignore_errors=True)

    # --- the zygote's side ------------------------------------------------------------

    def _prepare(self) -> Event:
        """Make what a zygote needs, and answer what it is told first."""
        for folder in (self._place.base, self._place.folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for hierarchy in self._tier.groups:
            hierarchy.prepare(self._place.label)
        return {
            "style": "namespaces" if self._tier.namespaces else "plain",
            "base": str(self._place.base),
            "visible": self._visible,
            "resolv_conf": paths.resolv_conf(own_network=bool(self._plan.subnet)),
            "groups": {
                hierarchy.controller: str(hierarchy.house)
                for hierarchy in self._tier.groups
            },
            "label": self._place.label,
        }

    def _hear(self, event: Event) -> None:
        if container := self._containers.get(event["name"]):
            container.life.hear(event)

    def _hear_the_end(self) -> None:
        """The kernel killed the sandboxes with the zygote: let the frozen die."""
        for container in self._containers.values():
            container.life.end(-9, "")
            container.life.gone.set()
            if container.group is not None:
                container.group.let_die()

    # --- life of the factory ----------------------------------------------------------

    async def self_test(self) -> str | None:
        """Run a sandbox that looks around and says whether it is one."""
        program = (
            f"NAMESPACES = {self._tier.namespaces}; HIDDEN = {str(self._place.base)!r}"
            f"\n{_TEST}"
        )
        weak = f"Process sandboxes of tier {self._tier.name} do not work here:"
        try:
            await self._helper.be_there()
            container = await self._start(
                [PYTHON, "-I", "-S", "-c", program], TEST_MEMORY_MB, {}
            )
            life = container.life
            try:
                async with asyncio.timeout(START_LIMIT_S):
                    await life.started
                    await life.exited.wait()
            finally:
                await container.destroy()
        except (ContainerError, TimeoutError, OSError) as error:
            return f"{weak} {error}"
        return f"{weak} {life.ending()}." if life.status != 0 else None

    async def cleanup(self) -> int:
        """Remove the sandboxes of this life and those that dead lives left."""
        own = list(self._containers.values())
        async with asyncio.TaskGroup() as tasks:
            for container in own:
                tasks.create_task(container.destroy(), name=f"destroy:{container.id}")
        return len(own) + await asyncio.to_thread(
            self._place.sweep, self._tier.groups, mine=False
        )

    async def close(self) -> None:
        """End all sandboxes and the zygote, leave no trace."""
        await self.cleanup()
        if self._network is not None:
            await self._network.close()
            self._network = None
        await self._helper.close()
        await asyncio.to_thread(self._place.sweep, self._tier.groups, mine=True)
        if self._folder_handle >= 0:
            os.close(self._folder_handle)
            self._folder_handle = -1
