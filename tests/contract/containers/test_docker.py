"""Docker containers, on a real engine: the contract, and what only Docker must do."""

from __future__ import annotations

import pytest
from contract.containers.contract import ContainerContract

from invoker.ports import ContainerSpec

pytestmark = [pytest.mark.docker, pytest.mark.anyio]


class TestDockerContainers(ContainerContract):
    @pytest.fixture
    async def factory(self, docker_factory):
        return docker_factory

    @pytest.fixture
    def spec(self, ours: ContainerSpec) -> ContainerSpec:
        return ours
