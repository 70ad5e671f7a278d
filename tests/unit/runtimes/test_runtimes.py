"""The manifest, what this host can run, and the seccomp profile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import runtimes
from chasen.entities.manifest import RuntimesManifest

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def names(rules: list[dict[str, object]]) -> set[str]:
    found: set[str] = set()
    for rule in rules:
        listed = rule["names"]
        assert isinstance(listed, list)
        found.update(listed)
    return found


def test_the_images_kinds_and_their_aliases() -> None:
    manifest = RuntimesManifest.from_json(runtimes.manifest())
    assert set(manifest.runtimes) == {"python:3.11", "nodejs:20"}
    for alias in ("python:3", "python:default"):
        assert manifest.resolve(alias).kind == "python:3.11"
    assert manifest.resolve("nodejs:default").kind == "nodejs:20"
    python = manifest.resolve("python:3.11")
    assert python.image == "chasen/action-python-v3.11:latest"
    assert [(cell.count, cell.memory_mb) for cell in python.stem_cells] == [(1, 256)]
    assert manifest.resolve("nodejs:20").image == "chasen/action-nodejs-v20:latest"


def test_each_kind_s_image_holds_the_version_of_its_name() -> None:
    folder = Path(runtimes.__file__).parent
    assert "(3, 11)" in (folder / "python" / "Dockerfile").read_text()
    assert "'^v20" in (folder / "nodejs" / "Dockerfile").read_text()


def test_the_host_s_python_bears_its_real_version() -> None:
    manifest = RuntimesManifest.from_json(runtimes.host_manifest())
    assert manifest.resolve("python:3").kind == f"python:{VERSION}"
    assert manifest.resolve("python:default").kind == f"python:{VERSION}"


def test_the_command_names_real_files_outside_the_virtual_environment() -> None:
    program, *options, launcher = runtimes.launcher("python:default")
    assert options == ["-I", "-S"]
    assert os.path.isabs(program)
    assert os.access(program, os.X_OK)
    assert not program.startswith(sys.prefix) or sys.prefix == sys.base_prefix
    assert Path(launcher).is_file()
    said = subprocess.run([program, "--version"], capture_output=True, text=True)
    assert said.stdout.startswith(f"Python {VERSION}.")


def fake_node(folder: Path, version: str) -> None:
    program = folder / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)


@pytest.fixture
def fresh_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder that is all of PATH; what was found before is forgotten."""
    monkeypatch.setenv("PATH", str(tmp_path))
    runtimes._node.cache_clear()
    yield tmp_path
    runtimes._node.cache_clear()


@pytest.mark.parametrize("version", ["v18.20.4", "v22.1.0"])
def test_the_host_s_node_bears_its_real_version(fresh_node: Path, version: str) -> None:
    fake_node(fresh_node, version)
    manifest = RuntimesManifest.from_json(runtimes.host_manifest())
    kind = f"nodejs:{version[1:3]}"
    assert manifest.resolve("nodejs:default").kind == kind
    assert runtimes.launcher(kind)[0] == str(fresh_node / "node")


@pytest.mark.parametrize("version", ["v16.20.2", "nonsense", ""])
def test_a_node_that_is_too_old_is_none(fresh_node: Path, version: str) -> None:
    fake_node(fresh_node, version)
    assert "nodejs" not in runtimes.host_manifest()["runtimes"]


def test_a_kind_that_the_host_has_not_is_refused_with_those_it_has(
    fresh_node: Path,
) -> None:
    with pytest.raises(ValueError, match=rf"cannot run 'nodejs:20'.*python:{VERSION}"):
        runtimes.launcher("nodejs:20")


def test_the_profile_denies_by_default_and_what_escapes_are_made_of() -> None:
    profile = runtimes.seccomp_profile()
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    allowed = names(
        [rule for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW"]
    )
    denied = (
        "io_uring_setup io_uring_enter io_uring_register ptrace process_vm_readv "
        "process_vm_writev kcmp name_to_handle_at open_by_handle_at mount move_mount "
        "fsopen umount2 pivot_root setns unshare chroot keyctl add_key request_key bpf "
        "perf_event_open userfaultfd quotactl swapon swapoff reboot kexec_load "
        "kexec_file_load init_module finit_module delete_module acct syslog "
        "settimeofday clock_settime vmsplice lookup_dcookie fanotify_init pidfd_getfd "
        "clone3"
    )
    assert allowed.isdisjoint(denied.split())
    assert {"execve", "openat", "futex", "mmap", "epoll_wait", "getrandom"} <= allowed


def test_the_profile_asks_for_arguments_where_they_decide() -> None:
    rules = runtimes.seccomp_profile()["syscalls"]
    guarded = {name: [] for name in ("socket", "clone", "personality")}
    for rule in rules:
        for name in rule["names"]:
            if name in guarded:
                assert rule["args"], f"{name} is allowed unseen"
                guarded[name].append([arg["value"] for arg in rule["args"]])
    assert guarded["socket"] == [[1], [2], [10], [16, 0]]
    assert guarded["clone"] == [[0x7E020000]]
    clone3 = next(rule for rule in rules if rule["names"] == ["clone3"])
    assert clone3["errnoRet"] == 38, "ENOSYS, or glibc does not fall back to clone"
