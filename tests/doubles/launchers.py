"""Containers that are real servers on real Unix sockets, in this process.

What such a server answers is up to the test: ``behave`` gets the open streams of each
connection and may do anything.  The well-behaved one is ``Launcher``.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from invoker.ports import CollectedLogs, Container, ContainerAddress, ContainerSpec

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """What the invoker asked for."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Answer the next request, None when the connection ended."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().split("\r\n")[:-2]
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(first.split(" ")[1], headers, body)


def reply(
    body: bytes, status: str = "200 OK", *headers: str, length: int | None = None
) -> bytes:
    """Answer the bytes of a plain reply."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Launcher:
    """Answers /init with OK and /run with what ``run`` makes of the request.

    ``run`` may answer bytes to send as they are.  With ``inband`` the lines in
    ``lines`` go with the reply, as our own launchers do it.
    """

    run: Callable[[Request], Any] = lambda request: request.json["value"]
    init: Callable[[Request], bytes] = lambda request: reply(b'{"OK":true}')
    lines: Sequence[str] = ()
    inband: bool = False
    requests: list[Request] = field(default_factory=list)

    async def __call__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while (request := await read_request(reader)) is not None:
            self.requests.append(request)
            if request.path == "/init":
                writer.write(self.init(request))
                continue
            result = self.run(request)
            if asyncio.iscoroutine(result):
                result = await result
            if not isinstance(result, bytes):
                result = self.framed(json.dumps(result).encode())
            writer.write(result)
            await writer.drain()

    def framed(self, result: bytes) -> bytes:
        if not self.inband:
            return reply(result)
        block = "\n".join(self.lines).encode()
        return reply(result + block, "200 OK", f"X-Chasen-Result: {len(result)}")


class ServerContainer:
    """One server; ``connections`` counts how often somebody connected."""

    def __init__(self, owner: ServerContainers, path: Path, spec: ContainerSpec):
        self._owner = owner
        self._path = path
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.spec = spec
        self.connections = 0
        self.suspended = False

    async def listen(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._owner.behave(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    @property
    def id(self) -> str:
        return self._path.name

    @property
    def address(self) -> ContainerAddress:
        return ContainerAddress(
            unix=str(self._path),
            keep_alive=self._owner.keep_alive,
            inband_logs=self._owner.inband_logs,
        )

    async def suspend(self) -> None:
        self.suspended = True

    async def resume(self) -> None:
        self.suspended = False

    async def logs(self, *, limit_bytes: int, wait_for_sentinel: bool) -> CollectedLogs:
        await asyncio.sleep(self._owner.logs_after_s)
        return self._owner.collected

    async def destroy(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            for task in tuple(self._tasks):
                task.cancel()
            self._path.unlink(missing_ok=True)
            self._owner.living.remove(self)

    async def was_oom_killed(self) -> bool:
        return self._owner.out_of_memory


@dataclass
class ServerContainers:
    """Implements ``ContainerFactory``."""

    folder: Path
    behave: Behaviour = field(default_factory=Launcher)
    keep_alive: bool = False
    inband_logs: bool = False
    collected: CollectedLogs = CollectedLogs(())
    logs_after_s: float = 0.0
    out_of_memory: bool = False
    pause_grace_s: float = 0.05
    living: list[ServerContainer] = field(default_factory=list)
    made: list[ServerContainer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    async def create(self, spec: ContainerSpec) -> Container:
        path = self.folder / f"{next(self._numbers)}.sock"
        container = ServerContainer(self, path, spec)
        await container.listen()
        self.living.append(container)
        self.made.append(container)
        return container

    async def cleanup(self) -> int:
        return 0

    async def self_test(self) -> str | None:
        return None

    def isolation(self) -> Sequence[str]:
        return ()
