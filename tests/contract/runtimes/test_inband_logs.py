"""Logs that travel behind the result: their form, their limit, and who may write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from contract.runtimes.started import Answer, Started

STAMP_COLUMNS = 30
HEADER = len("2026-11-22T02:05:05.123456789Z stdout: ")
MIB = 1 << 20

# One program a line of this table, in both languages.
PROGRAMS = {
    "print": {
        "python": "print(args['text'], end='')",
        "nodejs": "process.stdout.write(args.text)",
    },
    "bytes": {
        "python": "sys.stdout.buffer.write(bytes(args['bytes']))",
        "nodejs": "process.stdout.write(Buffer.from(args.bytes))",
    },
    "descriptor": {
        "python": "os.write(1, args['text'].encode())",
        "nodejs": "fs.writeSync(1, args.text)",
    },
    "shell": {
        "python": "subprocess.run(args['shell'], shell=True)",
        "nodejs": "child.execSync(args.shell, { stdio: 'inherit' })",
    },
    "lines": {
        "python": "for index in range(args['count']): print(args['text'])",
        "nodejs": "for (let i = 0; i < args.count; i++) console.log(args.text)",
    },
    "streams": {
        "python": "print('out'); print('err', file=sys.stderr); print('again')",
        "nodejs": "console.log('out'); console.error('err'); console.log('again')",
    },
    "late": {
        "python": (
            "print('half', end=''); threading.Timer(0.1, lambda: print('late')).start()"
        ),
        "nodejs": (
            "process.stdout.write('half'); setTimeout(() => console.log('late'), 100)"
        ),
    },
    "nothing": {"python": "pass", "nodejs": ""},
}


@pytest.fixture(params=["python", "nodejs"])
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def ready(start: Callable[..., Started], family: str) -> Callable[[str], Started]:
    """A function that starts a launcher with a program of the table."""

    def ready(program: str) -> Started:
        runtime = start(family, "inband")
        body = PROGRAMS[program][family]
        code = {
            "python": (
                "import os, subprocess, sys, threading\n"
                f"def main(args):\n    {body}\n    return {{'ok': True}}\n"
            ),
            "nodejs": (
                "const fs = require('fs'); const child = require('child_process')\n"
                f"function main(args) {{ {body}; return {{ ok: true }} }}"
            ),
        }
        assert runtime.init(code[family]).status == 200
        return runtime

    return ready


Ready = Callable[[str], Started]


def run(runtime: Started, limit: int | None = None, **value: object) -> Answer:
    headers = {} if limit is None else {"X_Chasen_Log_Limit": str(limit)}
    answer = runtime.post("/run", {"value": value}, **headers)
    assert answer.json == {"ok": True}
    return answer


def test_lines_bear_their_time_and_stream_in_order(ready: Ready) -> None:
    runtime = ready("streams")
    answer = run(runtime)
    assert runtime.lines == [("stdout", "out"), ("stderr", "err"), ("stdout", "again")]
    stamps = [line[:STAMP_COLUMNS] for line in answer.block.split("\n")]
    assert stamps == sorted(stamps)
    for stamp in stamps:
        when = datetime.fromisoformat(stamp[:26] + "+00:00")
        assert abs(datetime.now(UTC) - when) < timedelta(seconds=30)


def test_a_silent_run_has_no_block(ready: Ready) -> None:
    answer = run(ready("nothing"))
    assert answer.block == ""
    assert answer.headers["x-chasen-result"] == answer.headers["content-length"]
    assert "x-chasen-logs-truncated" not in answer.headers


TEXTS = [
    ("one", ["one"]),
    ("one\ntwo", ["one", "two"]),
    ("one\r\ntwo\r\n", ["one", "two"]),
    ("a\rb\n", ["a\rb"]),
    ("\n\n", ["", ""]),
    ("tab\t bell\a esc\x1b nul\0 del\x7f\n", ["tab\t bell\a esc\x1b nul\0 del\x7f"]),
    ("\x0b\x0c\x1c\x85\u2028\u2029\n", ["\x0b\x0c\x1c\x85\u2028\u2029"]),
    ("❄ ☃ 𝄞\n", ["❄ ☃ 𝄞"]),
]


@pytest.mark.parametrize("program", ["print", "descriptor"])
def test_a_line_ends_at_a_newline_and_nowhere_else(ready: Ready, program: str) -> None:
    runtime = ready(program)
    for text, lines in TEXTS:
        runtime.blocks.clear()
        run(runtime, text=text)
        assert runtime.lines == [("stdout", line) for line in lines]


def test_bytes_that_are_no_text_are_replaced(ready: Ready) -> None:
    runtime = ready("bytes")
    run(runtime, bytes=[97, 255, 98, 10])
    assert runtime.lines == [("stdout", "a\ufffdb")]


def test_subprocesses_and_their_children_are_heard(ready: Ready) -> None:
    runtime = ready("shell")
    run(runtime, shell="echo out; echo err >&2; (echo child)")
    assert sorted(runtime.lines) == [
        ("stderr", "err"),
        ("stdout", "child"),
        ("stdout", "out"),
    ]


def test_what_a_finished_child_printed_comes_first(
    start: Callable[..., Started], family: str
) -> None:
    runtime = start(family, "inband")
    code = {
        "python": (
            "import subprocess\n"
            "def main(args):\n"
            "    subprocess.run(['echo', 'child']); print('parent'); return {}\n"
        ),
        "nodejs": (
            "const { execSync } = require('child_process')\n"
            "function main() { execSync('echo child', { stdio: 'inherit' });"
            " console.log('parent'); return {} }"
        ),
    }
    runtime.init(code[family])
    runtime.run()
    assert runtime.stdout == "child\nparent\n"


def test_half_lines_of_two_sources_do_not_mix(ready: Ready, family: str) -> None:
    runtime = ready("late")
    first = run(runtime)
    assert first.block.endswith("stdout: half")
    runtime.process.poll()
    _wait_for_timer()
    second = run(runtime)
    texts = [text for _, text in runtime.lines]
    assert texts == ["half", "late", "half"]
    assert second.block.count("\n") == 1


def _wait_for_timer() -> None:
    import time

    time.sleep(0.3)


def test_the_block_never_exceeds_the_limit(ready: Ready) -> None:
    runtime = ready("lines")
    for limit in (1, HEADER, HEADER + 1, 100, 1000, 5000):
        answer = run(runtime, limit, count=200, text="❄" * 7)
        size = len(answer.block.encode())
        assert size <= limit
        assert answer.headers["x-chasen-logs-truncated"] == "1"
        assert all(text for _, text in runtime.lines), "no line without a text"
        if limit > HEADER + 3:
            assert size >= limit - HEADER - len("❄".encode()), "the limit is used"


def test_what_fits_is_not_cut(ready: Ready) -> None:
    runtime = ready("lines")
    text = "x" * 10
    exact = 5 * (HEADER + len(text)) + 4
    answer = run(runtime, exact, count=5, text=text)
    assert len(answer.block) == exact
    assert "x-chasen-logs-truncated" not in answer.headers
    assert (
        "x-chasen-logs-truncated" in run(runtime, exact - 1, count=5, text=text).headers
    )


def test_the_next_run_has_the_whole_limit_again(ready: Ready) -> None:
    runtime = ready("lines")
    run(runtime, 100, count=50, text="first")
    answer = run(runtime, 1000, count=2, text="second")
    assert "x-chasen-logs-truncated" not in answer.headers
    assert [line[HEADER:] for line in answer.block.split("\n")] == ["second", "second"]


def test_without_a_limit_ten_mebibytes_are_kept(ready: Ready) -> None:
    runtime = ready("lines")
    answer = run(runtime, count=30, text="y" * 400_000)
    assert 10 * MIB - 400_100 < len(answer.block) <= 10 * MIB
    assert answer.headers["x-chasen-logs-truncated"] == "1"


def test_a_limit_of_nothing_keeps_nothing_and_reports_no_loss(ready: Ready) -> None:
    answer = run(ready("streams"), 0)
    assert answer.block == ""
    assert "x-chasen-logs-truncated" not in answer.headers


def test_one_endless_line_is_bounded(ready: Ready) -> None:
    runtime = ready("print")
    answer = run(runtime, 2000, text="z" * 300_000)
    assert len(answer.block) == 2000
    assert answer.headers["x-chasen-logs-truncated"] == "1"


def resident_kb(runtime: Started) -> int:
    status = Path(f"/proc/{runtime.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


@pytest.mark.parametrize(
    ("program", "small", "large"),
    [
        ("lines", {"count": 50_000, "text": ""}, {"count": 600_000, "text": ""}),
        (
            "lines",
            {"count": 20, "text": "x" * 200_000},
            {"count": 300, "text": "x" * 200_000},
        ),
        (
            "shell",
            {"shell": "head -c 3000000 /dev/zero"},
            {"shell": "head -c 60000000 /dev/zero"},
        ),
    ],
)
def test_a_flood_is_discarded_not_buffered(
    ready: Ready, program: str, small: dict[str, object], large: dict[str, object]
) -> None:
    runtime = ready(program)
    run(runtime, MIB, **small)  # what a full log and a warm heap take anyway
    before = resident_kb(runtime)
    answer = run(runtime, MIB, **large)
    assert len(answer.block.encode()) <= MIB
    assert answer.headers["x-chasen-logs-truncated"] == "1"
    assert resident_kb(runtime) - before < 30 * 1024


def test_a_failed_init_brings_its_logs(
    start: Callable[..., Started], family: str
) -> None:
    runtime = start(family, "inband")
    code = {
        "python": "print('before')\nraise ValueError('broken')\n",
        "nodejs": "console.log('before'); throw new Error('broken')",
    }
    answer = runtime.init(code[family])
    assert answer.status == 502
    assert ("stdout", "before") in runtime.lines
    assert "broken" in runtime.stderr
    assert int(answer.headers["x-chasen-result"]) == len(answer.raw)


def test_output_of_loading_comes_with_the_first_run(
    start: Callable[..., Started], family: str
) -> None:
    runtime = start(family, "inband")
    code = {
        "python": "print('loading')\n"
        "def main(args):\n    print('run')\n    return {}\n",
        "nodejs": "console.log('loading')\n"
        "function main() { console.log('run'); return {} }",
    }
    answer = runtime.init(code[family])
    assert (answer.status, answer.block) == (200, "")
    runtime.run()
    assert runtime.stdout == "loading\nrun\n"


def test_forked_children_print_too(start: Callable[..., Started]) -> None:
    runtime = start("python", "inband")
    runtime.init(
        "import multiprocessing, os, sys\n"
        "def child(name):\n"
        "    print(name, 'one'); print(name, 'two', file=sys.stderr)\n"
        "    sys.stdout.write('no newline')\n"
        "def main(args):\n"
        "    fork = multiprocessing.get_context('fork')\n"
        "    children = [fork.Process(target=child, args=(n,)) for n in 'ab']\n"
        "    [each.start() for each in children]; [each.join() for each in children]\n"
        "    return {'codes': [each.exitcode for each in children]}\n"
    )
    assert runtime.run().json == {"codes": [0, 0]}
    out = "".join(sorted(runtime.stdout))
    assert out == "".join(sorted("a one\nb one\nno newlineno newline\n"))
    assert sorted(runtime.stderr.splitlines()) == ["a two", "b two"]


def test_user_code_finds_ordinary_streams(start: Callable[..., Started]) -> None:
    runtime = start("python", "inband")
    runtime.init(
        "import logging, sys\n"
        "def main(args):\n"
        "    logging.basicConfig(stream=sys.stdout, format='%(message)s')\n"
        "    logging.warning('logged')\n"
        "    sys.stdout.writelines(['two ', 'parts\\n'])\n"
        "    sys.__stderr__.write('original\\n')\n"
        "    try:\n"
        "        sys.stdout.write(b'bytes')\n"
        "    except TypeError as error:\n"
        "        print(error)\n"
        "    sys.stdout.reconfigure(line_buffering=True)\n"
        "    sys.stdout.flush(); sys.stdout.buffer.flush()\n"
        "    out = sys.stdout\n"
        "    return {'fd': out.fileno(), 'tty': out.isatty(), 'coded': out.encoding}\n"
    )
    assert runtime.run().json == {"fd": 1, "tty": False, "coded": "utf-8"}
    expected = "logged\ntwo parts\nwrite() argument must be str, not bytes\n"
    assert runtime.stdout == expected
    assert runtime.stderr == "original\n"


def test_node_streams_can_be_piped_into(start: Callable[..., Started]) -> None:
    runtime = start("nodejs", "inband")
    runtime.init(
        "const { spawn } = require('child_process')\n"
        "function main() { return new Promise((resolve) => {\n"
        "  const child = spawn('sh', ['-c', 'echo piped'])\n"
        "  child.stdout.pipe(process.stdout)\n"
        "  child.on('close', () => process.stdout.write('é\\n', 'latin1',\n"
        "    () => resolve({ tty: process.stdout.isTTY ?? null })))\n"
        "}) }"
    )
    assert runtime.run().json == {"tty": None}
    assert runtime.stdout == "piped\n\ufffd\n"
