"""Waiting for activations: windows, signals, servers that fail."""

import json
import signal
import time
from typing import Any

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.programs import read_until, start
from unit.wsk.recorded import RecordedServer

from wsk.poll import OVERLAP_MS, Window


def record(number: int, start_ms: int, *logs: str) -> dict[str, Any]:
    return {
        "activationId": f"{number:032x}", "name": f"a{number}", "namespace": "guest",
        "start": start_ms, "end": start_ms + 5, "duration": 5, "logs": list(logs),
        "response": {"success": True, "status": "success", "result": {}},
    }  # fmt: skip


def test_a_window_shows_each_activation_once_oldest_first() -> None:
    window = Window(1000)
    rows = [record(2, 2000), record(1, 1500)]

    assert [row["name"] for row in window.fresh(rows)] == ["a1", "a2"]
    assert window.fresh(rows) == []


def test_a_window_advances_and_overlaps() -> None:
    """Records appear late: the next round looks back a little, and never stands."""
    window = Window(1000)
    seen = [window.since_ms]
    for number, start_ms in enumerate((1500, 2000, 20_000, 21_000)):
        window.fresh([record(number, start_ms)])
        seen.append(window.since_ms)

    assert seen == sorted(set(seen))
    assert seen[-1] == 21_000 - OVERLAP_MS
    late = record(9, 17_000)
    assert window.fresh([late]) == [late]


def test_poll_prints_logs_and_ends_after_its_time(
    guest: Wsk, server: RecordedServer
) -> None:
    """Case 65."""
    server.answer("GET", "activations", 200, [record(1, 1000)])
    server.answer("GET", "activations", 200, [record(2, 2000, "hi")])

    before = time.monotonic()
    ran = guest("activation", "poll", "-e", "1")

    assert time.monotonic() - before < 4
    assert ran.out == (
        "Enter Ctrl-c to exit.\nPolling for activation logs\n\n"
        f"Activation: 'a2' ({2:032x})\n[\n    \"hi\"\n]\n"
    )
    assert ran.code == 0
    assert server.lines[:2] == [
        "GET activations?docs=true&limit=1&skip=0",
        "GET activations?docs=true&limit=0&since=1001&skip=0",
    ]


@pytest.mark.slow
def test_a_failing_server_is_not_hammered(guest: Wsk, server: RecordedServer) -> None:
    """Case 66: the original sends thousands of requests."""
    server.fallback = server.fallback._replace(status=500)

    ran = guest("activation", "poll", "/guest/pkg/hello", "-e", "6")

    assert ran.code == 0
    assert 2 <= len(server.requests) <= 5


def test_ctrl_c_terminates_a_poll_with_1(guest: Wsk, server: RecordedServer) -> None:
    """Case 65."""
    server.answer("GET", "activations", 200, [])
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start("activation", "poll")
        read_until(process, "Polling")
        time.sleep(0.3)
        process.send_signal(number)
        out, err = process.communicate(timeout=10)

        assert out.endswith("Poll terminated\n")
        assert err == ""
        assert process.returncode == 1


def test_ctrl_c_ends_following_with_130(guest: Wsk, server: RecordedServer) -> None:
    server.answer("GET", "activations", 200, [])
    now = int(time.time() * 1000)
    line = "2026-01-01T00:00:00.000000000Z stdout: hello there"
    server.answer("GET", "activations", 200, [record(1, now, line)])

    process = start("logs", "--follow")
    shown = read_until(process, "✓ a1")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)

    assert "00:00:00 a1 00000000 stdout | hello there\n✓ a1 5ms" in shown
    assert err == ""
    assert process.returncode == 130


def test_logs_are_filtered_and_machine_readable(
    guest: Wsk, server: RecordedServer
) -> None:
    line = "2026-01-01T00:00:00.000000000Z stderr: oh no"
    failed = record(2, 2000, line)
    failed["response"] = {"status": "application error", "result": {"error": "boom"}}
    server.answer("GET", "activations", 200, [failed, record(1, 1000, "fine")])

    assert guest("logs", "--grep", "oh", "--strip").out == "oh no\n"
    assert guest("logs", "--status", "error").out.endswith(
        "✗ a2 5ms application error: boom\n"
    )
    entry = json.loads(guest("logs", "--grep", "oh", "-o", "json").out)
    assert entry == {
        "ts": "2026-01-01T00:00:00.000000000Z", "activationId": f"{2:032x}",
        "action": "a2", "stream": "stderr", "line": "oh no",
    }  # fmt: skip
    assert guest("logs", "--grep", "(").code == 1


def test_waiting_for_a_late_record(guest: Wsk, server: RecordedServer) -> None:
    """--wait goes on where the server's patience ends."""
    name = f"{7:032x}"
    server.answer("POST", "actions/slow", 202, {"activationId": name})
    server.answer("GET", f"activations/{name}", 404, {"error": "no", "code": "t"})
    done = record(7, 1) | {"response": {"success": True, "result": {"a": 1}}}
    server.answer("GET", f"activations/{name}", 200, done)

    ran = guest("action", "invoke", "slow", "-r", "--wait", "10s")

    assert ran == ('{\n    "a": 1\n}\n', "", 0)
