"""ContainerFactory by sandboxed processes: no engine, no images.

Starting is the zygote's work (``channel``, ``zygote``), freezing a write to the control
group from here.  The networks of sandboxes are ``network``'s.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chasen.errors import (
    ChasenError,
    ContainerError,
    ContainerGone,
    ContainerStartError,
)
from invoker.ports import CollectedLogs, ContainerAddress, ContainerSpec

from . import cgroups, root, sandbox, tiers
from .channel import Channel, Event

log = logging.getLogger(__name__)

FIRST_UID = 60_000
UIDS = 5_000
START_LIMIT_S = 30
END_LIMIT_S = 10
FREEZE_LIMIT_S = 2
SOCKET_LOOK_S = 0.001
SOCKET_NAME = "action.sock"
PAUSE_GRACE_S = 0.05  # a freeze and a thaw cost half a millisecond together

_CHECK = """
import os
status = open("/proc/self/status").read()
assert "NoNewPrivs:\\t1" in status and "Seccomp:\\t2" in status, status
assert "CapEff:\\t0000000000000000" in status, status
assert "CapBnd:\\t0000000000000000" in status or not NAMESPACES, status
if NAMESPACES:
    assert os.getpid() == 1 and os.getuid() == 1000, (os.getpid(), os.getuid())
    assert not os.path.exists(HIDDEN), HIDDEN
    assert not os.access("/", os.W_OK) and not os.access("/usr", os.W_OK)
open(os.path.join(os.environ["CHASEN_ACTION_DIR"], "proof"), "w").write("x")
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose sandboxes these are, and where their files may lie."""

    invoker_id: int
    incarnation: str
    state_dir: Path
    socket_dir: Path
    api_host: str

    @property
    def owner(self) -> str:
        """Two houses on one machine may both have an invoker 0: the folder decides."""
        folder = str(self.state_dir.resolve()).encode()
        return f"{self.invoker_id}-{hashlib.sha256(folder).hexdigest()[:8]}"

    @property
    def label(self) -> str:
        return f"{self.owner}.{self.incarnation}"


@dataclass(slots=True)
class _Life:
    """What is known of one sandbox from the zygote's events."""

    started: asyncio.Future[int]
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    exited: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    status: int | None = None
    stderr: str = ""


class ProcessContainer:
    """One sandbox.  Its address is a handle on the socket, not a path.

    The sandbox could put a link in the socket's place, to a socket of ours or of a
    neighbour; so the socket is looked up once, before there is any foreign code.
    """

    def __init__(self, factory: ProcessContainers, name: str, life: _Life) -> None:
        self._factory = factory
        self._name = name
        self._life = life
        self._socket = -1
        self._destroyed = False
        self._out_of_memory = False
        self.uid = 0
        self.pid = 0

    @property
    def id(self) -> str:
        return self._name

    @property
    def address(self) -> ContainerAddress:
        path = f"/proc/self/fd/{self._socket}"
        return ContainerAddress(unix=path, keep_alive=True, inband_logs=True)

    async def find_socket(self, path: str) -> None:
        """Wait until the launcher listens."""
        while True:
            try:
                flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
                handle = os.open(path, flags)
                break
            except (FileNotFoundError, ProcessLookupError):
                if self._life.exited.is_set():
                    raise ContainerStartError(
                        "The launcher ended before it listened"
                        f" ({_ending(self._life)})."
                    ) from None
                await asyncio.sleep(SOCKET_LOOK_S)
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            os.close(handle)
            raise ContainerStartError("The launcher made no socket.")
        self._socket = handle

    async def suspend(self) -> None:
        self._must_live()
        if group := self._group():
            await self._freeze(group)
        else:
            await self._signal("stop")

    async def _freeze(self, group: cgroups.Group) -> None:
        try:
            group.set_frozen(True)
            async with asyncio.timeout(FREEZE_LIMIT_S):
                while not group.is_frozen():
                    await asyncio.sleep(0)
        except FileNotFoundError as error:
            raise ContainerGone() from error
        except (OSError, TimeoutError) as error:
            raise ContainerError(f"The sandbox could not be frozen: {error}") from error

    async def resume(self) -> None:
        self._must_live()
        if group := self._group():
            try:
                group.set_frozen(False)
            except OSError as error:
                raise ContainerGone() from error
        else:
            await self._signal("continue")
        self._must_live()

    async def _signal(self, what: str) -> None:
        self._life.done.clear()
        await self._factory.send({"do": what, "name": self._name})
        await self._life.done.wait()

    async def logs(self, *, limit_bytes: int, wait_for_sentinel: bool) -> CollectedLogs:
        """The launcher sends the lines with its answers; none are left over."""
        return CollectedLogs(())

    async def destroy(self) -> None:
        if not self._destroyed:
            self._destroyed = True
            self._out_of_memory = await self.was_oom_killed()
            await self._factory.forget(self, self._life)
            if self._socket >= 0:
                os.close(self._socket)
                self._socket = -1
        await self._life.gone.wait()

    async def was_oom_killed(self) -> bool:
        if not self._out_of_memory and (group := self._group()):
            self._out_of_memory = group.oom_kills() > 0
        return self._out_of_memory

    def _must_live(self) -> None:
        if self._destroyed or self._life.exited.is_set():
            raise ContainerGone()

    def _group(self) -> cgroups.Group | None:
        return self._factory.group(self._name)


def _ending(life: _Life) -> str:
    text = " ".join(life.stderr.split())[-300:]
    return f"status {life.status}{': ' + text if text else ''}"


class ProcessContainers:
    """Makes sandboxes of one tier."""

    def __init__(
        self,
        place: Place,
        tier: tiers.Tier,
        launcher: Callable[[str], Sequence[str]],
        *,
        visible: Sequence[str] = (),
        remarks: Sequence[str] = (),
        own_network: bool = False,
    ) -> None:
        self._place = place
        self._tier = tier
        self._launcher = launcher
        self._visible = _without_system([*visible, *_homes([sys.executable])])
        self._remarks = list(remarks)
        self._own_network = own_network
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self._starts = asyncio.Semaphore(os.cpu_count() or 1)
        self._ready: asyncio.Future[None] | None = None
        self._lives: dict[str, _Life] = {}
        self._containers: dict[str, ProcessContainer] = {}
        self._uids: set[int] = set()
        self._refusal: str | None = None

    @property
    def tier(self) -> tiers.Tier:
        return self._tier

    @property
    def zygote_pid(self) -> int | None:
        return self._channel.pid if self._channel else None

    @property
    def pause_grace_s(self) -> float:
        return PAUSE_GRACE_S

    def isolation(self) -> Sequence[str]:
        network = (
            "The network of sandboxes is closed."
            if self._own_network
            else "Sandboxes share the host's network, local services included."
        )
        said = [*tiers.sentences(self._tier), *self._remarks]
        return [*said, network] if self._tier.namespaces else said

    # --- containers -------------------------------------------------------------------

    async def create(self, spec: ContainerSpec) -> ProcessContainer:
        argv = self._argv(spec.kind)
        async with self._starts:
            return await self._create(argv, spec.memory_mb, spec.environment)

    def _argv(self, kind: str) -> list[str]:
        try:
            return _resolved(self._launcher(kind))
        except (ChasenError, KeyError, ValueError, OSError) as error:
            raise ContainerStartError(
                f"There is no launcher for the kind {kind!r} here: {error}"
            ) from error

    async def _create(
        self, argv: list[str], memory_mb: int, environment: Mapping[str, str]
    ) -> ProcessContainer:
        container = await self._start(argv, memory_mb, environment)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                container.pid = await self._lives[container.id].started
                await container.find_socket(self._socket_path(container))
        except TimeoutError as error:
            await container.destroy()
            raise ContainerStartError(
                f"The launcher did not listen within {START_LIMIT_S} seconds."
            ) from error
        except BaseException:
            await asyncio.shield(container.destroy())
            raise
        return container

    async def _start(
        self, argv: list[str], memory_mb: int, environment: Mapping[str, str]
    ) -> ProcessContainer:
        await self._have_zygote()
        name = secrets.token_hex(8)
        life = _Life(asyncio.get_running_loop().create_future())
        self._lives[name] = life
        container = ProcessContainer(self, name, life)
        container.uid = self._free_uid()
        self._containers[name] = container
        order = self._order(name, argv, memory_mb, environment, container.uid)
        try:
            await self.send({"do": "start", **order})
        except ContainerError:
            self._release(container)
            raise
        return container

    def _order(
        self,
        name: str,
        argv: list[str],
        memory_mb: int,
        environment: Mapping[str, str],
        uid: int,
    ) -> dict[str, Any]:
        order: dict[str, Any] = {
            "name": name,
            "argv": argv,
            "memory_mb": memory_mb,
            "uid": uid,
            "own_users": self._tier.namespaces,
            "own_network": self._own_network and self._tier.namespaces,
            "bounded_memory": bool(self._tier.groups),
            "landlocked": self._tier.landlocked,
            "folder": root.ACTION_FOLDER,
        }
        home, action = "/tmp", root.ACTION_FOLDER  # noqa: S108 - inside the sandbox
        run = root.SOCKET_FOLDER
        if not self._tier.namespaces:
            home, action, run = self._make_folders(name)
            order["folder"] = action
            order["writable"] = [home, action, run, "/dev/null"]
            order["readable"] = [*_READABLE_PLAIN, *self._visible]
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
        home = self._plain_folder / name
        for folder in ("tmp", "action", "run"):
            (home / folder).mkdir(parents=True, mode=0o700)
        return str(home / "tmp"), str(home / "action"), str(home / "run")

    @property
    def _plain_folder(self) -> Path:
        return self._place.socket_dir / self._place.label

    def _socket_path(self, container: ProcessContainer) -> str:
        if self._tier.namespaces:
            return f"/proc/{container.pid}/root{root.SOCKET_FOLDER}/{SOCKET_NAME}"
        return str(self._plain_folder / container.id / "run" / SOCKET_NAME)

    def _free_uid(self) -> int:
        if not self._tier.own_user:
            return 0
        for uid in range(FIRST_UID, FIRST_UID + UIDS):
            if uid not in self._uids:
                self._uids.add(uid)
                return uid
        raise ContainerStartError(f"There are {UIDS} sandboxes already.")

    def group(self, name: str) -> cgroups.Group | None:
        groups = self._tier.groups
        return cgroups.Group(list(groups), self._place.label, name) if groups else None

    async def forget(self, container: ProcessContainer, life: _Life) -> None:
        """End a sandbox and give back what it held."""
        try:
            await self.send({"do": "kill", "name": container.id})
            async with asyncio.timeout(END_LIMIT_S):
                await life.gone.wait()
        except (ContainerError, TimeoutError):
            # No zygote, no sandboxes; or a process the kernel will not let go of.
            log.warning("sandbox not removed in time", extra={"sandbox": container.id})
            life.gone.set()
        finally:
            self._release(container)

    def _release(self, container: ProcessContainer) -> None:
        self._lives.pop(container.id, None)
        self._containers.pop(container.id, None)
        self._uids.discard(container.uid)
        if not self._tier.namespaces:
            shutil.rmtree(self._plain_folder / container.id, ignore_errors=True)

    # --- the zygote -------------------------------------------------------------------

    async def send(self, order: Event) -> None:
        try:
            if self._channel is None:
                raise ConnectionError("the helper process for sandboxes has ended")
            await self._channel.send(order)
        except OSError as error:
            raise ContainerStartError(f"No sandbox: {error}.") from error

    async def _have_zygote(self) -> None:
        """Start one, or another one when the last has died."""
        async with self._opening:
            if self._channel is not None and self._channel.open:
                return
            await self._close_channel()
            await asyncio.to_thread(self._prepare_folders)
            channel = Channel(self._hear, self._hear_the_end)
            self._channel = channel
            self._ready = asyncio.get_running_loop().create_future()
            channel.start()
            try:
                await self.send({"do": "begin", **self._beginning()})
                async with asyncio.timeout(START_LIMIT_S):
                    await self._ready
            except (TimeoutError, ContainerError) as error:
                await self._close_channel()
                raise ContainerStartError(
                    f"The helper process for sandboxes did not start: {error}"
                ) from error

    def _prepare_folders(self) -> None:
        self._base.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._tier.namespaces:
            self._plain_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for hierarchy in self._tier.groups:
            folder = hierarchy.house / self._place.label
            folder.mkdir(exist_ok=True)
            if not hierarchy.controller:
                control = folder / "cgroup.subtree_control"
                control.write_text("+memory +pids +cpu")

    @property
    def _base(self) -> Path:
        return self._place.state_dir / "sandbox-root"

    def _beginning(self) -> dict[str, Any]:
        label = self._place.label
        return {
            "style": "namespaces" if self._tier.namespaces else "plain",
            "base": str(self._base),
            "visible": self._visible,
            "resolv_conf": _resolv_conf(),
            "groups": {
                hierarchy.controller: str(hierarchy.house / label)
                for hierarchy in self._tier.groups
            },
        }

    def _hear(self, event: Event) -> None:
        name = event["name"]
        if not name:
            self._hear_of_zygote(event)
            return
        life = self._lives.get(name)
        if life is None:
            return
        match event["event"]:
            case "started" if not life.started.done():
                life.started.set_result(event["pid"])
            case "failed" if not life.started.done():
                life.started.set_exception(
                    ContainerStartError(f"The sandbox failed: {event['why']}.")
                )
            case "exited":
                self._hear_exit(life, event)
            case "done":
                life.done.set()
            case "gone":
                life.gone.set()

    def _hear_of_zygote(self, event: Event) -> None:
        if self._ready is None or self._ready.done():
            return
        if event["event"] == "ready":
            self._ready.set_result(None)
        else:
            self._ready.set_exception(ContainerStartError(event["why"]))

    def _hear_exit(self, life: _Life, event: Event) -> None:
        life.status, life.stderr = event["status"], event["stderr"]
        life.exited.set()
        life.done.set()
        if not life.started.done():
            life.started.set_exception(
                ContainerStartError(f"The sandbox ended at once ({_ending(life)}).")
            )

    def _hear_the_end(self) -> None:
        """The zygote died, and all sandboxes with it, but for the frozen ones."""
        log.warning("the helper process for sandboxes has ended")
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(ContainerStartError("it ended at once"))
        for life in self._lives.values():
            self._hear_exit(life, {"status": -9, "stderr": ""})
            life.gone.set()
        for name in self._lives:
            if group := self.group(name):
                try:
                    group.set_frozen(False)
                except OSError:
                    pass

    async def _close_channel(self) -> None:
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close()

    # --- life of the factory ----------------------------------------------------------

    async def self_test(self) -> str | None:
        """Run a sandbox that looks around and says whether it is one."""
        if self._refusal:
            return self._refusal
        program = (
            f"NAMESPACES = {self._tier.namespaces}; HIDDEN = {str(self._base)!r}\n"
            f"{_CHECK}"
        )
        argv = [os.path.realpath(sys.executable), "-I", "-S", "-c", program]
        try:
            container = await self._start(argv, 256, {})
        except ContainerError as error:
            return f"Process sandboxes of tier {self._tier.name} do not work: {error}"
        life = self._lives[container.id]
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await life.started
                await life.exited.wait()
        except (ContainerError, TimeoutError) as error:
            return f"Process sandboxes of tier {self._tier.name} do not work: {error}"
        finally:
            await container.destroy()
        if life.status != 0:
            return (
                f"A process sandbox of tier {self._tier.name} failed its test"
                f" ({_ending(life)})."
            )
        return None

    async def cleanup(self) -> int:
        """Remove every sandbox of this invoker: earlier lives' and this one's."""
        own = list(self._containers.values())
        async with asyncio.TaskGroup() as tasks:
            for container in own:
                tasks.create_task(container.destroy(), name=f"destroy:{container.id}")
        keep = self._place.label if self._channel is not None else None
        return len(own) + await asyncio.to_thread(self._sweep, keep)

    def _sweep(self, keep: str | None) -> int:
        owner = self._place.owner
        count = cgroups.sweep(list(self._tier.groups), owner, keep=keep)
        for folder in self._place.socket_dir.glob(f"{owner}.*"):
            if folder.name != keep:
                shutil.rmtree(folder, ignore_errors=True)
        return count

    async def close(self) -> None:
        """End all sandboxes and the zygote, remove every trace."""
        await self.cleanup()
        await self._close_channel()
        await asyncio.to_thread(self._sweep, None)
        try:
            self._base.rmdir()
        except OSError:
            pass  # it was never made


_READABLE_PLAIN = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ssl", "/etc/passwd"),
    *("/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives", "/proc"),
    *("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/full"),
)
_RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))


def _resolv_conf() -> str:
    for path in _RESOLVERS:
        try:
            return path.read_text()
        except OSError:
            continue
    return ""


def _resolved(argv: Sequence[str]) -> list[str]:
    """Answer a command by its real path: links may lead through hidden folders."""
    found = shutil.which(argv[0])
    if found is None:
        raise FileNotFoundError(f"{argv[0]} is not installed")
    return [os.path.realpath(found), *argv[1:]]


def _homes(programs: Iterable[str]) -> list[str]:
    """Answer the folders that programs outside the system's folders need."""
    homes: list[str] = []
    for program in programs:
        path = Path(os.path.realpath(program))
        if path.parent.name == "bin":
            folders = ("bin", "lib", "lib64", "libexec", "share")
            homes += [
                str(path.parents[1] / name)
                for name in folders
                if (path.parents[1] / name).is_dir()
            ]
        else:
            homes.append(str(path))
    return homes


def visible_of(argvs: Iterable[Sequence[str]]) -> list[str]:
    """Answer the paths that launchers need to see."""
    paths: list[str] = []
    for argv in argvs:
        program = _resolved(argv)[0]
        paths += _homes([program])
        paths += [
            os.path.dirname(os.path.abspath(word))
            for word in argv[1:]
            if word.startswith("/") and os.path.isfile(word)
        ]
    return paths


def _without_system(paths: Iterable[str]) -> list[str]:
    system = tuple(f"/{name}/" for name in ("usr", "bin", "sbin", "lib", "lib64"))
    kept = {path for path in paths if not f"{path}/".startswith(system)}
    return sorted(kept, key=len)
