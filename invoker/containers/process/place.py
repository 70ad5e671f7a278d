"""Whose sandboxes these are, where their files lie, and which lives are over."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from invoker.containers.incarnation import clear, living

from . import cgroups

LOCKS = "locks"


@dataclass(frozen=True, slots=True)
class Place:
    """Everything of one life of one invoker carries its ``label``."""

    invoker_id: str
    incarnation: str
    state_dir: Path
    socket_dir: Path
    api_host: str

    @classmethod
    def make(
        cls,
        invoker_id: str,
        incarnation: str,
        state_dir: Path,
        socket_dir: Path,
        api_host: str,
    ) -> Place:
        """Answer a place whose folders are there."""
        state_dir, socket_dir = state_dir.absolute(), socket_dir.absolute()
        state_dir.mkdir(parents=True, exist_ok=True)
        socket_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(invoker_id, incarnation, state_dir, socket_dir, api_host)

    @property
    def owner(self) -> str:
        """Two houses on one machine may both have an invoker 0: the folder decides."""
        folder = str(self.state_dir.resolve()).encode()
        return f"{self.invoker_id}-{hashlib.sha256(folder).hexdigest()[:8]}"

    @property
    def label(self) -> str:
        return f"{self.owner}.{self.incarnation}"

    @property
    def base(self) -> Path:
        """An empty folder that the zygote mounts on, unseen by others."""
        return self.state_dir / "sandbox-root"

    @property
    def folder(self) -> Path:
        """Where this life's sockets are found."""
        return self.socket_dir / self.label

    @property
    def networks(self) -> Path:
        """Where it is written down which bridges there are."""
        return self.state_dir / "networks"

    @property
    def locks(self) -> Path:
        return self.socket_dir / LOCKS

    def living(self) -> set[str]:
        """Answer the labels that somebody alive still uses, this one included."""
        return {f"{self.owner}.{name}" for name in living(self.locks)}

    def sweep(self, groups: Sequence[cgroups.Hierarchy], *, mine: bool) -> int:
        """Remove what dead lives left, and with ``mine`` this one's; blocks.

        Answers how many sandboxes there were.
        """
        keep = self.living() - ({self.label} if mine else set())
        names = cgroups.sweep(groups, self.owner, keep=keep)
        for folder in self.socket_dir.glob(f"{self.owner}.*"):
            if folder.name not in keep:
                names |= {f"{folder.name}/{path.stem}" for path in folder.iterdir()}
                shutil.rmtree(folder, ignore_errors=True)
                clear(self.locks, folder.name.removeprefix(f"{self.owner}."))
        return len(names)
