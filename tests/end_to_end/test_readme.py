"""Every example of README.md, run in order against an embedded house.

Blocks marked ``console`` are run line by line; their output must be what is printed
there, but for ids, times and durations.  ``...`` stands for anything.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fixtures.house import BIN, ROOT, EmbeddedProcess

README = (ROOT / "README.md").read_text("utf-8")
PUBLISHED_HOST = "http://127.0.0.1:3233"
RECORD_WITHIN_S = 15
VARYING = (
    (r"\b[0-9a-f]{32}\b", "<id>"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+Z)?", "<time>"),
    (r"\b\d+m?s\b", "<duration>"),
    (r"[ \t]+", " "),
)


@dataclass(frozen=True, slots=True)
class Example:
    """One command and what it prints."""

    command: str
    printed: str


def blocks(language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", README)


def examples(block: str) -> Iterator[Example]:
    """Part a block at its prompts; a here-document belongs to its command."""
    for part in re.split(r"(?m)^\$ ", block)[1:]:
        command, _, printed = part.partition("\n")
        if word := re.search(r"<<'(\w+)'", command):
            document, _, printed = printed.partition(f"\n{word[1]}\n")
            command = f"{command}\n{document}\n{word[1]}"
        yield Example(command, printed)


def masked(text: str) -> str:
    for pattern, mask in VARYING:
        text = re.sub(pattern, mask, text)
    return text.strip()


def is_as_printed(printed: str, told: str) -> bool:
    parts = map(re.escape, masked(printed).split("..."))
    return re.fullmatch(".*?".join(parts), masked(told), re.DOTALL) is not None


@dataclass
class Terminal:
    """A shell in an empty folder, with our programs in its path."""

    house: EmbeddedProcess
    folder: Path

    def run(self, command: str) -> str:
        environment = {
            **self.house.environment,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "WSK_CONFIG_FILE": str(self.folder / "wskprops"),
        }
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def try_out(self, example: Example) -> None:
        """Records are stored a little after the answer, so lists are read again."""
        published = example.command.replace(PUBLISHED_HOST, self.house.api_host)
        late = time.monotonic() + RECORD_WITHIN_S
        while True:
            told = self.run(published).replace(self.house.api_host, PUBLISHED_HOST)
            if is_as_printed(example.printed, told):
                return
            reads = published.startswith("wsk activation")
            if not reads or time.monotonic() > late:
                break
            time.sleep(0.2)
        assert masked(told) == masked(example.printed), example.command


def test_the_session_runs_as_printed(tmp_path: Path) -> None:
    house = EmbeddedProcess(tmp_path)
    welcome = house.start()
    try:
        (start,) = [b for b in blocks("text") if b.startswith("$ make up\n")]
        told = welcome.replace(house.api_host, PUBLISHED_HOST)
        assert is_as_printed(start.removeprefix("$ make up\n"), told)
        folder = tmp_path / "here"
        folder.mkdir()
        terminal = Terminal(house, folder)

        done = 0
        for block in blocks("console"):
            for example in examples(block):
                terminal.try_out(example)
                done += 1
    finally:
        assert house.stop() == 0
    assert done >= 10, "the README has lost its examples"


def test_every_example_is_marked_to_be_run() -> None:
    """What is not run here is a program of `make` or needs an engine, by name."""
    elsewhere = r"make |CHASEN_BASE_IMAGE=|deploy/secrets.sh|docker compose |.*bench.py"

    for block in blocks("text"):
        for command in re.findall(r"(?m)^\$ (.*)", block):
            assert re.match(rf"{elsewhere}|wsk action create grey ", command), command
    assert not blocks("sh")
    assert not blocks("bash")


@pytest.mark.slow
def test_make_demo_ends_as_printed() -> None:
    """The whole of it, as a newcomer runs it; it fetches Pillow."""
    if shutil.which("make") is None:
        pytest.skip("make is missing")
    (printed,) = [b for b in blocks("text") if b.startswith("$ make demo\n")]

    # As typed by hand: `make test` above us would have its folders printed.
    done = subprocess.run(
        ["make", "demo"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert is_as_printed(printed.removeprefix("$ make demo\n"), done.stdout)
