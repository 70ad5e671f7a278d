"""wsk action: what is sent, and how an action is shown."""

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.recorded import RecordedServer
from unit.wsk.test_cases import HELLO, WEB


def annotations(body: Any) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in body.get("annotations", [])}


def created(guest: Wsk, server: RecordedServer, *words: str) -> Any:
    """The body of the PUT that a command line leads to."""
    server.answer("PUT", "actions/x", 200, HELLO)
    ran = guest("action", *words)
    assert ran.code == 0, ran.err
    return server.requests[-1].json


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("hello.js", "nodejs:default"), ("hello.py", "python:default"),
        ("a.rb", "ruby:default"), ("a.go", "go:default"), ("a.php", "php:default"),
        ("a.rs", "rust:default"), ("a.swift", "swift:default"),
        ("a.balx", "ballerina:default"),
    ],
)  # fmt: skip
def test_the_kind_follows_from_the_name(
    guest: Wsk, server: RecordedServer, file: str, kind: str
) -> None:
    if not Path(file).exists():
        Path(file).write_text("code")

    assert created(guest, server, "create", "x", file)["exec"]["kind"] == kind


def test_text_goes_as_text_and_archives_as_base64(
    guest: Wsk, server: RecordedServer
) -> None:
    body = created(guest, server, "create", "x", "hello.js")
    assert body["exec"]["code"] == Path("hello.js").read_text()
    assert "binary" not in body["exec"]

    body = created(guest, server, "create", "x", "a.zip", "--kind", "python:3")
    assert base64.b64decode(body["exec"]["code"]) == Path("a.zip").read_bytes()


def test_bytes_of_any_name_survive(guest: Wsk, server: RecordedServer) -> None:
    """The original corrupts binaries that are not called .zip, .jar or .balx."""
    Path("program.bin").write_bytes(b"\x7fELF\xff\x00")

    body = created(guest, server, "create", "x", "program.bin", "--native")

    assert body["exec"]["kind"] == "blackbox"
    assert body["exec"]["image"] == "openwhisk/dockerskeleton"
    assert base64.b64decode(body["exec"]["code"]) == b"\x7fELF\xff\x00"


def test_an_empty_file_is_code(guest: Wsk, server: RecordedServer) -> None:
    Path("e.js").write_text("")

    assert created(guest, server, "create", "x", "e.js")["exec"]["code"] == ""


def test_a_folder_is_zipped_and_its_language_known(
    guest: Wsk, server: RecordedServer
) -> None:
    Path("app/__pycache__").mkdir(parents=True)
    Path("app/__main__.py").write_text("def main(a): return a\n")
    Path("app/__pycache__/x.pyc").write_text("")
    Path("app/secret.txt").write_text("")
    Path("app/.wskignore").write_text("secret.*\n")

    body = created(guest, server, "create", "x", "app")

    archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(body["exec"]["code"])))
    assert archive.namelist() == ["__main__.py"]
    assert body["exec"]["kind"] == "python:default"


def test_docker_needs_no_code(guest: Wsk, server: RecordedServer) -> None:
    body = created(guest, server, "create", "x", "--docker", "me/image")

    assert body["exec"] == {"kind": "blackbox", "image": "me/image"}


def test_components_are_expanded_by_text(guest: Wsk, server: RecordedServer) -> None:
    """Case 33; blanks after a comma are trimmed."""
    words = ("create", "x", "--sequence", "a, /guest/b,p/c,ns/p/d")

    assert created(guest, server, *words)["exec"]["components"] == [
        "/_/a", "/guest/b", "/_/p/c", "/ns/p/d",
    ]  # fmt: skip


def test_only_given_limits_are_sent(guest: Wsk, server: RecordedServer) -> None:
    body = created(guest, server, "create", "x", "hello.js", "-m", "512", "-t", "0")

    assert body["limits"] == {"timeout": 0, "memory": 512}
    assert "limits" not in created(guest, server, "create", "x", "hello.js")


def test_web_adds_three_annotations(guest: Wsk, server: RecordedServer) -> None:
    """Case 30."""
    words = ("create", "x", "hello.js", "--web", "yEs", "-a", "k", "v")

    assert annotations(created(guest, server, *words)) == {
        "k": "v", "web-export": True, "raw-http": False, "final": True,
    }  # fmt: skip


def test_a_web_secret_is_random_and_then_kept(
    guest: Wsk, server: RecordedServer
) -> None:
    """Case 32."""
    server.answer("GET", "actions/x", 200, WEB)
    first = annotations(created(guest, server, "update", "x", "--web-secure", "true"))
    secret = first["require-whisk-auth"]
    assert 0 <= secret < 2**53

    stored = {**WEB, "annotations": [
        *WEB["annotations"], {"key": "require-whisk-auth", "value": secret},
    ]}  # fmt: skip
    server.answer("GET", "actions/x", 200, stored)
    guest("action", "get", "x")
    second = annotations(created(guest, server, "update", "x", "--web-secure", "true"))
    assert second["require-whisk-auth"] == secret

    body = created(guest, server, "update", "x", "--web-secure", "false")
    assert body["delAnnotations"] == ["require-whisk-auth"]


def test_an_update_of_web_resends_the_other_annotations(
    guest: Wsk, server: RecordedServer
) -> None:
    stored = {**HELLO, "annotations": [{"key": "mine", "value": 1}]}
    server.answer("GET", "actions/x", 200, stored)

    without = created(guest, server, "update", "x", "--web", "raw")
    beside = created(guest, server, "update", "x", "--web", "no", "-a", "k", "v")

    assert annotations(without)["mine"] == 1
    assert annotations(without)["raw-http"] is True
    assert set(annotations(beside)) == {"k", "web-export", "raw-http", "final"}


def test_a_pinned_kind_stays_pinned(guest: Wsk, server: RecordedServer) -> None:
    """Case 36: the original resets it to the default silently."""
    stored = {**HELLO, "exec": {"kind": "nodejs:18", "binary": False}}
    server.answer("GET", "actions/x", 200, stored)

    assert created(guest, server, "update", "x", "hello.js")["exec"]["kind"] == (
        "nodejs:18"
    )
    assert created(guest, server, "update", "x", "hello.py")["exec"]["kind"] == (
        "python:default"
    )


def test_a_new_kind_alone_resends_the_code(guest: Wsk, server: RecordedServer) -> None:
    """The original ignores --kind and --main without an artifact."""
    stored = {**HELLO, "exec": {"kind": "nodejs:18", "code": "c", "binary": False}}
    server.answer("GET", "actions/x", 200, stored)

    body = created(guest, server, "update", "x", "--kind", "nodejs:20", "--main", "f")

    assert body["exec"] == {"kind": "nodejs:20", "code": "c", "main": "f"}


def test_an_update_may_say_nothing(guest: Wsk, server: RecordedServer) -> None:
    server.answer("GET", "actions/x", 404, {"error": "no", "code": "t"})

    assert created(guest, server, "update", "x") == {"namespace": "_", "name": "x"}
    assert server.lines == ["GET actions/x?code=false", "PUT actions/x?overwrite=true"]


def test_a_failing_look_before_an_update_keeps_its_code(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "actions/x", 403, {"error": "no", "code": "t"})

    ran = guest("action", "update", "x", "hello.js")

    assert ran.err.startswith("error: Invalid argument(s). no (code t)\n")
    assert ran.code == 147


def test_a_copy_is_overlaid_by_what_is_typed(
    guest: Wsk, server: RecordedServer
) -> None:
    """Case 39."""
    parameters = [{"key": "name", "value": "Z"}, {"key": "o", "value": 1}]
    executed = {"kind": "nodejs:20", "code": "c", "binary": False}
    stored = {**HELLO, "exec": executed, "parameters": parameters}
    server.answer("GET", "actions/hello", 200, stored)

    body = created(guest, server, "create", "x", "hello", "--copy", "-p", "name", "Q")

    assert body["parameters"] == [
        {"key": "name", "value": "Q"}, {"key": "o", "value": 1},
    ]  # fmt: skip
    assert body["exec"]["code"] == "c"
    assert guest("action", "create", "x", "--copy").code == 1


def test_names_are_encoded_and_echoed(guest: Wsk, server: RecordedServer) -> None:
    server.answer("PUT", "actions/p/a b%?#@+", 200, HELLO)

    ran = guest("action", "create", "p/a b%?#@+", "hello.js")

    assert ran.out == "ok: created action p/a b%?#@+\n"
    assert "/actions/p/a%20b%25%3F%23@+?overwrite=false" in server.lines[0].replace(
        "PUT ", "/"
    )


def test_environment_variables_are_init_parameters(
    guest: Wsk, server: RecordedServer
) -> None:
    body = created(guest, server, "create", "x", "hello.js", "--env", "A", "-b")

    assert body["parameters"] == [{"key": "A", "value": "-b", "init": True}]


def test_if_changed_leaves_an_equal_action_alone(
    guest: Wsk, server: RecordedServer
) -> None:
    code = Path("hello.js").read_text()
    stored = {**HELLO, "exec": {"kind": "nodejs:20", "code": code, "binary": False}}
    server.answer("GET", "actions/x", 200, stored)

    ran = guest("action", "update", "x", "hello.js", "--if-changed")

    assert ran.out == "ok: action x unchanged\n"
    assert all(line.startswith("GET") for line in server.lines)


def test_get_prints_known_keys_in_their_order(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "actions/hello", 200, {"unknown": 1, **HELLO})

    ran = guest("action", "get", "hello")

    assert ran.out.startswith(
        'ok: got action hello\n{\n    "namespace": "guest",\n    "name": "hello",\n'
        '    "version": "0.0.1",\n    "exec": {\n        "kind": "nodejs:20",\n'
        '        "binary": false\n    },\n    "annotations": [\n'
    )
    assert '"unknown"' not in ran.out
    assert '"parameters"' not in ran.out
    assert ran.out.endswith('    "publish": false,\n    "updated": 1700000000000\n}\n')


def test_a_url_has_the_real_namespace(guest: Wsk, server: RecordedServer) -> None:
    """Case 54."""
    stored = {**HELLO, "namespace": "me@x.org/p q"}
    server.answer("GET", "actions/p q/hello", 200, stored)
    server.answer("GET", "actions/w", 200, WEB)

    assert guest("action", "get", "p q/hello", "--url").out == (
        "ok: got action hello\n"
        f"{server.url}/api/v1/namespaces/me%40x.org/actions/p%20q/hello\n"
    )
    assert guest("action", "get", "w", "-r").out == (
        f"ok: got action w\n{server.url}/api/v1/web/guest/default/w\n"
    )


def test_code_is_saved_once(guest: Wsk, server: RecordedServer) -> None:
    """Case 55."""
    Path("hello.js").unlink()
    stored = {**HELLO, "exec": {"kind": "nodejs:20", "code": "c\n", "binary": False}}
    server.answer("GET", "actions/hello", 200, stored)

    first = guest("action", "get", "hello", "--save")
    again = guest("action", "get", "hello", "--save")

    assert first.out == f"ok: saved action code to {Path.cwd()}/hello.js\n"
    assert Path("hello.js").read_text() == "c\n"
    assert "The file 'hello.js' already exists" in again.err
    assert again.code == 2


@pytest.mark.parametrize(
    ("executed", "text"),
    [
        ({"kind": "sequence", "components": []}, "Cannot save action sequences"),
        ({"kind": "blackbox", "image": "i"}, "Cannot save Docker images"),
    ],
)
def test_some_code_cannot_be_saved(
    guest: Wsk, server: RecordedServer, executed: Any, text: str
) -> None:
    server.answer("GET", "actions/x", 200, {**HELLO, "exec": executed})

    ran = guest("action", "get", "x", "--save")

    assert text in ran.err
    assert ran.code == 2


def test_binary_code_is_saved_as_an_archive(guest: Wsk, server: RecordedServer) -> None:
    data = base64.b64encode(b"PK\x03\x04").decode()
    stored = {**HELLO, "exec": {"kind": "nodejs:20", "code": data, "binary": True}}
    server.answer("GET", "actions/x", 200, stored)

    assert guest("action", "get", "x", "--save").code == 0
    assert Path("x.zip").read_bytes() == b"PK\x03\x04"


def test_a_summary_names_the_parameters(guest: Wsk, server: RecordedServer) -> None:
    """Case 56."""
    notes = [
        {"key": "final", "value": True},
        {"key": "parameters", "value": [{"name": "p1"}, {"name": "p2"}]},
    ]
    described = {
        **HELLO,
        "name": "d",
        "parameters": [{"key": "p1", "value": 1}],
        "annotations": [*notes, {"key": "description", "value": "D"}],
    }
    server.answer("GET", "actions/d", 200, described)
    server.answer("GET", "actions/e", 200, {**described, "annotations": notes})
    server.answer("GET", "actions/hello", 200, HELLO)

    assert guest("action", "get", "d", "-s").out == (
        "action /guest/d: D\n   (parameters: **p1, p2)\n"
    )
    assert "Returns a result based on parameters p1 and p2" in (
        guest("action", "get", "e", "-s").out
    )
    assert guest("action", "get", "hello", "-s").out == (
        "action /guest/hello\n   (parameters: none defined)\n"
    )


def test_quiet_says_nothing(guest: Wsk, server: RecordedServer) -> None:
    """Case 80."""
    server.answer("PUT", "actions/x", 200, HELLO)

    assert guest("action", "create", "x", "hello.js", "-q") == ("", "", 0)


def test_a_dry_run_sends_nothing(guest: Wsk, server: RecordedServer) -> None:
    ran = guest("action", "create", "x", "hello.js", "--dry-run")

    assert ran.code == 0
    assert ran.out.startswith(f"PUT {server.url}/api/v1/namespaces/_/actions/x?")
    assert server.requests == []


def test_an_action_with_much_code_can_be_deleted(
    guest: Wsk, server: RecordedServer
) -> None:
    """Servers answer with the whole action, which may be larger than most answers."""
    executed = {"kind": "nodejs:20", "code": "x" * (12 << 20), "binary": False}
    server.answer("DELETE", "actions/x", 200, {**HELLO, "exec": executed})

    assert guest("action", "delete", "x") == ("ok: deleted action x\n", "", 0)
