"""What a terminal sees, and a pipe does not: colours, hints, harmless text."""

import subprocess
from pathlib import Path

from unit.wsk.conftest import Wsk
from unit.wsk.programs import WSK, environment, in_terminal, start
from unit.wsk.recorded import RecordedServer

ROWS = [{"namespace": "guest", "name": "hello", "annotations": []}]


def test_ok_and_names_are_coloured_on_a_terminal_only(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("DELETE", "actions/hello", 200, ROWS[0])

    shown, code = in_terminal("action", "delete", "hello")
    piped = guest("action", "delete", "hello")

    assert shown == "\x1b[32mok:\x1b[0m deleted action \x1b[1mhello\x1b[0m\n"
    assert piped.out == "ok: deleted action hello\n"
    assert code == piped.code == 0


def test_colours_can_be_refused_and_forced(guest: Wsk, server: RecordedServer) -> None:
    server.answer("DELETE", "actions/hello", 200, ROWS[0])
    words = ("action", "delete", "hello")

    for plain in (
        in_terminal(*words, NO_COLOR="1")[0],
        in_terminal(*words, TERM="dumb")[0],
        in_terminal(*words, "--color", "never")[0],
    ):
        assert plain == "ok: deleted action hello\n"
    assert "\x1b[32m" in guest(*words, "--color", "always").out


def test_errors_come_with_hints_on_a_terminal(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "actions", 200, ROWS)

    shown, code = in_terminal("action", "get", "helo", NO_COLOR="1")
    piped = guest("action", "get", "helo")

    assert "See 'wsk action get --help'." in shown
    assert "hint: did you mean 'hello'?" in shown
    assert "hint" not in piped.err
    assert code == piped.code == 148


def test_a_full_page_hints_at_more(guest: Wsk, server: RecordedServer) -> None:
    server.answer("GET", "triggers", 200, ROWS * 2)

    shown, _ = in_terminal("trigger", "list", "-l", "2", NO_COLOR="1")

    assert "hint: more entries may exist; use --all or --skip 2" in shown


def test_ignored_pairs_are_warned_about(guest: Wsk, server: RecordedServer) -> None:
    server.answer("GET", "actions", 200, [])

    shown, _ = in_terminal("action", "list", "-a", "k", "v", NO_COLOR="1")

    assert "warning: -a is ignored by 'action list'" in shown


def test_control_characters_from_a_server_are_shown_not_sent(
    guest: Wsk, server: RecordedServer
) -> None:
    """B094: a log line must not be able to write into the title, or worse."""
    evil = "\x1b]0;owned\x07\x1b[2J\x9bhello"
    identifier = "0" * 32
    server.answer("GET", f"activations/{identifier}/logs", 200, {"logs": [evil]})
    server.answer("GET", "actions/x", 500, {"error": evil, "code": "t"})

    logs, _ = in_terminal("activation", "logs", identifier)
    error, _ = in_terminal("action", "get", "x")
    piped = guest("activation", "logs", identifier)

    for shown in (logs, error):
        assert "\x1b]" not in shown
        assert "\x1b[2J" not in shown
        assert "\\x1b]0;owned\\x07" in shown
    assert piped.out == evil + "\n"


def test_a_slow_answer_shows_a_spinner_and_leaves_nothing(
    guest: Wsk, server: RecordedServer
) -> None:
    import threading

    hold = threading.Event()
    server.hold = hold
    server.answer("DELETE", "actions/hello", 200, ROWS[0])
    threading.Timer(0.8, hold.set).start()

    shown, _ = in_terminal("action", "delete", "hello", NO_COLOR="1")

    assert "action delete" in shown
    assert shown.endswith("\r\x1b[Kok: deleted action hello\n")


def test_a_reader_that_goes_away_is_no_error(
    guest: Wsk, server: RecordedServer
) -> None:
    """B095: `wsk action list | head -1`."""
    server.answer("GET", "actions", 200, ROWS * 200)
    process = start("action", "list")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None

    assert process.stderr.read() == ""
    assert process.wait(10) == 0
    process.stderr.close()


def test_neither_locale_nor_home_matter(guest: Wsk, server: RecordedServer) -> None:
    """B100."""
    server.answer("GET", "/api/v1/namespaces", 200, ["gäst ✓"])
    environ = environment(
        LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0",
        WHISK_APIHOST=server.url, WHISK_AUTH="a:b",
    )  # fmt: skip
    del environ["HOME"]

    done = subprocess.run(
        [*WSK, "namespace", "list"], env=environ, capture_output=True, check=False
    )

    assert done.stderr == b""
    assert done.stdout.decode() == "namespaces\ngäst ✓\n"


def test_a_full_disk_leaves_no_partial_file(guest: Wsk, server: RecordedServer) -> None:
    """B095: /dev/full takes nothing."""
    executed = {"kind": "nodejs:20", "code": "c", "binary": False}
    server.answer("GET", "actions/x", 200, {"name": "x", "exec": executed})

    ran = guest("action", "get", "x", "--save-as", "/dev/full", "--force")

    assert ran.code == 2
    assert "Cannot create file '/dev/full': No space left on device" in ran.err
    assert Path("/dev/full").exists()


def test_deleting_a_full_package_asks_first(guest: Wsk, server: RecordedServer) -> None:
    server.answer("DELETE", "packages/p", 200, {})
    words = ("package", "delete", "p", "--recursive")

    refused, code = in_terminal(*words, typed=b"n\n", NO_COLOR="1")
    assert "Delete package 'p' and everything in it? [y/N]" in refused
    assert code == 1
    assert server.requests == []

    assert in_terminal(*words, typed=b"y\n")[1] == 0
    assert in_terminal(*words, "-y")[1] == 0


def test_an_unexpected_fault_is_one_line_and_exit_1(
    guest: Wsk, server: RecordedServer, monkeypatch
) -> None:
    """The original prints a panic on stdout and exits 0."""

    def broken(session: object) -> int:
        raise KeyError("surprise")

    monkeypatch.setattr("wsk.rules.get", broken)

    ran = guest("rule", "get", "r")

    assert ran.out == ""
    assert ran.err == "error: internal error: 'surprise' (re-run with --debug)\n"
    assert ran.code == 1
    assert Path.cwd().exists()
