"""What is documented is what there is, and nothing names what it must not."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from standalone.__main__ import parser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")

# A machine's own paths, and addresses of registries: nothing here may depend on either.
FORBIDDEN = re.compile(
    r"(?<![\w.])/(?:work|home/\w+)/|(?<!\w)/root/(?!\.)|\.\./shared\b"
    r"|\bpypi\.org|pythonhosted|registry\.npmjs|repo1?\.maven|maven\.org"
    r"|\b(?:quay|ghcr|gcr)\.io/|registry-1\.docker|hub\.docker|deb\.debian",
    re.IGNORECASE,
)


def text_files() -> Iterator[Path]:
    """Answer the files under version control that are text."""
    told = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, told.stdout.split("\0")):
        path = ROOT / name
        is_lock = path.name == "package-lock.json"
        if path.is_file() and not is_lock and b"\0" not in path.read_bytes()[:4096]:
            yield path


def script(name: str) -> ModuleType:
    """Answer a script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verbs(grammar: argparse.ArgumentParser, words: str) -> Iterator[str]:
    """Answer every command with what leads to it: "chasen admin user create"."""
    for action in grammar._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield f"{words} {name}"
                yield from verbs(below, f"{words} {name}")


def test_settings_and_metrics_are_in_the_docs() -> None:
    """Renew them: .venv/bin/python docs/tables.py"""
    tables = script("tables")
    page = tables.PAGE.read_text("utf-8")

    assert page == tables.filled(page)


def test_state_machines_are_drawn_as_they_are() -> None:
    """Renew them: .venv/bin/python docs/diagrams.py"""
    diagrams = script("diagrams")

    assert diagrams.PAGE.read_text("utf-8") == diagrams.page()


def test_every_transition_of_a_container_is_walked() -> None:
    """A row of the table that nothing leads to would be missing in the diagram."""
    from invoker.pool.lifecycle import TRANSITIONS

    walked = {
        (start, event) for start, event, _ in script("diagrams").container_arrows()
    }

    never = {(s.value, e.__name__) for s, e in TRANSITIONS} - walked
    assert never == set()


def test_every_command_of_chasen_is_in_the_docs() -> None:
    page = (DOCS / "operating.md").read_text("utf-8")
    rows = [line.replace("\\|", "|") for line in page.splitlines() if "`chasen" in line]

    for verb in verbs(parser(), "chasen"):
        words = verb.split()
        head = " ".join(words[:-1])
        told = re.compile(rf"`{head} (?:[\w|]*\|)?{words[-1]}\b")
        below = re.compile(rf"`{verb} ")
        assert any(told.search(row) or below.search(row) for row in rows), verb


def test_every_decision_is_in_the_index() -> None:
    index = (DOCS / "adr" / "README.md").read_text("utf-8")

    for path in (DOCS / "adr").glob("0*.md"):
        text = path.read_text("utf-8")
        assert f"({path.name})" in index
        assert text.startswith(f"# {path.name[:4]} ")
        for part in ("Status", "What presses", "What we do", "What follows"):
            assert f"**{part}" in text, path.name


@pytest.mark.parametrize(
    "page",
    [path for path in text_files() if path.suffix == ".md"],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_every_folder_is_on_the_map() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    rooms = {name.split("/")[0] for name in map(relative, text_files()) if "/" in name}

    for room in rooms - {".ci", "requirements"}:
        assert re.search(rf"(?m)^{re.escape(room)}/ +\w", readme), room


def test_every_package_says_what_it_is() -> None:
    for path in text_files():
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


def test_nothing_names_a_machine_or_a_registry() -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in text_files()
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text("utf-8", "replace").split("\n"), 1)
        if FORBIDDEN.search(line)
    ]

    assert found == []


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
