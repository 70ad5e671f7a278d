"""What import-linter cannot see: files that are no package, and late imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE_REQUIRE = re.compile(r"require\(\s*['\"]([^'\"]+)['\"]\s*\)")
BUILT_IN = {"async_hooks", "child_process", "fs", "http", "module", "net", "os", "path"}
BUILT_IN |= {"stream", "string_decoder", "util", "vm", "worker_threads", "zlib"}


def modules_of(path: Path) -> set[str]:
    """Answer the top-level names of all that the file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_python_launchers_need_only_the_standard_library() -> None:
    """They run in containers and sandboxes that have nothing else."""
    folder = ROOT / "runtimes" / "python"
    own = {path.stem for path in folder.glob("*.py")}

    for path in folder.glob("*.py"):
        foreign = modules_of(path) - own - set(sys.stdlib_module_names)
        assert foreign == set(), path.name


def test_node_launchers_need_only_node() -> None:
    for path in (ROOT / "runtimes" / "nodejs").glob("*.js"):
        for wanted in NODE_REQUIRE.findall(path.read_text("utf-8")):
            own = wanted.startswith("./") or wanted in BUILT_IN
            assert own or wanted.startswith("node:"), f"{path.name}: {wanted}"


def test_servers_for_tests_start_with_python_alone() -> None:
    """deploy/ runs before there is a virtual environment."""
    own = {path.stem for path in (ROOT / "deploy").glob("*.py")}

    for path in (ROOT / "deploy").glob("*.py"):
        foreign = modules_of(path) - own - set(sys.stdlib_module_names)
        assert foreign == set(), path.name


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        ("wsk.__main__", "httpx fastapi asyncio chasen"),
        ("standalone.__main__", "fastapi docker aiokafka aiocouch"),
        ("controller.app", "docker aiokafka aiocouch"),
        ("invoker.app", "fastapi docker aiokafka aiocouch"),
    ],
)
def test_a_library_is_loaded_only_by_who_uses_it(program: str, unwanted: str) -> None:
    """The images of controllers have no Docker client, those of invokers no FastAPI."""
    code = (
        f"import sys, {program}; "
        f"sys.exit(str([m for m in {unwanted!r}.split() if m in sys.modules]))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )

    assert done.stderr.strip() == "[]"
