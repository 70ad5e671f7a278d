"""From a wish to a container that listens: image, directory, start, address, freezer.

What lives here: every step of a cold start, and undoing all of them when one fails or
the caller stops waiting.  What does not: the body that the engine is given
(``docker_body.py``), and removing containers that have lived (``docker.py``).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from chasen.errors import ContainerError, ContainerStartError, ImageError
from invoker.containers import docker_freezer
from invoker.containers.docker_body import (
    LABEL_KIND,
    LABEL_TOKEN,
    SOCKET_NAME,
    Birth,
    container_body,
)
from invoker.containers.docker_container import DockerContainer
from invoker.containers.docker_engine import Engine, EngineFault
from invoker.containers.docker_freezer import Freezer
from invoker.containers.docker_logs import LogStream
from invoker.containers.docker_options import DockerOptions
from invoker.ports import ContainerAddress, ContainerSpec

log = logging.getLogger(__name__)

READY_POLL_S = 0.002
ALIVE_POLL_S = 0.25
UIDS = range(200_000, 260_000)  # of nobody on the host, one for each container
BLACKBOX_PORT = 8080


class Starter:
    """Starts containers for one factory; knows which it is just starting."""

    def __init__(
        self,
        engine: Engine,
        *,
        options: DockerOptions,
        labels: Mapping[str, str],
        socket_dir: Path,
        seccomp: str,
        discard: Callable[[str], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._options = options
        self._labels = labels
        self._socket_dir = socket_dir
        self._seccomp = seccomp
        self._discard = discard
        self.under_way: set[str] = set()  # tokens
        self.can_freeze = docker_freezer.is_available(options.cgroup_root)

    async def start(self, spec: ContainerSpec) -> tuple[str, DockerContainer]:
        """Answer token and container.  Raises ContainerStartError or ImageError."""
        if not spec.ours:
            self._check_blackbox()
            await self._engine.provide_image(spec.image)
        token = secrets.token_hex(8)
        self.under_way.add(token)
        try:
            return token, await self._start(spec, self._birth_of(token, spec))
        except BaseException:
            # Also when the caller stops waiting: the engine may be half-way through.
            await asyncio.shield(self._undo(token))
            raise
        finally:
            self.under_way.discard(token)

    def _check_blackbox(self) -> None:
        if self._options.blackbox == "off":
            raise ImageError(
                "Images of users are switched off here (CHASEN_BLACKBOX=off)."
            )
        if not self._options.open_network:
            raise ImageError(
                "Images of users are reached by the action network, which is closed"
                " here (CHASEN_ACTION_NETWORK=none)."
            )

    def _birth_of(self, token: str, spec: ContainerSpec) -> Birth:
        uid = UIDS.start + secrets.randbelow(len(UIDS))
        return Birth(
            token=token,
            uid=uid,
            socket_folder=self._make_folder(token, uid) if spec.ours else None,
            labels={**self._labels, LABEL_KIND: spec.kind, LABEL_TOKEN: token},
        )

    async def _start(self, spec: ContainerSpec, birth: Birth) -> DockerContainer:
        body = container_body(spec, birth, options=self._options, seccomp=self._seccomp)
        making = self._engine.start(
            lambda: self._make(name_of(birth.token), body, attach=not spec.ours)
        )
        try:
            container_id, attached = await asyncio.shield(making)
        except EngineFault as fault:
            raise _start_error(spec, fault) from fault
        except asyncio.CancelledError:
            await asyncio.wait([making])  # bounded by the engine's own limit
            _close_attached(making)
            raise
        logs = (
            LogStream(attached, buffer_bytes=self._options.log_buffer_bytes)
            if attached is not None
            else None
        )
        try:
            address = await self._address_of(spec, container_id, birth)
            freezer = await self._freezer_of(container_id)
        except BaseException:
            if logs is not None:
                await logs.close()
            raise
        log.info(
            "container started",
            extra={"container": container_id[:12], "kind": spec.kind},
        )
        return DockerContainer(
            container_id,
            address,
            engine=self._engine,
            discard=self._discard,
            freezer=freezer,
            logs=logs,
        )

    def _make(
        self, name: str, body: dict, *, attach: bool
    ) -> tuple[str, socket.socket | None]:
        client = self._engine.client
        container_id = client.create(name, body)
        # Attached before it starts, so that not a byte is missed.
        attached = client.attach(container_id) if attach else None
        try:
            client.start(container_id)
        except BaseException:
            if attached is not None:
                attached.close()
            raise
        return container_id, attached

    async def _address_of(
        self, spec: ContainerSpec, container_id: str, birth: Birth
    ) -> ContainerAddress:
        if birth.socket_folder is not None:
            path = birth.socket_folder / SOCKET_NAME
            await self._await_socket(str(path), container_id, spec)
            _close_folder(birth.socket_folder)
            return ContainerAddress(unix=str(path), keep_alive=True, inband_logs=True)
        client = self._engine.client
        told = await self._engine.ask(lambda: client.inspect(container_id))
        network = told["NetworkSettings"]["Networks"].get(self._options.network, {})
        if not network.get("IPAddress"):  # it ended before it could be asked
            raise ImageError(
                f"The image '{spec.image}' ended as soon as it was started."
            )
        return ContainerAddress(host=network["IPAddress"], port=BLACKBOX_PORT)

    async def _await_socket(
        self, path: str, container_id: str, spec: ContainerSpec
    ) -> None:
        """Wait for the launcher: its directory is closed before any user code runs."""
        started = time.monotonic()
        look_s = ALIVE_POLL_S
        while not os.access(path, os.F_OK):
            waited_s = time.monotonic() - started
            if waited_s > look_s:
                look_s += ALIVE_POLL_S
                await self._check_alive(container_id, spec)
            if waited_s > self._options.ready_limit_s:
                raise ContainerStartError(
                    f"The image {spec.image} did not listen within"
                    f" {self._options.ready_limit_s:g} s."
                )
            await asyncio.sleep(READY_POLL_S)

    async def _check_alive(self, container_id: str, spec: ContainerSpec) -> None:
        state = await self._engine.state_of(container_id)
        if not state.get("Running"):
            raise ContainerStartError(
                f"The image {spec.image} ended with status {state.get('ExitCode')}"
                " before it listened. Build it anew with `make images`."
            )

    async def _freezer_of(self, container_id: str) -> Freezer | None:
        if not self.can_freeze:
            return None
        root = self._options.cgroup_root
        found = docker_freezer.find_freezer(root, container_id, None)
        if found is None:
            pid = (await self._engine.state_of(container_id)).get("Pid")
            found = docker_freezer.find_freezer(root, container_id, pid)
        if found is None:
            self.can_freeze = False
            log.warning(
                "no freezer for this container: the engine will pause containers",
                extra={"container": container_id[:12]},
            )
        return found

    async def _undo(self, token: str) -> None:
        """Remove a container that may or may not have come to be."""
        try:
            await self._engine.remove(name_of(token))
        except ContainerError as error:
            log.warning("container stays for now", extra={"error": str(error)})
        self.drop_folder(token)

    def _make_folder(self, token: str, uid: int) -> Path:
        folder = self._socket_dir / token
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, uid, uid)
        else:  # its parent keeps everybody else out
            folder.chmod(0o777)
        return folder

    def drop_folder(self, token: str) -> None:
        shutil.rmtree(self._socket_dir / token, ignore_errors=True)


def name_of(token: str) -> str:
    return f"chasen-{token}"


def _close_folder(folder: Path) -> None:
    """Keep the container from filling the host's disk through its directory."""
    if os.geteuid() == 0:
        os.chown(folder, 0, 0)
    folder.chmod(0o711)


def _close_attached(making: asyncio.Future) -> None:
    if not making.cancelled() and making.exception() is None:
        attached = making.result()[1]
        if attached is not None:
            attached.close()


def _start_error(spec: ContainerSpec, fault: EngineFault) -> ContainerError:
    """Answer whose fault it is that a container did not start."""
    if not spec.ours:
        if fault.status not in (400, 404):  # of the image: no such command
            return ContainerStartError(str(fault))
        return ImageError(
            f"The image '{spec.image}' cannot be started: its command was not found"
            " or cannot be run."
        )
    if fault.status == 404:
        return ContainerStartError(
            f"The image {spec.image} is missing on this machine: run `make images`."
        )
    return ContainerStartError(str(fault))
