"""The acceptance cases of the command line, by `wsk` itself, on both houses.

What needs packages, sequences or the API gateway is shown against recorded answers
(tests/unit/wsk); here every byte comes from a real house.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from fixtures.house import BIN, User

ID = r"[0-9a-f]{32}"
U = "Run 'wsk --help' for usage.\n"
FILES = {
    "hello.js": 'function main(a) { console.log("hi"); '
    'return {payload: "Hello, " + (a.name || "World")} }\n',
    "hello.py": "def main(a):\n    print('hi')\n"
    "    return {'payload': 'Hello, ' + a.get('name', 'World')}\n",
    "fail.js": 'function main() { return {error: "boom"} }\n',
    "echo.py": "def main(a): return a\n",
    "slow.py": "import time\ndef main(a):\n    time.sleep(a['s'])\n    return {}\n",
    "p.json": '{"fp":"file","n":1}',
}


class Ran(NamedTuple):
    """What a command line printed, and its exit code."""

    out: str
    err: str
    code: int


class Wsk:
    """`wsk` with a user's configuration, in a folder of files."""

    def __init__(self, user: User, folder: Path) -> None:
        self.user = user
        self.folder = folder
        self.environment = {**os.environ, "HOME": str(folder)}
        for name in [
            name for name in os.environ if name.startswith(("WSK_", "WHISK_"))
        ]:
            del self.environment[name]
        config = folder / ".wskprops"
        config.write_text(f"APIHOST={user.house.api_host}\nAUTH={user.key}\n")
        config.chmod(0o600)
        for name, content in FILES.items():
            (folder / name).write_text(content)

    def __call__(self, *words: str) -> Ran:
        done = subprocess.run(
            [BIN / "wsk", *words],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(done.stdout, done.stderr, done.returncode)

    def created(self, *files: str) -> None:
        for file in files:
            name = file.partition(".")[0]
            ran = self("action", "create", name, file)
            assert ran == (f"ok: created action {name}\n", "", 0)


@pytest.fixture
def wsk(user: User, tmp_path: Path) -> Wsk:
    return Wsk(user, tmp_path)


def test_properties_show_the_house(wsk: Wsk) -> None:
    """Case 15."""
    ran = wsk("property", "get")

    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 9
    assert f"whisk namespace\t\t{wsk.user.namespace}\n" in ran.out
    assert wsk("namespace", "list").out == f"namespaces\n{wsk.user.namespace}\n"


def test_a_wrong_key_exits_145(wsk: Wsk) -> None:
    """Case 9."""
    ran = wsk("-u", "bad:key", "action", "list")

    assert "The supplied authentication is invalid" in ran.err
    assert ran.code == 145


def test_an_action_is_created_once(wsk: Wsk) -> None:
    """Cases 21, 22, 34, 35."""
    wsk.created("hello.js")

    again = wsk("action", "create", "hello", "hello.js")
    assert re.match(
        r"error: Unable to create action 'hello': resource already exists "
        r"\(code [0-9a-zA-Z_-]+\)\n" + re.escape(U),
        again.err,
    )
    assert again.code == 153
    big = wsk("action", "create", "big", "hello.js", "-m", "32768")
    assert "allowed threshold" in big.err
    assert big.code == 144
    unknown = wsk("action", "create", "x", "hello.js", "--kind", "foobar")
    assert "The specified runtime 'foobar' is not supported" in unknown.err
    assert unknown.code == 144


def test_annotations_and_web_secrets(wsk: Wsk) -> None:
    """Cases 30 and 32."""

    def annotations() -> dict[str, object]:
        found = json.loads(wsk("action", "get", "w", "annotations", "-o", "json").out)
        return {item["key"]: item["value"] for item in found}

    words = ("action", "create", "w", "hello.js", "--web", "yEs", "-a", "k", "v")
    assert wsk(*words).code == 0
    assert annotations() == {
        "k": "v", "web-export": True, "raw-http": False, "final": True,
        "exec": "nodejs:20", "provide-api-key": False,
    }  # fmt: skip

    assert wsk("action", "update", "w", "--web-secure", "true").code == 0
    secret = annotations()["require-whisk-auth"]
    assert isinstance(secret, int)
    assert 0 <= secret < 2**53
    assert wsk("action", "update", "w", "--web-secure", "true").code == 0
    assert annotations()["require-whisk-auth"] == secret
    assert wsk("action", "update", "w", "--web-secure", "false").code == 0
    assert "require-whisk-auth" not in annotations()


def test_updates_keep_what_they_do_not_name(wsk: Wsk) -> None:
    """Cases 36, 37, 39."""
    wsk.created("hello.py")
    pinned = wsk("action", "update", "hello", "hello.py", "--kind", "python:3.11")
    assert pinned.code == 0
    assert wsk("action", "update", "hello", "hello.py").code == 0
    assert wsk("action", "list").out.splitlines()[1].endswith(" private python:3.11")

    assert wsk("action", "update", "hello", "-p", "name", "Zed").out == (
        "ok: updated action hello\n"
    )
    assert wsk("action", "invoke", "hello", "-r").out == (
        '{\n    "payload": "Hello, Zed"\n}\n'
    )
    copy = wsk("action", "create", "c", "hello", "--copy", "-p", "name", "Q")
    assert copy.code == 0
    found = json.loads(wsk("action", "get", "c", "parameters", "-o", "json").out)
    assert found == [{"key": "name", "value": "Q"}]


def test_invocations_end_on_the_right_stream(wsk: Wsk) -> None:
    """Cases 40 to 44 and 51."""
    wsk.created("hello.js", "fail.js")

    first = wsk("action", "invoke", "hello")
    assert re.fullmatch(f"ok: invoked /_/hello with id {ID}\n", first.out)
    ran = wsk("action", "invoke", "hello", "-r", "-p", "name", "Bob")
    assert ran == ('{\n    "payload": "Hello, Bob"\n}\n', "", 0)

    record = wsk("action", "invoke", "hello", "-b")
    line, _, text = record.out.partition("\n")
    assert re.fullmatch(f"ok: invoked /_/hello with id {ID}", line)
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert json.loads(text)["response"]["success"] is True

    assert wsk("action", "invoke", "fail", "-r") == (
        "", '{\n    "error": "boom"\n}\n', 246,
    )  # fmt: skip
    failed = wsk("action", "invoke", "fail", "-b")
    assert failed.out == ""
    assert failed.err.startswith("ok: invoked /_/fail with id ")
    assert '"status": "application error"' in failed.err
    assert failed.code == 246

    missing = wsk("action", "invoke", "nosuch")
    assert missing.code == 148
    assert missing.err.endswith(U)


def test_values_arrive_as_they_were_typed(wsk: Wsk) -> None:
    """Cases 46, 47, 48, 50."""
    wsk.created("echo.py")

    ran = wsk(
        "action", "invoke", "echo", "-r", "-p", "a", "1", "-p", "b", '{"x":[1,2]}',
        "-p", "c", "007", "-p", "d", '"q"', "-p", "e", "", "-p", "f",
        "12345678901234567890", "-p", "g", r"x\ny", "-p", "h", "<&>",
        "-p", "m", "l1\nl2", "-p", "w", r"c:\path", "--set-string", 'q=say "hi"',
        "-P", "p.json", "-p", "n", "2", "-p", "response", '{"SomeField":1}',
    )  # fmt: skip

    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == {
        "a": 1, "b": {"x": [1, 2]}, "c": "007", "d": "q", "e": "",
        "f": 12345678901234567890, "g": "x\ny", "h": "<&>", "m": "l1\nl2",
        "w": r"c:\path", "q": 'say "hi"', "fp": "file", "n": 2,
        "response": {"SomeField": 1},
    }  # fmt: skip
    assert '"h": "<&>"' in ran.out


def test_names_are_encoded(wsk: Wsk) -> None:
    """B096."""
    ran = wsk("action", "create", "a b@c.d", "hello.py")

    assert ran.out == "ok: created action a b@c.d\n", ran.err
    assert wsk("action", "invoke", "a b@c.d", "-r").code == 0
    assert wsk("action", "get", "a b@c.d", "--url").out.endswith(
        "/actions/a%20b%40c.d\n"
    )
    assert wsk("action", "delete", "a b@c.d").code == 0


def test_code_comes_back(wsk: Wsk) -> None:
    """Cases 54 and 55."""
    wsk.created("hello.js")
    (wsk.folder / "hello.js").unlink()

    saved = wsk("action", "get", "hello", "--save")
    again = wsk("action", "get", "hello", "--save")

    assert saved.out == f"ok: saved action code to {wsk.folder}/hello.js\n"
    assert (wsk.folder / "hello.js").read_text() == FILES["hello.js"]
    assert again.code == 2
    host, space = wsk.user.house.api_host, wsk.user.namespace
    assert wsk("action", "get", "hello", "--url").out == (
        f"ok: got action hello\n{host}/api/v1/namespaces/{space}/actions/hello\n"
    )


def test_activations_are_listed_and_read(wsk: Wsk) -> None:
    """Cases 59 to 64."""
    assert wsk("activation", "list").out == "\n"
    wsk.created("hello.js")
    ran = wsk("action", "invoke", "hello")
    (identifier,) = re.findall(ID, ran.out)
    wsk.user.record(identifier)

    header, row = wsk("activation", "list").out.splitlines()
    assert header.split() == [
        "Datetime", "Activation", "ID", "Kind", "Start", "Duration", "Status", "Entity",
    ]  # fmt: skip
    assert row[20:52] == identifier
    assert " nodejs:20 " in row
    assert row.endswith(f" success {wsk.user.namespace}/hello:0.0.1")
    assert wsk("activation", "logs", identifier, "--strip").out == "hi\n"
    raw = wsk("activation", "logs", identifier).out
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z +stdout: hi\n", raw)
    assert json.loads(wsk("activation", "result", "--last").out) == {
        "payload": "Hello, World"
    }
    got = wsk("activation", "get", "--last").out
    assert got.startswith(f'ok: got activation {identifier}\n{{\n    "namespace": ')

    bounds = wsk("activation", "list", "-l", "201")
    assert "The value '201' is not in the range of 0 to 200 for activations." in (
        bounds.err
    )
    assert bounds.code == 144
    assert wsk("activation", "get", "0" * 32).code == 148


def test_poll_and_logs_show_what_runs(wsk: Wsk) -> None:
    """Case 65, and the exit codes of Ctrl-C."""
    wsk.created("hello.js")
    follower, poller = (
        subprocess.Popen(
            [BIN / "wsk", *words],
            env=wsk.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in (["logs", "--follow"], ["activation", "poll"])
    )
    time.sleep(2)
    wsk("action", "invoke", "hello", "-r")
    time.sleep(4)
    for process in (follower, poller):
        process.send_signal(signal.SIGINT)
    followed, _ = follower.communicate(timeout=20)
    polled, _ = poller.communicate(timeout=20)

    assert " stdout | hi\n✓ hello " in followed
    assert follower.returncode == 130
    assert polled.startswith("Enter Ctrl-c to exit.\nPolling for activation logs\n")
    assert re.search(
        rf"\n\nActivation: 'hello' \({ID}\)\n\[\n    \".*hi\"\n\]\n", polled
    )
    assert polled.endswith("Poll terminated\n")
    assert poller.returncode == 1


def test_triggers_and_rules(wsk: Wsk) -> None:
    """Cases 71 and 72."""
    wsk.created("hello.py")
    space = wsk.user.namespace
    assert (
        wsk("trigger", "create", "t", "-T", "a", "1").out == "ok: created trigger t\n"
    )
    assert wsk("trigger", "fire", "t").out == "ok: triggered /_/t with id \n"
    assert wsk("rule", "create", "r", "t", "hello").out == "ok: created rule r\n"

    fired = wsk("trigger", "fire", "t", "-p", "name", "X")
    assert re.fullmatch(f"ok: triggered /_/t with id {ID}\n", fired.out)
    (identifier,) = re.findall(ID, fired.out)
    (entry,) = wsk.user.record(identifier)["logs"]
    record = wsk.user.record(json.loads(entry)["activationId"])
    assert record["response"]["result"] == {"payload": "Hello, X"}

    assert wsk("rule", "disable", "r") == ("ok: disabled rule r\n", "", 0)
    assert wsk("rule", "status", "r").out == "ok: rule r is inactive\n"
    assert wsk("rule", "list").out == (
        f"rules\n{f'/{space}/r':<70} private              inactive\n"
    )
    assert wsk("rule", "enable", "r").out == "ok: enabled rule r\n"
    assert wsk("rule", "delete", "r", "--disable").out == "ok: deleted rule r\n"


def test_feeds_live_with_their_triggers(wsk: Wsk) -> None:
    """Cases 74 and 75."""
    wsk.created("echo.py")

    failed = wsk("trigger", "create", "t3", "--feed", "nosuch")
    assert failed.out == "ok: deleted trigger t3\n"
    assert "Unable to configure feed '/_/nosuch': The requested resource" in failed.err
    assert failed.code == 148
    assert wsk("trigger", "get", "t3").code == 148

    made = wsk("trigger", "create", "t4", "--feed", "echo", "-p", "x", "1")
    assert '"lifecycleEvent": "CREATE"' in made.out
    assert made.out.endswith("ok: created trigger t4\n")
    got = wsk("trigger", "get", "t4").out
    assert got.startswith("ok: got trigger t4\n")
    assert '"lifecycleEvent": "READ"' in got
    gone = wsk("trigger", "delete", "t4").out
    assert '"lifecycleEvent": "DELETE"' in gone
    assert gone.endswith("ok: deleted trigger t4\n")


def test_a_project_is_deployed_and_taken_back(wsk: Wsk) -> None:
    """Case 78, with the default package."""
    pytest.importorskip("yaml", reason="manifests are read by PyYAML")
    (wsk.folder / "manifest.yaml").write_text(
        "packages: {default: {actions: {pa: {function: hello.py,"
        " runtime: 'python:3.11', inputs: {name: World}, limits: {memorySize: 128}}},"
        " triggers: {pt: {}},"
        " rules: {pr: {trigger: pt, action: pa}}}}"
    )

    for _ in range(2):
        ran = wsk("project", "deploy")
        assert ran == ("Success: Deployment completed successfully.\n", "", 0)
    assert wsk("deploy", ".", "--diff", "--exit-code") == ("", "", 0)
    assert wsk("rule", "status", "pr").out == "ok: rule pr is active\n"
    assert wsk("project", "deploy", "--param", "name", "CLI").code == 0
    assert "Hello, CLI" in wsk("action", "invoke", "pa", "-r").out
    assert wsk("project", "undeploy").code == 0
    assert wsk("action", "get", "pa").code == 148


def test_machines_read_json(wsk: Wsk) -> None:
    """Case 80."""
    assert wsk("action", "list", "-o", "json").out == "[]\n"
    missing = wsk("action", "get", "nosuch", "-o", "json")
    error = json.loads(missing.err)["error"]
    assert (error["status"], error["exitCode"], missing.code) == (404, 148, 148)
    assert missing.out == ""


def test_verbose_never_shows_the_key(wsk: Wsk) -> None:
    """Case 77."""
    wsk.created("echo.py")

    ran = wsk("-v", "action", "invoke", "echo", "-b", "-p", "big", "x" * 1000)

    assert ran.out.count("will be truncated") == 2
    assert wsk.user.key.partition(":")[2] not in ran.out
    assert ran.code == 0


def test_the_doctor_finds_nothing(wsk: Wsk) -> None:
    ran = wsk("doctor")

    assert ran.code == 0, ran.out
    assert "fail:" not in ran.out
