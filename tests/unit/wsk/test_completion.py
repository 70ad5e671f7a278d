"""What could stand in place of the last word; scripts in their real shells."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.programs import ROOT, WSK, environment
from unit.wsk.recorded import RecordedServer

ROWS = [
    {"namespace": "guest", "name": "hello"},
    {"namespace": "guest", "name": "other"},
    {"namespace": "guest/pkg", "name": "hidden"},
]


def offered(guest: Wsk, *words: str) -> list[str]:
    ran = guest("__complete", *words)
    assert ran.code == 0
    assert ran.err == ""
    return [line.partition("\t")[0] for line in ran.out.splitlines()]


def test_commands_and_flags(guest: Wsk) -> None:
    assert offered(guest, "acti") == ["action", "activation"]
    assert offered(guest, "action", "cre") == ["create"]
    assert offered(guest, "-i", "rule", "en") == ["enable"]
    assert "--web-secure" in offered(guest, "action", "create", "--web")
    assert offered(guest, "action", "create", "x", "--web", "") == [
        "yes", "true", "raw", "no", "false",
    ]  # fmt: skip
    assert offered(guest, "action", "create", "x", "") == [":files"]
    assert offered(guest, "action", "invoke", "x", "-P", "") == [":files"]
    assert offered(guest, "action", "invoke", "x", "-p", "a", "") == []


def test_names_come_from_the_server_and_are_kept(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "actions", 200, ROWS)

    assert offered(guest, "action", "get", "he") == ["hello"]
    assert offered(guest, "action", "get", "") == ["hello", "other", "pkg/"]
    assert offered(guest, "action", "get", "pkg/") == ["pkg/hidden"]
    assert len(server.requests) == 1


def test_fields_kinds_and_activations(guest: Wsk, server: RecordedServer) -> None:
    server.answer("GET", "/", 200, {"runtimes": {"nodejs": [{"kind": "nodejs:20"}]}})
    row = {"activationId": "0" * 32, "name": "hello", "start": 1, "statusCode": 0}
    server.answer("GET", "activations", 200, [row])

    assert offered(guest, "action", "get", "x", "ver") == ["version"]
    assert offered(guest, "action", "create", "x", "f", "--kind", "no") == ["nodejs:20"]
    assert offered(guest, "activation", "logs", "") == ["0" * 32]
    assert offered(guest, "activation", "get", "--last", "st") == [
        "start",
        "statusCode",
    ]


def test_an_error_completes_nothing(guest: Wsk, wsk: Wsk, home: Path) -> None:
    assert offered(guest, "action", "get", "") == []
    assert offered(guest, "bogus", "") == []
    (home / ".wskprops").unlink()
    assert offered(wsk, "action", "get", "") == []


@pytest.fixture
def on_path(home: Path) -> Path:
    """A `wsk` that a shell finds."""
    folder = home / "bin"
    folder.mkdir()
    script = folder / "wsk"
    command = " ".join(f'"{word}"' for word in WSK)
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {command} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder


def in_shell(shell: str, program: str, folder: Path) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    environ = environment()
    environ["PATH"] = f"{folder}:{environ['PATH']}"
    done = subprocess.run(
        [found, "-c", program], env=environ, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def test_bash_completes_an_action(
    guest: Wsk, server: RecordedServer, on_path: Path
) -> None:
    """Case 79."""
    server.answer("GET", "actions", 200, ROWS)
    program = """
        source <(wsk sdk install bashauto --stdout)
        COMP_WORDS=(wsk action get he) COMP_CWORD=3
        COMP_LINE="wsk action get he" COMP_POINT=17
        _wsk_complete 2>/dev/null
        echo "${COMPREPLY[@]}"
    """

    assert in_shell("bash", program, on_path) == "hello\n"


def test_fish_completes_an_action(
    guest: Wsk, server: RecordedServer, on_path: Path
) -> None:
    server.answer("GET", "actions", 200, ROWS)
    program = 'wsk completion fish | source; complete -C "wsk action get he"'

    assert in_shell("fish", program, on_path) == "hello\n"


def test_zsh_completes_an_action(
    guest: Wsk, server: RecordedServer, on_path: Path
) -> None:
    """Through zsh's own completion, in a terminal of its own."""
    server.answer("GET", "actions", 200, ROWS)
    program = """
        zmodload zsh/zpty
        zpty z zsh -f -i
        zpty -w z 'PS1=; autoload -Uz compinit; compinit -u -d $HOME/dump'
        zpty -w z 'source <(wsk completion zsh); echo rea''dy'
        zpty -r z out '*ready*'
        sleep 1  # its line editor comes after the echo
        zpty -w -n z $'echo wsk; wsk action get he\\t'
        zpty -r z out '*get hello*'
        [[ $out == *'get hello'* ]] && print completed
        zpty -d z
    """

    assert in_shell("zsh", program, on_path).strip() == "completed"
