"""Launchers for the tests of this folder, ended by their own process id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract.runtimes.started import Started

import runtimes

Start = Callable[..., Started]


@pytest.fixture(params=["public", "inband"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts a launcher; all of them end with the test."""
    started: list[Started] = []

    def start(family: str, mode: str, **env: str) -> Started:
        if family not in runtimes.host_manifest()["runtimes"]:
            pytest.skip("Node.js 18 or newer is not installed")
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Started(family, mode, folder, env))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def python(start: Start, mode: str) -> Started:
    return start("python", mode)


@pytest.fixture
def node(start: Start, mode: str) -> Started:
    return start("nodejs", mode)
