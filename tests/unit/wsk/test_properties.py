"""The properties file and the property commands."""

import os
import stat
from pathlib import Path

import pytest
from unit.wsk.conftest import KEY, Wsk
from unit.wsk.recorded import RecordedServer

from wsk import hosts
from wsk.properties import parse

U = "Run 'wsk --help' for usage.\n"


def test_without_an_api_host_the_error_says_so(
    wsk: Wsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 6: an empty WSK_CONFIG_FILE means no file, not the one at home."""
    Path(os.environ["HOME"], ".wskprops").write_text("APIHOST=http://127.0.0.1:1\n")
    monkeypatch.setenv("WSK_CONFIG_FILE", "")

    ran = wsk("action", "list")

    text = "error: The API host is not valid: An API host must be provided.\n\n"
    assert ran == ("", text + U, 1)


def test_without_a_key_the_error_names_the_flag(
    guest: Wsk, home: Path, server: RecordedServer
) -> None:
    """Case 7."""
    (home / ".wskprops").write_text(f"APIHOST={server.url}\n")

    ran = guest("list")

    assert "--auth is required" in ran.err
    assert ran.err.endswith(U)
    assert ran.code == 2
    assert server.requests == []


def test_a_flag_beats_the_environment_and_that_the_file(
    guest: Wsk, server: RecordedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 10."""
    import base64

    server.answer("GET", "actions", 200, [])
    monkeypatch.setenv("WHISK_AUTH", "environment:key")

    guest("-u", "flag:key", "action", "list")
    guest("action", "list")
    monkeypatch.setenv("WHISK_AUTH", "")
    guest("action", "list")

    sent = [
        base64.b64decode(request.headers["Authorization"].split()[1]).decode()
        for request in server.requests
    ]
    assert sent == ["flag:key", "environment:key", KEY]


def test_single_properties(guest: Wsk, server: RecordedServer) -> None:
    """Cases 11 and 12."""
    assert guest("property", "get", "--cliversion").out.startswith(
        "whisk CLI version\t20"
    )
    assert guest("property", "get", "--apihost", "-o", "raw").out == server.url + "\n"


def test_all_properties_come_in_their_order(guest: Wsk, server: RecordedServer) -> None:
    """Case 15."""
    server.answer("GET", "/api/v1/namespaces", 200, ["guest"])
    server.answer("GET", "/api/v1", 200, {"build": "2026-01-01", "buildno": "latest"})

    lines = guest("property", "get").out.splitlines()

    assert [line.split("\t")[0] for line in lines] == [
        "whisk API host", "whisk auth", "whisk namespace", "client cert", "Client key",
        "whisk API version", "whisk CLI version", "whisk API build",
        "whisk API build number",
    ]  # fmt: skip
    assert lines[2] == "whisk namespace\t\tguest"
    assert lines[5] == "whisk API version\tv1"
    assert lines[7] == "whisk API build\t\t2026-01-01"
    assert "Authorization" not in server.requests[-1].headers


def test_a_server_that_is_down_leaves_the_build_unknown(guest: Wsk) -> None:
    """Case 16."""
    os.environ["WHISK_APIHOST"] = "http://127.0.0.1:1"
    try:
        ran = guest("property", "get")
    finally:
        del os.environ["WHISK_APIHOST"]

    assert "whisk API build\t\tUnknown\n" in ran.out
    assert "whisk namespace\t\t_\n" in ran.out
    assert "Unable to obtain API build information: " in ran.err
    assert ran.code == 3


def test_setting_keeps_what_is_not_ours(wsk: Wsk, home: Path) -> None:
    """Case 17."""
    path = home / ".wskprops"
    path.write_text("# mine\nFOREIGN=1\nAPIHOST=old\n")

    ran = wsk("property", "set", "--apihost", "h1", "--auth", "a:b=")

    assert ran.out == (
        "ok: whisk auth set. Run 'wsk property get --auth' to see the new value.\n"
        "ok: whisk API host set to h1\n"
    )
    assert path.read_text() == "# mine\nFOREIGN=1\nAPIHOST=h1\nAUTH=a:b=\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert wsk("property", "get", "--auth", "-o", "raw").out == "a:b=\n"


def test_the_key_may_come_from_stdin_or_a_file(
    wsk: Wsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key in an argument is seen by everybody on the machine."""
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("u:stdin\n"))
    assert wsk("property", "set", "--auth", "-").code == 0
    assert wsk("property", "get", "--auth", "-o", "raw").out == "u:stdin\n"

    Path("key").write_text("u:file\n")
    assert wsk("property", "set", "--auth-file", "key").code == 0
    assert wsk("property", "get", "--auth", "-o", "raw").out == "u:file\n"

    Path("empty").write_text("\n")
    assert wsk("property", "set", "--auth-file", "empty").code == 1
    assert wsk("property", "get", "--auth", "-o", "raw").out == "u:file\n"


def test_unsetting_what_is_not_there_is_fine(wsk: Wsk) -> None:
    """Case 18."""
    ran = wsk("property", "unset", "--apiversion")

    text = "ok: whisk API version unset; the default value of v1 will be used.\n"
    assert ran == (text, "", 0)


def test_lines_of_the_file() -> None:
    """Case 20, and B090: CRLF, no `=`, values that hold `=` and `#`."""
    text = "APIHOST=http://localhost:10001    # note\r\nnonsense\r\n Auth = a:b#c=\r\n"

    assert parse(text) == {"APIHOST": "http://localhost:10001", "AUTH": "a:b#c="}


def test_a_byte_order_mark_is_no_part_of_the_first_key(wsk: Wsk, home: Path) -> None:
    (home / ".wskprops").write_bytes(b"\xef\xbb\xbfAPIHOST=h\r\n")

    assert wsk("property", "get", "--apihost", "-o", "raw").out == "h\n"


def test_a_file_that_others_can_read_is_closed(guest: Wsk, home: Path) -> None:
    """B090."""
    path = home / ".wskprops"
    path.chmod(0o644)

    guest("property", "get", "--apihost")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_huge_file_is_refused(wsk: Wsk, home: Path) -> None:
    (home / ".wskprops").write_text("#" * (2 << 20))

    ran = wsk("property", "get", "--apihost")

    assert ran.code == 1
    assert "larger than 1 MiB" in ran.err


def test_a_folder_or_a_missing_file_never_falls_back_to_another_key(
    guest: Wsk, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B091."""
    for path in (home, home / "missing"):
        monkeypatch.setenv("WSK_CONFIG_FILE", str(path))
        assert guest("property", "get", "--auth", "-o", "raw").out == "\n"

    monkeypatch.setenv("WSK_CONFIG_FILE", str(home))
    ran = guest("property", "set", "--apihost", "h")
    assert ran.code == 1
    assert "Whisk properties file write failure: " in ran.err


@pytest.mark.parametrize(
    "host",
    [" ", "http://", "a b", "user:pw@h", "h:99999", "file:///x", "http://h/?x", "h\n"],
)
def test_what_is_no_api_host_is_refused(wsk: Wsk, host: str) -> None:
    """B089."""
    ran = wsk("property", "set", "--apihost", host)

    assert ran.code == 1
    assert "Unable to set API host value; the API host value " in ran.err
    assert "pw" not in ran.err


@pytest.mark.parametrize(
    "host", ["h", "h:1", "http://h", "https://h:3233/", "http://[::1]:3233"]
)
def test_api_hosts_with_and_without_scheme(host: str) -> None:
    assert hosts.fault(host) == ""


def test_a_context_has_its_own_file(wsk: Wsk, home: Path) -> None:
    """~/.wskprops stays what it is for other tools."""
    wsk("property", "set", "--apihost", "default")
    wsk("context", "create", "other", "--apihost", "http://other")

    assert wsk("property", "get", "--apihost", "-o", "raw").out == "default\n"
    used = ("--context", "other", "property", "get", "--apihost", "-o", "raw")
    assert wsk(*used).out == "http://other\n"
    wsk("context", "use", "other")
    assert wsk("property", "get", "--apihost", "-o", "raw").out == "http://other\n"
    wsk("context", "use", "-")
    assert wsk("property", "get", "--apihost", "-o", "raw").out == "default\n"
    assert wsk("context", "create", "../x").code == 1


def test_two_writers_never_mix_their_lines(wsk: Wsk, home: Path) -> None:
    """B099: the file is one or the other."""
    from unit.wsk.programs import start

    running = [
        start("property", "set", "--apihost", f"h{n}", "--apiversion", f"v{n}")
        for n in range(6)
    ]
    for process in running:
        process.communicate(timeout=30)
        assert process.returncode == 0

    values = parse((home / ".wskprops").read_text())
    assert values["APIHOST"][1:] == values["APIVERSION"][1:]
    assert len(list(home.glob(".wskprops*"))) == 1
