"""Control groups, version 1 and 2: real limits, freezing, and who ran out of memory.

Both sides use it.  The platform finds the hierarchies, freezes, asks about memory and
sweeps; the zygote, which has left the host's file tree, makes and removes the groups
of sandboxes through folders that it opened before.
Source: Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the Linux kernel.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HOUSE = "chasen"
NEEDED_V1 = ("memory", "pids", "cpu", "freezer")
NEEDED_V2 = {"memory", "pids", "cpu"}
GONE_LIMIT_S = 2


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """``controller`` is one of v1's, or "" for the single hierarchy of v2."""

    controller: str
    home: Path  # this process's own group

    @property
    def house(self) -> Path:
        return self.home / HOUSE

    def prepare(self, label: str) -> None:
        """Make the group that the sandboxes of one life are in."""
        folder = self.house / label
        folder.mkdir(exist_ok=True)
        if not self.controller:
            _write(folder / "cgroup.subtree_control", "+memory +pids +cpu")


class CgroupsMissing(Exception):
    """Why there are none, as a sentence."""


# --- finding them ---------------------------------------------------------------------


def find() -> list[Hierarchy]:
    """Answer the hierarchies that we can make groups in.

    Raises:
        CgroupsMissing: a controller is not there, or not ours to write to.
    """
    if own := _unified():
        return [own]
    mounted = _mounted_v1()
    absent = [name for name in NEEDED_V1 if name not in mounted]
    if absent:
        raise CgroupsMissing(f"no control group hierarchy has {', '.join(absent)}")
    found = [Hierarchy(name, mounted[name]) for name in NEEDED_V1]
    for hierarchy in found:
        try:
            hierarchy.house.mkdir(exist_ok=True)
            _prove_writable(hierarchy.house)
        except OSError as error:
            raise CgroupsMissing(
                f"the control groups are not writable: {error}"
            ) from error
    return found


def _unified() -> Hierarchy | None:
    home = _own_folder("", "cgroup2")
    if home is None:
        return None
    try:
        offered = set((home / "cgroup.controllers").read_text().split())
        if not offered >= NEEDED_V2:
            return None
        _hand_down(home)
        house = home / HOUSE
        house.mkdir(exist_ok=True)
        _prove_writable(house)
        _write(house / "cgroup.subtree_control", "+memory +pids +cpu")
    except OSError as error:
        raise CgroupsMissing(f"the control group is not writable: {error}") from error
    return Hierarchy("", home)


def _hand_down(home: Path) -> None:
    control = home / "cgroup.subtree_control"
    if set(control.read_text().split()) >= NEEDED_V2:
        return
    try:
        _write(control, "+memory +pids +cpu")
    except OSError:
        # A group with processes of its own may not hand controllers down, so they
        # move into a room beside those of the sandboxes.
        room = home / f"{HOUSE}-platform"
        room.mkdir(exist_ok=True)
        for pid in (home / "cgroup.procs").read_text().split():
            _write(room / "cgroup.procs", pid)
        _write(control, "+memory +pids +cpu")


def _mounted_v1() -> dict[str, Path]:
    found = {}
    for name in NEEDED_V1:
        if folder := _own_folder(name, "cgroup"):
            found[name] = folder
    return found


def _own_folder(controller: str, kind: str) -> Path | None:
    """Answer the folder of our own group in one hierarchy."""
    own = _own_path(controller)
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        root, point = left.split()[3:5]
        mounted, _, options = right.split(" ", 2)
        if mounted != kind:
            continue
        if controller and controller not in options.split()[-1].split(","):
            continue
        inside = own.removeprefix(root.rstrip("/")) if own else "/"
        folder = Path(point) / inside.lstrip("/")
        # In a container, the path may name what only the host sees.
        return folder if folder.is_dir() else Path(point)
    return None


def _own_path(controller: str) -> str:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return path.removesuffix(f"/{HOUSE}-platform") or "/"
    return "/"


def _prove_writable(folder: Path) -> None:
    if not os.access(folder / "cgroup.procs", os.W_OK):
        raise PermissionError(f"no writing to {folder}")
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise PermissionError(f"{folder} is read-only")


def _write(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)


# --- one sandbox's group, by folder handles -------------------------------------------


def limits(
    controller: str, memory_mb: int, pids: int
) -> Iterator[tuple[str, str, bool]]:
    """Yield (file, value, may be missing) of a new group."""
    memory = str(memory_mb << 20)
    weight = min(max(memory_mb * 100 // 256, 1), 10_000)  # 256 MB is an even share
    match controller:
        case "memory":
            yield "memory.limit_in_bytes", memory, False
            yield "memory.memsw.limit_in_bytes", memory, True
        case "pids":
            yield "pids.max", str(pids), False
        case "cpu":
            yield "cpu.shares", str(max(weight * 1024 // 100, 2)), False
        case "":
            yield "memory.max", memory, False
            yield "memory.swap.max", "0", True
            yield "pids.max", str(pids), False
            yield "cpu.weight", str(weight), False


class Groups:
    """The zygote's side.  ``houses`` maps a controller to its folder of all labels."""

    def __init__(self, houses: dict[str, str], label: str) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        self._label = label
        self._houses = [os.open(house, flags) for house in houses.values()]
        self._folders = {
            controller: os.open(f"{house}/{label}", flags)
            for controller, house in houses.items()
        }

    def remove_all(self) -> None:
        """Remove the label, if nothing has it any more."""
        for house in self._houses:
            with contextlib.suppress(OSError):
                os.rmdir(self._label, dir_fd=house)

    def make(self, name: str, memory_mb: int, pids: int) -> None:
        for controller, folder in self._folders.items():
            os.mkdir(name, 0o755, dir_fd=folder)
            for file, value, optional in limits(controller, memory_mb, pids):
                try:
                    _write_at(folder, f"{name}/{file}", value)
                except OSError:
                    if not optional:
                        raise

    def join(self, name: str, pid: int) -> None:
        for folder in self._folders.values():
            _write_at(folder, f"{name}/cgroup.procs", str(pid))

    def thaw(self, name: str) -> None:
        """Let it run: a frozen process of version 1 cannot even die."""
        for controller, folder in self._folders.items():
            file, value = _freezing(controller, frozen=False)
            if file:
                try:
                    _write_at(folder, f"{name}/{file}", value)
                except OSError:
                    pass  # it is gone already

    def remove(self, name: str) -> bool:
        """Answer whether nothing is left of it."""
        left = False
        for folder in self._folders.values():
            try:
                os.rmdir(name, dir_fd=folder)
            except FileNotFoundError:
                pass
            except OSError:
                left = True
        return not left


def _write_at(folder: int, path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def _freezing(controller: str, *, frozen: bool) -> tuple[str, str]:
    if controller == "freezer":
        return "freezer.state", "FROZEN" if frozen else "THAWED"
    if controller == "":
        return "cgroup.freeze", "1" if frozen else "0"
    return "", ""


# --- one sandbox's group, by path -----------------------------------------------------


class Group:
    """The platform's side: freeze, thaw, and ask whether memory ran out."""

    def __init__(self, hierarchies: Sequence[Hierarchy], label: str, name: str) -> None:
        by_controller = {
            hierarchy.controller: hierarchy.house / label / name
            for hierarchy in hierarchies
        }
        self._unified = "" in by_controller
        folder = by_controller[""] if self._unified else by_controller["freezer"]
        memory = by_controller[""] if self._unified else by_controller["memory"]
        kind = "" if self._unified else "freezer"
        self._switch = folder / _freezing(kind, frozen=True)[0]
        self._state = folder / ("cgroup.events" if self._unified else "freezer.state")
        self._memory = memory / (
            "memory.events" if self._unified else "memory.oom_control"
        )

    def set_frozen(self, frozen: bool) -> None:
        kind = "" if self._unified else "freezer"
        _write(self._switch, _freezing(kind, frozen=frozen)[1])

    def let_die(self) -> None:
        """Thaw, if there is still something: the frozen do not die."""
        with contextlib.suppress(OSError):
            self.set_frozen(False)

    def is_frozen(self) -> bool:
        text = self._state.read_text()
        return "frozen 1" in text if self._unified else text.strip() == "FROZEN"

    def oom_kills(self) -> int:
        try:
            lines = self._memory.read_text().splitlines()
        except OSError:
            return 0
        for line in lines:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0


# --- sweeping -------------------------------------------------------------------------


def sweep(hierarchies: Sequence[Hierarchy], owner: str, *, keep: set[str]) -> set[str]:
    """Kill and remove all groups of an owner but those with a label to keep.

    Answers the sandboxes there were, as "label/name".  Blocks; for a thread.
    """
    names: set[str] = set()
    for hierarchy in hierarchies:
        for label in _labels(hierarchy, owner):
            if label.name in keep:
                continue
            groups = [folder for folder in label.iterdir() if folder.is_dir()]
            names.update(f"{label.name}/{group.name}" for group in groups)
            for group in groups:
                _empty(hierarchy.controller, group)
                _remove(group)
            _remove(label)
    return names


def _labels(hierarchy: Hierarchy, owner: str) -> list[Path]:
    try:
        return list(hierarchy.house.glob(f"{owner}.*"))
    except OSError:
        return []


def _empty(controller: str, group: Path) -> None:
    file, value = _freezing(controller, frozen=False)
    deadline = time.monotonic() + GONE_LIMIT_S
    while time.monotonic() < deadline:
        try:
            pids = (group / "cgroup.procs").read_text().split()
        except OSError:
            return
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        if file:
            try:
                _write(group / file, value)
            except OSError:
                pass
        time.sleep(0.01)


def _remove(group: Path) -> None:
    for _ in range(50):
        try:
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
