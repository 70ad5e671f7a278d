"""Limits as files, and freezing by version 2, on the machine's own hierarchy."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from invoker.containers.process.cgroups import Group, Hierarchy, limits, sweep


def test_memory_is_limited_with_swap_in_both_versions() -> None:
    first = {file: value for file, value, _ in limits("memory", 256, 64)}
    second = {file: value for file, value, _ in limits("", 256, 64)}

    assert first == {
        "memory.limit_in_bytes": str(256 << 20),
        "memory.memsw.limit_in_bytes": str(256 << 20),
    }
    assert second["memory.max"] == str(256 << 20)
    assert second["memory.swap.max"] == "0"
    assert second["pids.max"] == "64"


def test_processor_shares_follow_memory_within_the_kernels_bounds() -> None:
    def weight(memory_mb: int) -> int:
        return int(
            {file: value for file, value, _ in limits("", memory_mb, 1)}["cpu.weight"]
        )

    assert [weight(mb) for mb in (1, 128, 256, 512)] == [1, 50, 100, 200]
    assert weight(1 << 20) == 10_000
    assert list(limits("cpu", 256, 1)) == [("cpu.shares", "1024", False)]


def test_version_2_freezes_thaws_and_sweeps(tmp_path: Path) -> None:
    home = _unified()
    name = f"test-{os.getpid()}"
    group = home / "chasen" / f"{name}.one" / "box"
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        group.mkdir(parents=True)
        (group / "cgroup.procs").write_text(str(sleeper.pid))
        box = Group([Hierarchy("", home)], f"{name}.one", "box")

        box.set_frozen(True)
        _until(box.is_frozen)
        box.set_frozen(False)
        _until(lambda: not box.is_frozen())
        box.set_frozen(True)

        assert box.oom_kills() == 0
        assert sweep([Hierarchy("", home)], name, keep={f"{name}.one"}) == set()
        assert sweep([Hierarchy("", home)], name, keep=set()) == {f"{name}.one/box"}
        assert sleeper.wait(2) == -signal.SIGKILL
        assert not group.parent.exists()
    finally:
        sleeper.kill()
        sleeper.wait()
        with contextlib.suppress(OSError):
            group.parents[1].rmdir()


def _unified() -> Path:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        if kind == "cgroup2" and os.access(point, os.W_OK):
            return Path(point)
    pytest.skip("needs a writable cgroup v2 hierarchy")


def _until(holds) -> None:
    deadline = time.monotonic() + 2
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)
