"""The container port: anything that answers ``POST /init`` and ``POST /run``.

``action_proxy.py`` speaks HTTP to any address, so an adapter only makes, freezes and
removes containers.  The docstrings are the contract that ``tests/contract`` proves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What container is wanted.

    ``image`` is empty where the adapter runs processes.  ``ours`` says that the image
    is one of our runtimes: strict isolation, socket, in-band logs.  A stem cell has no
    owner yet; labels of an owner are told by ``Container.claim``.
    """

    kind: str
    image: str
    memory_mb: int
    ours: bool = True
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerAddress:
    """A Unix socket, or a host and port.  ``keep_alive``: connections may be kept."""

    unix: str | None = None
    host: str | None = None
    port: int = 8080
    keep_alive: bool = False
    inband_logs: bool = False


class Container(Protocol):
    """One running container.  suspend, resume and destroy never overlap."""

    @property
    def id(self) -> str: ...

    @property
    def address(self) -> ContainerAddress: ...

    async def suspend(self) -> None:
        """No CPU until resume; memory stays.  Raises ContainerError."""
        ...

    async def resume(self) -> None:
        """Raises ContainerGone when it died meanwhile."""
        ...

    async def logs(self, *, limit_bytes: int, wait_for_sentinel: bool) -> CollectedLogs:
        """Answer the lines since the last call (or birth), sentinels removed.

        Only for containers without in-band logs.  Waits for the sentinel of both
        streams at most two seconds without news.
        """
        ...

    async def destroy(self) -> None:
        """Gone with all its processes; twice is fine; works while suspended."""
        ...

    async def was_oom_killed(self) -> bool:
        """Answer whether memory ran out; asked after a connection broke."""
        ...


@dataclass(frozen=True, slots=True)
class CollectedLogs:
    """Lines as in a record: "<time padded to 30> <stream>: <text>"."""

    lines: Sequence[str]
    truncated: bool = False
    complete: bool = True  # False: a sentinel was awaited and did not come


class ContainerFactory(Protocol):
    """Makes containers that carry this invoker's label and incarnation."""

    @property
    def pause_grace_s(self) -> float:
        """How long a container had better rest before it is suspended, in seconds.

        0.05 where suspending costs next to nothing (the cgroup freezer, signals), 10
        where every pause and resume goes through an engine.
        """
        ...

    async def create(self, spec: ContainerSpec) -> Container:
        """Answer a container whose address is (or will at once be) listened on.

        Readiness is the client's business: it connects until it can.  Raises
        ContainerStartError, or ImageError when the user's image is at fault.
        """
        ...

    async def cleanup(self) -> int:
        """Remove all containers of this invoker that this life did not make (at start)
        or all (at stop); answer how many."""
        ...

    async def self_test(self) -> str | None:
        """Answer what keeps this adapter from making containers, None if nothing."""
        ...

    def isolation(self) -> Sequence[str]:
        """Answer sentences for start-up: how containers are kept apart, and what is
        not isolated on this machine."""
        ...
