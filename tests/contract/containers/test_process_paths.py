"""Where sandboxes see the host's files that their own mounts would hide."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.containers.contract import init, run

from invoker.containers.process import root
from invoker.containers.process.opening import ProcessOptions, open_process_containers
from invoker.ports import ContainerSpec

LAUNCHER = Path(__file__).resolve().parents[3] / "runtimes" / "python" / "launcher.py"


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path: socket names are limited to 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="chasen-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.anyio
async def test_a_launcher_below_tmp_is_found_inside(home: Path) -> None:
    """A sandbox has a /tmp of its own; a checkout may lie below the host's."""
    folder = Path(tempfile.mkdtemp(prefix="chasen-checkout-", dir="/tmp"))
    shutil.copytree(LAUNCHER.parent, folder / "python")
    script = str(folder / "python" / "launcher.py")
    try:
        async with open_process_containers(
            invoker_id="0",
            incarnation="belowtmp",
            state_dir=home / "state",
            socket_dir=home / "sockets",
            api_host="",
            options=ProcessOptions(network="host"),
            launchers={"python:3": [sys.executable, "-I", "-S", script]},
        ) as containers:
            spec = ContainerSpec("python:3", "", 256)
            container = await containers.create(spec)
            await init(container, "def main(args): return {'said': 'here'}")
            assert await run(container) == {"said": "here"}
    finally:
        shutil.rmtree(folder)


def test_only_what_is_mounted_over_is_shown_elsewhere() -> None:
    assert root.inside("/usr/lib/x") == "/usr/lib/x"
    assert root.inside("/tmp/x") == "/opt/chasen/tmp/x"
    assert root.inside("/tmpfiles") == "/tmpfiles"
