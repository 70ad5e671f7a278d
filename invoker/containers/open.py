"""From an address to what makes containers; the only place that knows which there are.

process:                       sandboxed processes of this machine
docker:///var/run/docker.sock  containers of the engine behind this socket
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from chasen.errors import BadInput
from chasen.settings import Settings
from invoker.ports import ContainerFactory


def open_containers(
    settings: Settings, *, incarnation: str
) -> AbstractAsyncContextManager[ContainerFactory]:
    """Open the containers at the settings' address; closing removes all it made.

    ``incarnation`` names this life of the invoker and is never used twice.

    Raises:
        BadInput: the address is none, or a setting cannot be read.
        ContainerError: on entering, when no container could be made.
    """
    url = settings.containers_url
    place = {
        "invoker_id": str(settings.invoker_id),
        "incarnation": incarnation,
        "state_dir": settings.state_dir,
        "socket_dir": settings.socket_dir,
        "api_host": settings.public_api_host,
    }
    # An adapter's library is loaded only where it is used.
    if url.startswith("process:"):
        from invoker.containers.process.opening import (
            ProcessOptions,
            open_process_containers,
        )

        options = ProcessOptions.from_settings(settings)
        return open_process_containers(**place, options=options)
    if url.startswith("docker://"):
        from invoker.containers.docker import open_docker_containers
        from invoker.containers.docker_options import DockerOptions

        return open_docker_containers(
            url, **place, options=DockerOptions.from_settings(settings)
        )
    raise BadInput(
        f"CHASEN_CONTAINERS_URL={url!r} is no address of containers."
        " Use process: or docker:///var/run/docker.sock."
    )
