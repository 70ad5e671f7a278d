"""One sandbox as the invoker knows it: suspend, resume, destroy, out of memory?"""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from chasen.errors import ContainerError, ContainerGone, ContainerStartError
from invoker.ports import CollectedLogs, ContainerAddress

from .cables import Attachment
from .cgroups import Group
from .channel import Event

FREEZE_LIMIT_S = 2
SOCKET_LOOK_S = 0.001
SOCKET_PATH_MAX = 107  # of sockaddr_un


@dataclass(slots=True)
class Life:
    """What is known of one sandbox from the zygote's events."""

    started: asyncio.Future[int]
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    exited: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    status: int | None = None
    stderr: str = ""

    def hear(self, event: Event) -> None:
        match event["event"]:
            case "started" if not self.started.done():
                self.started.set_result(event["pid"])
            case "failed":
                self.fail(f"The sandbox failed: {event['why']}.")
            case "exited":
                self.end(event["status"], event["stderr"])
            case "done":
                self.done.set()
            case "gone":
                self.gone.set()

    def fail(self, sentence: str) -> None:
        if not self.started.done():
            self.started.set_exception(ContainerStartError(sentence))
            self.started.exception()  # it may be that nobody waits for it any more

    def end(self, status: int, stderr: str) -> None:
        self.status, self.stderr = status, stderr
        self.exited.set()
        self.done.set()
        self.fail(f"The sandbox ended at once ({self.ending()}).")

    def ending(self) -> str:
        text = " ".join(self.stderr.split())[-300:]
        return f"status {self.status}{': ' + text if text else ''}"


class Maker(Protocol):
    """What a container asks of its factory."""

    async def tell(self, what: str, name: str) -> None: ...

    async def forget(self, container: ProcessContainer) -> None: ...


class ProcessContainer:
    """The address is a name of ours for a handle on the socket.

    The sandbox owns the folder where its launcher listens: it could put a link there,
    to a socket of ours or of a neighbour.  So the socket is looked up once, before
    there is foreign code, and kept by handle.  The name is never used again, the
    handle's number is.
    """

    def __init__(self, maker: Maker, name: str, life: Life, link: Path) -> None:
        self._maker = maker
        self._name = name
        self._link = link
        self._socket = -1
        self._destroyed = False
        self._out_of_memory = False
        self.life = life
        self.group: Group | None = None
        self.uid = 0
        self.attachment: Attachment | None = None

    @property
    def id(self) -> str:
        return self._name

    @property
    def address(self) -> ContainerAddress:
        return ContainerAddress(unix=str(self._link), keep_alive=True, inband_logs=True)

    async def find_socket(self, path: str) -> None:
        """Wait until the launcher has made its socket."""
        while (handle := _open_socket(path)) is None:
            if self.life.exited.is_set():
                raise ContainerStartError(
                    f"The launcher ended before it listened ({self.life.ending()})."
                )
            await asyncio.sleep(SOCKET_LOOK_S)
        self._socket = handle
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            raise ContainerStartError("The launcher made something else than a socket.")
        self._link.symlink_to(f"/proc/self/fd/{handle}")

    async def suspend(self) -> None:
        self._must_live()
        if self.group is None:
            await self._signal("stop")
        else:
            await self._freeze(self.group)

    async def _freeze(self, group: Group) -> None:
        try:
            group.set_frozen(True)
            async with asyncio.timeout(FREEZE_LIMIT_S):
                while not group.is_frozen():  # noqa: ASYNC110 - the kernel tells nobody
                    await asyncio.sleep(0)
        except FileNotFoundError as error:
            raise ContainerGone() from error
        except (OSError, TimeoutError) as error:
            raise ContainerError(f"The sandbox could not be frozen: {error}") from error

    async def resume(self) -> None:
        self._must_live()
        if self.group is None:
            await self._signal("continue")
        else:
            self._thaw(self.group)
        self._must_live()

    def _thaw(self, group: Group) -> None:
        try:
            group.set_frozen(False)
        except OSError as error:
            raise ContainerGone() from error

    async def _signal(self, what: str) -> None:
        self.life.done.clear()
        await self._maker.tell(what, self._name)
        await self.life.done.wait()

    async def logs(self, *, limit_bytes: int, wait_for_sentinel: bool) -> CollectedLogs:
        """The launcher sends the lines with its answers; none are left over."""
        return CollectedLogs(())

    async def destroy(self) -> None:
        if not self._destroyed:
            self._destroyed = True
            self._out_of_memory = await self.was_oom_killed()
            self._link.unlink(missing_ok=True)
            try:
                await self._maker.forget(self)
            finally:
                if self._socket >= 0:
                    os.close(self._socket)
        await self.life.gone.wait()

    async def was_oom_killed(self) -> bool:
        if not self._out_of_memory and self.group is not None:
            self._out_of_memory = self.group.oom_kills() > 0
        return self._out_of_memory

    def _must_live(self) -> None:
        if self._destroyed or self.life.exited.is_set():
            raise ContainerGone()


def _open_socket(path: str) -> int | None:
    try:
        return os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return None
