"""The action runtimes: which kinds there are, and how to start one on this host.

What runs inside a container or a sandbox lies in python/ and nodejs/, each folder to be
mounted whole.  Nothing here knows Docker, sandboxes or any other room.  The manifest's
shape is OpenWhisk's (ExecManifest.scala); its `aliases` are an addition.
"""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent
_NODE_OLDEST = 18  # what the launcher was written for


def manifest() -> dict[str, Any]:
    """Answer the kinds that our images hold: manifest.json."""
    return json.loads((_FOLDER / "manifest.json").read_text(encoding="utf-8"))


def host_manifest() -> dict[str, Any]:
    """Answer the kinds that this host can run as processes, in the manifest's shape.

    A kind bears the version that is really there; without a Node.js of 18 or newer
    there is no such family.
    """
    major, minor = sys.version_info[:2]
    python = f"python:{major}.{minor}"
    families = {"python": [_entry(python)]}
    aliases = {f"python:{major}": python, "python:default": python}
    node = _node()
    if node is not None:
        families["nodejs"] = [_entry(f"nodejs:{node[1]}")]
        aliases["nodejs:default"] = f"nodejs:{node[1]}"
    return {"runtimes": families, "blackboxes": [], "aliases": aliases}


def launcher(kind: str) -> list[str]:
    """Answer the command that starts a kind's launcher on this host.

    Raises:
        ValueError: the host has no such kind.
    """
    host = host_manifest()
    kind = host["aliases"].get(kind, kind)
    kinds = [each["kind"] for entries in host["runtimes"].values() for each in entries]
    if kind not in kinds:
        raise ValueError(f"This host cannot run {kind!r}; it has {', '.join(kinds)}.")
    if kind.startswith("nodejs:"):
        node = _node()
        assert node is not None, "its kind is in the host's manifest"
        return [node[0], str(_FOLDER / "nodejs" / "launcher.js")]
    _compile_once()
    # -I: no variable and no folder of ours changes it; -S: no site-packages, neither
    # the virtual environment's nor the interpreter's, so actions bring their own.
    return [_base_python(), "-I", "-S", str(_FOLDER / "python" / "launcher.py")]


def seccomp_profile() -> dict[str, Any]:
    """Answer the profile under which the engine starts action containers."""
    return json.loads((_FOLDER / "seccomp.json").read_text(encoding="utf-8"))


def _entry(kind: str) -> dict[str, Any]:
    family, version = kind.split(":")
    name = f"action-{family}-v{version}"
    return {
        "kind": kind,
        "default": True,
        "deprecated": False,
        "image": {"prefix": "chasen", "name": name, "tag": "latest"},
        "attached": {"attachmentName": "codefile", "attachmentType": "text/plain"},
        "stemCells": [{"initialCount": 1, "memory": "256 MB"}],
    }


def _base_python() -> str:
    """Answer the interpreter that the running virtual environment was made from."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return str(Path(base).resolve())


@cache
def _node() -> tuple[str, int] | None:
    """Answer (absolute path, major version) of a Node.js that is new enough."""
    for name in ("node", "nodejs"):
        path = shutil.which(name)
        if path is None:
            continue
        path = str(Path(path).resolve())
        try:
            said = subprocess.run(  # noqa: S603 - found on the operator's own PATH
                [path, "--version"], capture_output=True, text=True, timeout=10
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            continue
        major = said.strip().removeprefix("v").split(".")[0]
        if major.isdigit() and int(major) >= _NODE_OLDEST:
            return path, int(major)
    return None


@cache
def _compile_once() -> None:
    # A sandbox sees the folder read-only: compiled here, each start is 3 ms shorter.
    # Where we may not write either, it is only slower.
    compileall.compile_dir(_FOLDER / "python", maxlevels=0, quiet=2)
