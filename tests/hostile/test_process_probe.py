"""The probe in process sandboxes, against what it may find there, byte for byte.

A new way out, or one that is closed by now, fails until the golden file says so.  After
a change that is wanted: CHASEN_TEST_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.containers.contract import init, run
from hostile import probe

from invoker.containers.process import tiers
from invoker.containers.process.opening import ProcessOptions, open_process_containers
from invoker.ports import ContainerSpec

HERE = Path(__file__).resolve()
GOLDEN = HERE.parent / "golden"
SOURCE = HERE.with_name("probe.py").read_text()
POSSIBLE = [tier.name for tier in tiers.candidates(trust=False).tiers]

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64"),
]


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="chasen-"))
    yield folder
    shutil.rmtree(folder)


async def outcomes(home: Path, tier: str) -> dict[str, str]:
    async with open_process_containers(
        invoker_id="0",
        incarnation=f"probe{tier}",
        state_dir=home,
        socket_dir=home / "sockets",
        api_host="http://127.0.0.1:3233",
        options=ProcessOptions(tier=tier, network="host"),
    ) as factory:
        spec = ContainerSpec("python:default", "", memory_mb=probe.MEMORY_MB)
        container = await factory.create(spec)
        await init(container, SOURCE)
        found = await run(container)
        # The next run meets the same code, whatever was tried.
        assert (await run(container))["seccomp"] == found["seccomp"]
        return found


def compare(found: dict[str, str], tier: str) -> None:
    path = GOLDEN / f"process-{tier}.json"
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    if os.environ.get("CHASEN_TEST_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


async def test_the_strongest_sandbox_gives_nothing_away(home: Path) -> None:
    if "T3" not in POSSIBLE:
        pytest.skip("needs root and control groups")

    compare(await outcomes(home, "T3"), "T3")


async def test_a_sandbox_of_an_ordinary_user_gives_away_what_is_written(
    home: Path,
) -> None:
    """As root, the probe runs as uid 1000 with a system interpreter."""
    if os.geteuid() != 0:
        if "T2" not in POSSIBLE:
            pytest.skip("needs unprivileged user namespaces")
        found = await outcomes(home, "T2")
    else:
        found = await _as_ordinary_user(home)

    compare(found, "T2")


async def _as_ordinary_user(home: Path) -> dict[str, str]:
    python = "/usr/bin/python3"
    if shutil.which("setpriv") is None or not os.access(python, os.X_OK):
        pytest.skip("needs setpriv and a Python that everybody may run")
    program = (
        f"import asyncio, json, sys; sys.path[:0] = {[x for x in sys.path if x]!r};"
        "from pathlib import Path; from hostile import test_process_probe as test;"
        f"print(json.dumps(asyncio.run(test.outcomes(Path({str(home)!r}), 'T2'))))"
    )
    os.chown(home, 1000, 1000)
    user = await asyncio.create_subprocess_exec(
        *("setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"),
        *(python, "-c", program),
        stdout=asyncio.subprocess.PIPE,
        cwd=HERE.parents[2],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    output, _ = await user.communicate()
    assert user.returncode == 0
    return json.loads(output)
