"""A cable from each sandbox to the bridge, made ahead; and the relay to the API.

The bridge itself and its rules are ``network``'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import secrets
import socket
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from . import interfaces, linux
from .network import (
    Bridge,
    NetworkFault,
    address_of,
    is_local,
    program,
    remove_bridge,
    without_ipv6,
)

READY = 2 + (os.cpu_count() or 1)
RELAY_BYTES = 65_536
API_VARIABLE = "__OW_API_HOST"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A network namespace with one end of a cable in it; ``handle`` leads there."""

    handle: int
    address: ipaddress.IPv4Address


def new_namespace() -> tuple[int, socket.socket]:
    """Make a network namespace; answer a handle on it and a socket in it.

    The calling thread is in it for a moment, and then back; no other one is.
    """
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        linux.unshare(linux.CLONE_NEWNET)
        try:
            for name in ("all", "default"):
                without_ipv6(name)
            handle = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            return handle, interfaces.control()
        finally:
            linux.setns(own, linux.CLONE_NEWNET)
    except OSError as error:
        raise NetworkFault(str(error)) from error
    finally:
        os.close(own)


@dataclass(slots=True)
class ActionNetwork:
    """Gives out attachments; keeps a few ready, since one takes ten milliseconds."""

    bridge: Bridge
    records: Path
    api_host: str
    _ready: list[Attachment] = field(default_factory=list)
    _taken: set[ipaddress.IPv4Address] = field(default_factory=set)
    _refill: asyncio.Task[None] | None = None
    _relay: asyncio.Server | None = None
    # A thread of its own, since it wanders between network namespaces.
    _workshop: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    async def open(self) -> None:
        host, port = address_of(self.api_host)
        if is_local(host):
            # It may listen on all addresses already: then nobody is needed between.
            with contextlib.suppress(OSError):
                self._relay = await asyncio.start_server(
                    self._carry, self.bridge.gateway, port
                )
        self._keep_ready()

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Answer the variables with the API host as a sandbox can reach it."""
        changed = dict(given)
        url = given.get(API_VARIABLE, "")
        if url and is_local(address_of(url)[0]):
            scheme = urlsplit(url).scheme or "http"
            changed[API_VARIABLE] = (
                f"{scheme}://{self.bridge.gateway}:{address_of(url)[1]}"
            )
        return changed

    async def take(self) -> Attachment:
        """Raises NetworkFault."""
        attachment = self._ready.pop() if self._ready else await self._make()
        self._keep_ready()
        return attachment

    def give_back(self, address: ipaddress.IPv4Address) -> None:
        """The sandbox is gone, and its end of the cable with it."""
        self._taken.discard(address)

    def _keep_ready(self) -> None:
        if self._refill is None or self._refill.done():
            self._refill = asyncio.create_task(self._fill(), name="sandbox-networks")

    async def _fill(self) -> None:
        try:
            while len(self._ready) < READY:
                self._ready.append(await self._make())
        except NetworkFault:
            return  # the next one who needs it is told why

    async def _make(self) -> Attachment:
        address = self._free_address()
        try:
            handle = await self._in_workshop(str(address))
        except BaseException:
            self._taken.discard(address)
            raise
        return Attachment(handle, address)

    async def _in_workshop(self, address: str) -> int:
        work = self._workshop.submit(self._wire, address)
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            # What is begun gets finished, and then nobody wants it.
            work.add_done_callback(_discard)
            raise

    def _wire(self, address: str) -> int:
        """Answer a handle on a new network namespace with a working eth0."""
        handle, control = new_namespace()
        with control:
            try:
                self._plug(handle)
                interfaces.configure(
                    "eth0",
                    control,
                    address=address,
                    mask=str(self.bridge.part.netmask),
                    gateway=self.bridge.gateway,
                )
            except (NetworkFault, OSError) as error:
                os.close(handle)
                raise NetworkFault(str(error)) from error
        return handle

    def _plug(self, handle: int) -> None:
        cable = f"chs{secrets.token_hex(5)}"
        place = f"/proc/{os.getpid()}/fd/{handle}"
        program(
            ["ip", "-batch", "-"],
            f"link add name {cable} type veth peer name eth0 netns {place}\n"
            f"link set dev {cable} master {self.bridge.name}\n"
            f"link set dev {cable} type bridge_slave isolated on\n"
            f"link set dev {cable} up\n",
        )

    def _free_address(self) -> ipaddress.IPv4Address:
        hosts = self.bridge.part.hosts()
        next(hosts)  # the gateway's
        for address in hosts:
            if address not in self._taken:
                self._taken.add(address)
                return address
        raise NetworkFault(f"all addresses of {self.bridge.part} are taken")

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Relay one connection to the API, which listens on loopback alone."""
        try:
            host, port = address_of(self.api_host)
            there = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(reader, there[1]), name="relay:in")
                tasks.create_task(_pump(there[0], writer), name="relay:out")
        finally:
            writer.close()
            there[1].close()

    async def close(self) -> None:
        if self._refill is not None:
            self._refill.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refill
        if self._relay is not None:
            self._relay.close()
        for attachment in self._ready:
            os.close(attachment.handle)
        self._ready.clear()
        await asyncio.to_thread(self._workshop.shutdown)
        await asyncio.to_thread(remove_bridge, self.bridge, self.records)


def _discard(work: Future[int]) -> None:
    if not work.cancelled() and work.exception() is None:
        os.close(work.result())


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(RELAY_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
