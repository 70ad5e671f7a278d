"""Fixtures of the Docker tests; the process sandbox brings its own."""

from fixtures.docker import (
    blackbox,
    docker_client,
    docker_factory,
    docker_house,
    ours,
)

__all__ = ["blackbox", "docker_client", "docker_factory", "docker_house", "ours"]
