"""Ordinary commands stay light: nothing heavy is imported."""

import resource
import subprocess
import sys

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.programs import environment
from unit.wsk.recorded import RecordedServer

HEAVY = {
    "httpx", "pydantic", "rich", "yaml", "asyncio", "dataclasses", "inspect",
    "argparse", "zipfile", "chasen", "controller", "invoker", "standalone", "runtimes",
}  # fmt: skip
_PROGRAM = """
import sys
from wsk.__main__ import main
code = main(sys.argv[1:])
sys.stderr.write(" ".join(name for name in sys.modules if "." not in name))
sys.exit(code)
"""


@pytest.mark.parametrize("words", [["--help"], ["rule", "list"], ["action", "-h"]])
def test_ordinary_commands_import_nothing_heavy(
    guest: Wsk, server: RecordedServer, words: list[str]
) -> None:
    server.answer("GET", "rules", 200, [])

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert not HEAVY & set(done.stderr.split())


def test_help_starts_fast(home: object) -> None:
    """Processor time, as a ratio: a bare interpreter costs 1."""

    def cost(*words: str) -> float:
        best = 1e9
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, *words], env=environment(), stdout=subprocess.DEVNULL,
                check=True,
            )  # fmt: skip
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            best = min(best, used)
        return best

    assert cost("-m", "wsk", "--help") < 5 * cost("-c", "import http.client")


def test_every_command_has_help_with_an_example(wsk: Wsk) -> None:
    from wsk import catalog
    from wsk.grammar import Group

    def leaves(path: list[str]):
        node = catalog.walk(path)
        if isinstance(node, Group):
            for child in node.children:
                yield from leaves([*path, child.name])
        else:
            yield path, node

    found = [leaf for name, _, _ in catalog.GROUPS for leaf in leaves([name])]
    assert len(found) > 50
    for path, command in found:
        ran = wsk(*path, "--help")
        assert ran.code == 0
        for part in ("Usage:\n  wsk ", "Example:\n  wsk ", "Flags:\n", "--help"):
            assert part in ran.out, path
        assert command.example.startswith("wsk " + " ".join(path)), path


def test_every_example_can_be_parsed() -> None:
    """An example that the parser refuses is worse than none."""
    import shlex

    from wsk import catalog
    from wsk.arguments import parse
    from wsk.grammar import Command, Group

    def examples(node):
        if isinstance(node, Group):
            for child in node.children:
                yield from examples(child)
        else:
            yield node

    for name, _, _ in catalog.GROUPS:
        for command in examples(catalog.walk([name])):
            call = parse(shlex.split(command.example)[1:])
            assert isinstance(call.node, Command)
            call.check_count()


def test_every_command_names_a_function_that_exists() -> None:
    from importlib import import_module

    from wsk import catalog
    from wsk.grammar import Group

    def check(node) -> None:
        if isinstance(node, Group):
            for child in node.children:
                check(child)
            return
        module, _, function = node.run.partition(":")
        assert callable(getattr(import_module(f"wsk.{module}"), function))

    for name, _, _ in catalog.GROUPS:
        check(catalog.walk([name]))
