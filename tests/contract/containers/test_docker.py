"""Docker containers, on a real engine: the contract, and what only Docker must do."""

from __future__ import annotations

import pytest
from contract.containers.contract import ContainerContract
from fixtures.docker import PYTHON_IMAGE, DockerHouse, need_image

from invoker.ports import ContainerSpec

pytestmark = [pytest.mark.docker, pytest.mark.anyio]


class TestDockerContainers(ContainerContract):
    @pytest.fixture
    async def factory(self, docker_factory):
        return docker_factory

    @pytest.fixture
    def spec(self, ours: ContainerSpec) -> ContainerSpec:
        return ours


class TestOurPythonImage(ContainerContract):
    """The same with the image that users' actions really run in."""

    @pytest.fixture
    async def factory(self, docker_factory):
        return docker_factory

    @pytest.fixture
    def spec(self, docker_house: DockerHouse) -> ContainerSpec:
        need_image(docker_house.client, PYTHON_IMAGE)
        return ContainerSpec(kind="python:3.11", image=PYTHON_IMAGE, memory_mb=128)
