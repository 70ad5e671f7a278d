"""Where actions run is decided here, by one URL: ``process:`` or ``docker://SOCKET``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from chasen.errors import BadInput
from chasen.settings import Settings
from invoker.ports import ContainerFactory


def open_containers(
    url: str,
    *,
    invoker_id: int | str,
    incarnation: str,
    state_dir: Path,
    socket_dir: Path,
    api_host: str,
    options: Mapping[str, str] | Settings | None = None,
) -> AbstractAsyncContextManager[ContainerFactory]:
    """Answer what makes containers; leaving it removes all that it made.

    Args:
        incarnation: names this life of the invoker; never used twice.
        api_host: the URL that actions get as ``__OW_API_HOST``.
        options: settings by name (``{"ACTION_NETWORK": "none"}``), or all of them.

    Raises:
        BadInput: the URL is none of those, or a setting cannot be read.
        ContainerError: on entering, when no container could be made.
    """
    settings = options if isinstance(options, Settings) else _settings(options or {})
    scheme, _, rest = url.partition(":")
    if scheme == "process":
        from invoker.containers.process.opening import (
            ProcessOptions,
            open_process_containers,
        )

        return open_process_containers(
            invoker_id=str(invoker_id),
            incarnation=incarnation,
            state_dir=state_dir,
            socket_dir=socket_dir,
            api_host=api_host,
            options=ProcessOptions.from_settings(settings),
        )
    if scheme == "docker" and rest.startswith("//"):
        from invoker.containers.docker import open_docker_containers
        from invoker.containers.docker_options import DockerOptions

        return open_docker_containers(
            url,
            invoker_id=str(invoker_id),
            incarnation=incarnation,
            state_dir=state_dir,
            socket_dir=socket_dir,
            api_host=api_host,
            options=DockerOptions.from_settings(settings),
        )
    raise BadInput(
        f"CHASEN_CONTAINERS_URL={url!r} is not known:"
        " say process: or docker:///var/run/docker.sock."
    )


def _settings(options: Mapping[str, str]) -> Settings:
    return Settings.from_environment(
        {f"CHASEN_{name.upper()}": str(value) for name, value in options.items()}
    )
