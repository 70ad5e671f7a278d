"""One `wsk` for the tests of this folder: in this process, in an empty folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from unit.wsk.recorded import RecordedServer

from wsk.__main__ import main

KEY = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccO"


class Ran(NamedTuple):
    """What a command line printed, and its exit code."""

    out: str
    err: str
    code: int


Wsk = Callable[..., Ran]


@pytest.fixture
def server() -> Iterator[RecordedServer]:
    recorded = RecordedServer()
    yield recorded
    recorded.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and working folder, and no settings from outside."""
    import os

    for name in list(os.environ):
        if name.startswith(("WSK_", "WHISK_", "XDG_")) or "proxy" in name.lower():
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return tmp_path


@pytest.fixture
def wsk(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Wsk:
    """Run a command line without any configuration."""
    monkeypatch.setattr("wsk.client.RETRY_PAUSE_S", 0.01)

    def run(*words: str) -> Ran:
        code = main(list(words))
        captured = capsys.readouterr()
        return Ran(captured.out, captured.err, code)

    return run


@pytest.fixture
def guest(wsk: Wsk, home: Path, server: RecordedServer) -> Wsk:
    """Run a command line with the recorded server and a key configured."""
    text = f"APIHOST={server.url}\nAUTH={KEY}\n"
    path = home / ".wskprops"
    path.write_text(text)
    path.chmod(0o600)
    files = {
        "hello.js": "function main(a) { return {payload: a.name} }\n",
        "hello.py": "def main(a):\n    return {'payload': a.get('name')}\n",
        "p.json": '{"fp":"file","n":1}',
        "arr.json": "[1]",
        "notes.txt": "no code",
    }
    for name, content in files.items():
        Path(name).write_text(content)
    Path("a.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    return wsk
