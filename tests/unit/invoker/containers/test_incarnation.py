"""Locks end with the process that holds them, however it ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chasen.errors import BadInput
from invoker.containers import incarnation
from invoker.containers.incarnation import IncarnationLock

HOLD = (
    "import sys, pathlib\n"
    "from invoker.containers.incarnation import IncarnationLock\n"
    "IncarnationLock(pathlib.Path(sys.argv[1]), 'other').take() or print('up')\n"
    "sys.stdout.flush(); sys.stdin.read()\n"
)


def test_a_life_lasts_from_take_to_release(tmp_path: Path) -> None:
    lock = IncarnationLock(tmp_path, "mine")
    assert not incarnation.is_alive(tmp_path, "mine")
    lock.take()
    assert incarnation.living(tmp_path) == {"mine"}
    lock.release()
    lock.release()
    assert incarnation.living(tmp_path) == set()
    assert list(tmp_path.iterdir()) == []


def test_a_life_that_is_under_way_is_not_taken_again(tmp_path: Path) -> None:
    lock = IncarnationLock(tmp_path, "mine")
    lock.take()
    with pytest.raises(BadInput, match="another process"):
        IncarnationLock(tmp_path, "mine").take()
    lock.release()


def test_a_killed_process_lives_no_more(tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[4])
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        env={"PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"up\n"
        assert incarnation.is_alive(tmp_path, "other")
        holder.kill()
    assert not incarnation.is_alive(tmp_path, "other")
    assert (tmp_path / "other.lock").exists()
    incarnation.clear(tmp_path, "other")
    assert not (tmp_path / "other.lock").exists()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 200, "ä"])
def test_a_label_that_is_no_file_name_is_nobodys_life(
    tmp_path: Path, name: str
) -> None:
    assert not incarnation.is_alive(tmp_path, name)
    with pytest.raises(BadInput):
        IncarnationLock(tmp_path, name)
