"""Actions that run here, on the launchers that the server uses."""

import json
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.programs import read_until, start

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / "runtimes" / "python" / "launcher.py"
NODE = ROOT / "runtimes" / "nodejs" / "launcher.js"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no launcher in this tree")

needs_node = pytest.mark.skipif(
    not NODE.exists() or shutil.which("node") is None, reason="node is not installed"
)


def test_a_file_runs_here(wsk: Wsk) -> None:
    """Case 80: exit codes and streams as of a remote invocation."""
    Path("hello.py").write_text(
        "def main(a):\n    print('hi')\n    return {'payload': 'Hello, ' + a['name']}\n"
    )

    ran = wsk("action", "invoke", "--local", "hello.py", "-r", "-p", "name", "L")

    assert ran.out == '{\n    "payload": "Hello, L"\n}\n'
    assert ran.err == "hi\n"
    assert ran.code == 0


@needs_node
def test_node_files_run_here(wsk: Wsk) -> None:
    Path("hello.js").write_text("function main(a) { return {n: a.n + 1} }\n")

    ran = wsk("action", "invoke", "--local", "hello.js", "-r", "-p", "n", "1")

    assert ran.out == '{\n    "n": 2\n}\n'


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("def main(a): return {'error': 'boom'}", '"error": "boom"'),
        ("def main(a): raise ValueError('oh')", '"error"'),
        ("def main(a:", '"error"'),
    ],
)
def test_failures_exit_246(wsk: Wsk, code: str, text: str) -> None:
    Path("bad.py").write_text(code)

    ran = wsk("action", "invoke", "--local", "bad.py", "-r")

    assert ran.code == 246
    assert ran.out == ""
    assert text in ran.err


def test_a_language_without_a_launcher_is_named(wsk: Wsk) -> None:
    Path("a.rb").write_text("")

    assert "Only python and nodejs actions run locally, not 'ruby'" in (
        wsk("action", "invoke", "--local", "a.rb").err
    )


@pytest.mark.parametrize("template", ["plain", "web", "sequence"])
@pytest.mark.parametrize("kind", ["python", pytest.param("nodejs", marks=needs_node)])
def test_every_new_project_runs(wsk: Wsk, template: str, kind: str) -> None:
    pytest.importorskip("yaml", reason="manifests are read by PyYAML")
    made = wsk("new", "shop", "--kind", kind, "--template", template)
    assert made.out == "ok: created project shop in shop\n"

    ran = wsk("dev", "shop", "--once", "--event", "shop/test/event.json")

    assert ran.code == 0, ran.err
    assert "Hello, Chasen!" in ran.out
    again = wsk("new", "shop")
    assert again.code == 1
    assert "is not empty" in again.err


def test_typos_in_templates_are_answered(wsk: Wsk) -> None:
    assert "Did you mean 'web'?" in wsk("new", "x", "--template", "wbe").err
    assert "Did you mean 'python'?" in wsk("new", "x", "--kind", "pyhton").err


@pytest.fixture
def served(home: Path) -> Iterator[tuple[str, Path]]:
    """`wsk dev` serving one file; its address and the file."""
    source = Path("hello.py").resolve()
    source.write_text(
        "def main(a):\n"
        "    if a.get('bad'): return {'error': 'bad'}\n"
        "    return {'body': 'one ' + a.get('name', '?'), 'statusCode': 201}\n"
    )
    process = start("dev", "hello.py", "--port", "0")
    line = read_until(process, "/hello\n")
    yield line.strip().removesuffix("/hello"), source
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=15)
    assert "Traceback" not in err
    assert process.returncode == 130


def get(url: str, data: bytes | None = None) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, data) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_served_action_is_invoked_and_reloaded(served: tuple[str, Path]) -> None:
    address, source = served

    status, text = get(f"{address}/hello", b'{"name": "x"}')
    assert (status, json.loads(text)["body"]) == (200, "one x")
    assert get(f"{address}/api/v1/web/_/default/hello?name=y") == (201, "one y")
    assert get(f"{address}/hello?bad=1")[0] == 502
    assert get(f"{address}/nothing")[0] == 404

    source.write_text(source.read_text().replace("one", "two"))
    until = time.monotonic() + 15
    while get(f"{address}/api/v1/web/_/default/hello?name=y")[1] != "two y":
        assert time.monotonic() < until
        time.sleep(0.1)
