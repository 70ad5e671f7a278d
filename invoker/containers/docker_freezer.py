"""Suspending a container by its freezer cgroup: one write instead of an engine call.

What lives here: finding the cgroup of a container (v1 and v2) and writing to it.  What
does not: the engine's pause, which ``docker.py`` falls back to; the two are never mixed
on one container, because the engine would not know what was done behind its back.
Measured: freeze 0.3 ms and thaw 0.1 ms, against 10 to 35 ms through the engine.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from chasen.errors import ContainerError, ContainerGone

FREEZE_LIMIT_S = 2.0  # a task in uninterruptible sleep delays it; more is a fault
POLL_S = 0.001


@dataclass(frozen=True, slots=True)
class Freezer:
    """The freezer file of one container."""

    path: Path
    version: int

    async def freeze(self) -> None:
        """Raises ContainerGone, or ContainerError when it does not freeze in time."""
        self._write("FROZEN" if self.version == 1 else "1")
        if self._is_frozen():
            return
        try:
            async with asyncio.timeout(FREEZE_LIMIT_S):
                while not self._is_frozen():  # noqa: ASYNC110 - nobody will tell us
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            self.thaw()
            raise ContainerError(
                f"The container did not freeze within {FREEZE_LIMIT_S:g} s."
            ) from None

    def thaw(self) -> None:
        """Raises ContainerGone when its cgroup has vanished or is empty."""
        self._write("THAWED" if self.version == 1 else "0")
        if not self._has_processes():
            raise ContainerGone

    def _write(self, word: str) -> None:
        try:
            descriptor = os.open(self.path, os.O_WRONLY)
        except FileNotFoundError:
            raise ContainerGone from None
        except OSError as error:
            raise ContainerError(f"The freezer refused: {error.strerror}.") from error
        try:
            os.write(descriptor, word.encode())
        except OSError as error:  # ENODEV: removed between open and write
            raise ContainerGone from error
        finally:
            os.close(descriptor)

    def _is_frozen(self) -> bool:
        try:
            if self.version == 1:
                return self.path.read_bytes().startswith(b"FROZEN")
            events = (self.path.parent / "cgroup.events").read_bytes()
        except OSError:
            raise ContainerGone from None
        return b"frozen 1" in events

    def _has_processes(self) -> bool:
        try:
            descriptor = os.open(self.path.parent / "cgroup.procs", os.O_RDONLY)
        except OSError:
            return False
        try:
            return bool(os.read(descriptor, 16))
        except OSError:
            return False
        finally:
            os.close(descriptor)


def is_available(root: Path) -> bool:
    """Answer whether freezer files can be written here at all."""
    if (root / "freezer").is_dir():
        return os.access(root / "freezer", os.W_OK)
    return (root / "cgroup.controllers").exists() and os.access(root, os.W_OK)


def find_freezer(root: Path, container_id: str, pid: int | None) -> Freezer | None:
    """Answer the freezer of a container, or None where it cannot be written.

    Looks first where Docker puts it by default, and with a ``pid`` where
    ``/proc/<pid>/cgroup`` says.  That is believed only if it names the container: in
    another pid namespace the number belongs to somebody else.
    """
    version = 1 if (root / "freezer").is_dir() else 2
    hierarchy = root / "freezer" if version == 1 else root
    file_name = "freezer.state" if version == 1 else "cgroup.freeze"
    folders = [f"docker/{container_id}", f"system.slice/docker-{container_id}.scope"]
    if pid:
        folders += _folders_of(pid, container_id, version)
    for folder in folders:
        path = hierarchy / folder / file_name
        if os.access(path, os.W_OK):
            return Freezer(path, version)
    return None


def _folders_of(pid: int, container_id: str, version: int) -> list[str]:
    """Read lines such as ``7:freezer:/docker/<id>`` (v1) or ``0::/...`` (v2)."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return []
    found: list[str] = []
    for line in lines:
        _, controllers, folder = line.split(":", 2)
        right = "freezer" in controllers.split(",") if version == 1 else not controllers
        if right and container_id in folder:
            found.append(folder.lstrip("/").removeprefix("../"))
    return found
