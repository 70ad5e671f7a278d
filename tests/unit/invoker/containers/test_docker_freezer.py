"""Freezer files of both versions, laid out in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chasen.errors import ContainerError, ContainerGone
from invoker.containers import docker_freezer
from invoker.containers.docker_freezer import Freezer, find_freezer, is_available

pytestmark = pytest.mark.anyio

ID = "a" * 64


def _group(root: Path, folder: str, name: str, text: str) -> Path:
    group = root / folder
    group.mkdir(parents=True)
    (group / name).write_text(text)
    (group / "cgroup.procs").write_text("1\n")
    return group / name


def test_version_one_is_found_where_docker_puts_it(tmp_path: Path) -> None:
    path = _group(tmp_path, f"freezer/docker/{ID}", "freezer.state", "THAWED\n")
    assert is_available(tmp_path)
    assert find_freezer(tmp_path, ID, None) == Freezer(path, 1)


def test_version_two_is_found_below_systemd(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("")
    folder = f"system.slice/docker-{ID}.scope"
    path = _group(tmp_path, folder, "cgroup.freeze", "0\n")
    assert is_available(tmp_path)
    assert find_freezer(tmp_path, ID, None) == Freezer(path, 2)


def test_a_pid_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    """In another pid namespace the number means another process."""
    (tmp_path / "freezer").mkdir()
    assert find_freezer(tmp_path, ID, os.getpid()) is None


def test_without_cgroups_there_is_none(tmp_path: Path) -> None:
    assert not is_available(tmp_path)
    assert find_freezer(tmp_path, ID, None) is None


async def test_version_one_freezes_and_thaws(tmp_path: Path) -> None:
    path = _group(tmp_path, f"freezer/docker/{ID}", "freezer.state", "")
    freezer = Freezer(path, 1)
    await freezer.freeze()
    assert path.read_text() == "FROZEN"
    freezer.thaw()
    assert path.read_text() == "THAWED"


async def test_version_two_waits_until_the_kernel_says_frozen(tmp_path: Path) -> None:
    path = _group(tmp_path, f"docker/{ID}", "cgroup.freeze", "0")
    (path.parent / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    freezer = Freezer(path, 2)
    await freezer.freeze()
    assert path.read_text() == "1"
    freezer.thaw()
    assert path.read_text() == "0"


async def test_what_does_not_freeze_is_thawed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_freezer, "FREEZE_LIMIT_S", 0.01)
    path = _group(tmp_path, f"docker/{ID}", "cgroup.freeze", "0")
    (path.parent / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    with pytest.raises(ContainerError, match="did not freeze"):
        await Freezer(path, 2).freeze()
    assert path.read_text() == "0"


async def test_a_group_that_vanished_or_emptied_is_a_container_gone(
    tmp_path: Path,
) -> None:
    gone = Freezer(tmp_path / "none" / "freezer.state", 1)
    with pytest.raises(ContainerGone):
        await gone.freeze()
    with pytest.raises(ContainerGone):
        gone.thaw()
    path = _group(tmp_path, "freezer/docker/x", "freezer.state", "FROZEN")
    (path.parent / "cgroup.procs").write_text("")
    with pytest.raises(ContainerGone):
        Freezer(path, 1).thaw()
