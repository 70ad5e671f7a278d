"""The wheel holds the rooms and the runtimes' data, and nothing else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"chasen", "controller", "invoker", "runtimes", "standalone", "wsk"}
# Read at run time, and no Python: they are easily left out.
DATA = {"manifest.json", "seccomp.json", "nodejs/launcher.js", "python/launcher.py"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    if importlib.util.find_spec("hatchling") is None:
        pytest.fail("hatchling is missing: make setup installs requirements/build.txt")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([*command, "-w", str(folder), str(ROOT)], check=True, timeout=120)
    (path,) = folder.glob("chasen-*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_rooms_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == ROOMS


def test_the_wheel_holds_what_the_sources_hold(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())

    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in held


def test_the_wheel_holds_the_data_of_the_runtimes(wheel: zipfile.ZipFile) -> None:
    assert {f"runtimes/{name}" for name in DATA} <= set(wheel.namelist())


def test_the_wheel_holds_no_test(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if "test" in name.lower()] == []


def test_the_wheel_brings_both_programs(wheel: zipfile.ZipFile) -> None:
    (name,) = [n for n in wheel.namelist() if n.endswith("entry_points.txt")]

    text = wheel.read(name).decode()

    assert "chasen = standalone.__main__:main" in text
    assert "wsk = wsk.__main__:main" in text
