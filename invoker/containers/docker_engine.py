"""Calls of the Docker engine, each in a thread and each with a limit.

What lives here: the only use of the ``docker`` package, four bounded crews of threads
(start, remove, ask, pull) and the translation of the package's errors.  What does not:
what a container looks like (``docker_body.py``), and anything on the hot path: an
engine call costs 1 to 300 ms, so invocations never make one.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from chasen.errors import BadInput, ContainerError, ImageError

T = TypeVar("T")

DEFAULT_SOCKET = "/var/run/docker.sock"
CALL_LIMIT_S = 10
CREATE_LIMIT_S = 60  # at overload the engine takes its time; OpenWhisk waits a minute
PULL_LIMIT_S = 600
ASKING_THREADS, PULLING_THREADS = 4, 2


class EngineFault(ContainerError):
    """The engine refused (``status`` tells how) or did not answer (``status`` None)."""

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


def socket_path(url: str) -> Path:
    """Answer the socket in ``docker:///var/run/docker.sock`` or plain ``docker:``."""
    parts = urlsplit(url)
    if parts.scheme != "docker" or parts.netloc:
        raise BadInput(
            f"CHASEN_CONTAINERS_URL={url!r} is not a local engine:"
            f" say docker://{DEFAULT_SOCKET}."
        )
    return Path(parts.path or DEFAULT_SOCKET)


class EngineClient:
    """The blocking client; errors leave it as EngineFault."""

    def __init__(self, url: str) -> None:
        # Imported when opened: it costs 0.2 s, and the embedded house needs none.
        from docker import APIClient
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        self.closing = False
        self._socket = socket_path(url)
        self._errors = (DockerException, RequestException, OSError)
        base = f"unix://{self._socket}"
        try:
            self._connect().close()  # the package leaks a socket that finds nobody
            # Read from the engine once; asking for a newer one than it has fails.
            self._api = APIClient(base, version="auto", timeout=CALL_LIMIT_S)
            version = self._api.api_version
            self._patient = APIClient(base, version=version, timeout=CREATE_LIMIT_S)
            self._puller = APIClient(base, version=version, timeout=PULL_LIMIT_S)
        except self._errors as error:
            raise self._fault("connect", error) from error

    def close(self) -> None:
        for api in (self._api, self._patient, self._puller):
            api.close()

    def ping(self) -> None:
        self._do("ping", self._api.ping)

    def info(self) -> dict[str, Any]:
        return self._do("info", self._api.info)

    def create(self, name: str, body: dict[str, Any]) -> str:
        make = self._patient.create_container_from_config
        return self._do("create", lambda: make(body, name)["Id"])

    def start(self, container: str) -> None:
        self._do("start", lambda: self._patient.start(container))

    def inspect(self, container: str) -> dict[str, Any]:
        return self._do("inspect", lambda: self._api.inspect_container(container))

    def pause(self, container: str) -> None:
        self._do("pause", lambda: self._api.pause(container))

    def unpause(self, container: str) -> None:
        self._do("unpause", lambda: self._api.unpause(container))

    def remove(self, container: str) -> None:
        """Remove by force with its volumes; one that is gone already is fine."""
        try:
            self._do(
                "remove",
                lambda: self._patient.remove_container(container, v=True, force=True),
            )
        except EngineFault as fault:
            if fault.status == 409:  # somebody else is at it already
                self._await_absence(container)
            elif fault.status != 404:
                raise

    def _await_absence(self, container: str) -> None:
        for _ in range(CALL_LIMIT_S * 10):
            try:
                self.inspect(container)
            except EngineFault as fault:
                if fault.status == 404:
                    return
                raise
            time.sleep(0.1)
        raise EngineFault("The container engine does not get rid of a container.")

    def list_by_labels(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Answer containers in any state that carry all these labels."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        return self._do(
            "list", lambda: self._api.containers(all=True, filters={"label": wanted})
        )

    def attach(self, container: str) -> socket.socket:
        """Answer a stream of both outputs from now on, in the engine's frames.

        Spoken by hand: the package closes the connection with its response.
        """
        wanted = "attach?stream=1&stdout=1&stderr=1"
        target = f"/v{self._api.api_version}/containers/{container}/{wanted}"

        def take() -> socket.socket:
            stream = self._connect()
            try:
                stream.sendall(
                    f"POST {target} HTTP/1.1\r\nhost: engine\r\n"
                    "connection: Upgrade\r\nupgrade: tcp\r\n\r\n".encode()
                )
                head = bytearray()
                while not head.endswith(b"\r\n\r\n"):
                    if not (byte := stream.recv(1)):  # no more: output may follow
                        break
                    head += byte
                if b" 101 " not in head.split(b"\r\n", 1)[0]:
                    raise EngineFault("The container engine refused to attach.", 500)
                stream.setblocking(False)
            except BaseException:
                stream.close()
                raise
            return stream

        return self._do("attach", take)

    def _connect(self) -> socket.socket:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.settimeout(CALL_LIMIT_S)
            stream.connect(str(self._socket))
        except BaseException:
            stream.close()
            raise
        return stream

    def pull(self, image: str) -> None:
        """Raises EngineFault, also when the failure stands inside the stream."""
        repository, tag = split_reference(image)

        def read() -> None:
            lines = self._puller.pull(repository, tag=tag, stream=True, decode=True)
            for line in lines:
                if self.closing:
                    raise EngineFault("The invoker ends; the pull is given up.")
                if "error" in line:
                    raise EngineFault(str(line["error"]))

        self._do("pull", read)

    def has_image(self, image: str) -> bool:
        try:
            self._do("inspect image", lambda: self._api.inspect_image(image))
        except EngineFault as fault:
            if fault.status == 404:
                return False
            raise
        return True

    def network(self, name: str) -> dict[str, Any] | None:
        found = self._do("list networks", lambda: self._api.networks(names=[name]))
        exact = [network for network in found if network["Name"] == name]
        return exact[0] if exact else None

    def create_network(self, name: str, **options: Any) -> None:
        self._do(
            "create network",
            lambda: self._api.create_network(name, check_duplicate=True, **options),
        )

    def remove_network(self, name: str) -> None:
        self._do("remove network", lambda: self._api.remove_network(name))

    def _do(self, what: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except self._errors as error:
            raise self._fault(what, error) from error

    def _fault(self, what: str, error: Exception) -> EngineFault:
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        if status is not None:
            told = getattr(error, "explanation", None) or error
            return EngineFault(
                f"The container engine refused to {what}: {told}", status
            )
        return EngineFault(
            f"The container engine at {self._socket} does not answer ({what}: {error})."
            " Check that it runs and that this user may use its socket."
        )


class Engine:
    """The same calls for asyncio; each crew of threads is also a limit."""

    def __init__(self, url: str, *, concurrent_starts: int) -> None:
        self._url = url
        self.client: EngineClient
        self._starting = ThreadPoolExecutor(concurrent_starts, "docker-start")
        self._removing = ThreadPoolExecutor(concurrent_starts, "docker-remove")
        self._asking = ThreadPoolExecutor(ASKING_THREADS, "docker-ask")
        self._pulling = ThreadPoolExecutor(PULLING_THREADS, "docker-pull")
        self._pulls: dict[str, asyncio.Future[None]] = {}

    async def connect(self) -> None:
        self.client = await self.ask(lambda: EngineClient(self._url))

    async def close(self) -> None:
        """Waits for calls under way: they are bounded by their limits."""
        if hasattr(self, "client"):
            self.client.closing = True
        for crew in (self._starting, self._removing, self._asking, self._pulling):
            await asyncio.to_thread(crew.shutdown, wait=True, cancel_futures=True)
        if hasattr(self, "client"):
            self.client.close()

    async def ask(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._asking, call)

    def start(self, call: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._starting, call)

    async def remove(self, container: str) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._removing, self.client.remove, container)

    async def state_of(self, container: str) -> dict[str, Any]:
        """Raises EngineFault, also when the container is unknown."""
        return (await self.ask(lambda: self.client.inspect(container)))["State"]

    async def pull(self, image: str) -> None:
        """Pull once however many ask at the same time; a failure is not remembered."""
        pull = self._pulls.get(image)
        if pull is None:
            loop = asyncio.get_running_loop()
            pull = loop.run_in_executor(self._pulling, self.client.pull, image)
            self._pulls[image] = pull
            pull.add_done_callback(lambda _: self._pulls.pop(image, None))
        await asyncio.shield(pull)

    async def provide_image(self, image: str) -> None:
        """Pull a user's image; with a tag of its own, a copy that is here will do.

        Raises:
            ImageError: it could not be pulled, and must be or is not here.
        """
        try:
            await self.pull(image)
        except EngineFault as fault:
            pinned = "@" in image or split_reference(image)[1] != "latest"
            if pinned and await self.ask(lambda: self.client.has_image(image)):
                return
            raise ImageError(f"Failed to pull container image '{image}'.") from fault


def split_reference(image: str) -> tuple[str, str]:
    """Answer repository and tag or digest: ``host:5000/a/b:1`` -> (.., "1")."""
    repository, at, digest = image.partition("@")
    if at:
        return repository, digest
    head, colon, tag = image.rpartition(":")
    if not colon or "/" in tag:
        return image, "latest"
    return head, tag
