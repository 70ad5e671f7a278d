"""Nothing is too long, measured; what is today may only get shorter."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "benchmarks",
    "chasen",
    "controller",
    "deploy",
    "docs",
    "examples",
    "invoker",
    "runtimes",
    "standalone",
    "tests",
    "wsk",
)
FILE_LINES_MAX = 400
TEST_LINES_MAX = 600  # tests are rows of a table, read one by one
FUNCTION_LINES_MAX = 50

# The ratchet.  A number may only go down, a line may only go away; nothing is added.
LONG_FILES = {
    "tests/contract/containers/test_process.py": 832,
}
LONG_FUNCTIONS = {
    "controller/invocation/fire.py:Fires.accept": 52,
    "controller/invocation/invoke.py:Invocations.publish": 52,
    "controller/services.py:make_services": 75,
    "invoker/app.py:Invoker.__init__": 72,
    "tests/contract/bus/test_kafka_broker_away.py:"
    "test_a_killed_broker_loses_nothing_and_all_works_again": 51,
    "tests/contract/invoker/test_sandboxed_actions.py:"
    "test_the_usual_ends_of_an_action": 53,
    "tests/contract/runtimes/test_archives.py:quoted_overlap": 56,
    "tests/fixtures/processes.py:running_processes": 64,
}


def sources() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path


def functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Answer "Class.method" and its lines, decorators left out."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                assert child.end_lineno is not None
                yield prefix + child.name, child.end_lineno - child.lineno + 1
                yield from functions(child, f"{prefix}{child.name}.")
            case ast.ClassDef():
                yield from functions(child, f"{prefix}{child.name}.")
            case _:
                yield from functions(child, prefix)


@pytest.fixture(scope="module")
def measured() -> tuple[dict[str, int], dict[str, int]]:
    """Answer what is over its limit: files, functions."""
    files: dict[str, int] = {}
    long: dict[str, int] = {}
    for path in sources():
        name, text = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        limit = TEST_LINES_MAX if name.startswith("tests/") else FILE_LINES_MAX
        if (lines := text.count("\n")) > limit:
            files[name] = lines
        for function, length in functions(ast.parse(text)):
            if length > FUNCTION_LINES_MAX:
                long[f"{name}:{function}"] = length
    return files, long


def beyond(found: dict[str, int], allowed: dict[str, int]) -> dict[str, int]:
    return {name: n for name, n in found.items() if n > allowed.get(name, 0)}


def test_no_file_is_too_long(measured: tuple[dict[str, int], dict[str, int]]) -> None:
    assert beyond(measured[0], LONG_FILES) == {}


def test_no_function_is_too_long(
    measured: tuple[dict[str, int], dict[str, int]],
) -> None:
    assert beyond(measured[1], LONG_FUNCTIONS) == {}


def test_the_ratchet_holds_only_what_is_still_long(
    measured: tuple[dict[str, int], dict[str, int]],
) -> None:
    """Whoever shortens something takes its line out."""
    files, long = measured

    assert set(LONG_FILES) <= set(files)
    assert set(LONG_FUNCTIONS) <= set(long)


def test_every_python_file_says_what_lives_there() -> None:
    mute = [
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]

    assert mute == []
