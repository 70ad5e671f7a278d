"""The original Go client library, unchanged, against both houses.

`wsk` makes its requests and reads its answers with this library, at this version.
The command line around it is not built here: its module cannot be had from the Go
module proxy (go_client/README.md).  Nothing here shows how `wsk` parses or prints.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures.house import House, User

TID = r"[0-9a-zA-Z_-]+"
ID = r"[0-9a-f]{32}"
HELLO = (
    "def main(a):\n    print('hi')\n"
    "    return {'payload': 'Hello, ' + a.get('name', 'World')}\n"
)
ECHO = "def main(a):\n    return a\n"
FAIL = "def main(a):\n    return {'error': 'boom'}\n"
SLOW = "import time\ndef main(a):\n    time.sleep(a['s'])\n    return {}\n"


class Client:
    """The library, in a process that makes one call a line."""

    def __init__(self, program: Path, api_host: str, key: str) -> None:
        self._process = subprocess.Popen(
            [program],
            env={**os.environ, "APIHOST": api_host, "AUTH": key},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, call: str, name: str = "", **words: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        request = {"call": call, "name": name, "namespace": "_"} | words
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def done(self, call: str, name: str = "", **words: Any) -> Any:
        """Answer the value of a call that must succeed."""
        told = self(call, name, **words)
        assert "error" not in told, told
        return told["value"]

    def create(self, name: str, code: str | bytes, **fields: Any) -> dict[str, Any]:
        text = base64.b64encode(code).decode() if isinstance(code, bytes) else code
        body = {"exec": {"kind": "python:3.11", "code": text}, **fields}
        body |= {"name": name, "namespace": "_"}
        return self.done("actions.insert", entity=body)

    def ended(self, activation_id: str, within_s: float = 30) -> dict[str, Any]:
        """Answer the record; it is stored a little after the answer."""
        late = time.monotonic() + within_s
        while (told := self("activations.get", activation_id))["status"] == 404:
            assert time.monotonic() < late, f"no record of {activation_id}"
            time.sleep(0.05)
        assert "error" not in told, told
        return told["value"]

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._process.stdout.close()


Clients = Callable[..., Client]


@pytest.fixture(scope="session")
def program(need_go: Callable[[str, str], Path]) -> Path:
    return need_go("go_client", ".")


@pytest.fixture
def clients(program: Path) -> Iterator[Clients]:
    made: list[Client] = []

    def make(api_host: str, key: str) -> Client:
        made.append(Client(program, api_host, key))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(clients: Clients, user: User) -> Client:
    return clients(user.house.api_host, user.key)


def annotations(entity: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in entity["annotations"]}


def test_it_sees_the_house_and_its_namespace(client: Client, user: User) -> None:
    (namespace,) = client.done("namespaces.list")
    info = client.done("info.get")

    assert namespace["name"] == user.namespace
    assert info["build"].startswith("20")
    assert info["buildno"]


def test_an_action_lives(client: Client, user: User) -> None:
    made = client.create("hello", HELLO, annotations=[{"key": "k", "value": "v"}])
    told = annotations(made)
    assert told == {"k": "v", "exec": "python:3.11", "provide-api-key": False}
    assert (made["namespace"], made["version"]) == (user.namespace, "0.0.1")

    bare = client.done("actions.get", "hello")
    full = client.done("actions.get", "hello", code=True)
    assert "code" not in bare["exec"]
    assert full["exec"]["code"] == HELLO
    assert full["exec"]["binary"] is False

    changed = {
        "name": "hello", "namespace": "_", "delAnnotations": ["k"],
        "parameters": [{"key": "name", "value": "Zed"}],
    }  # fmt: skip
    updated = client.done("actions.insert", entity=changed, overwrite=True)
    assert updated["version"] == "0.0.2"
    assert "k" not in annotations(updated)
    result = client.done("actions.invoke", "hello", payload={}, blocking=True,
                         result=True)  # fmt: skip
    assert result == {"payload": "Hello, Zed"}

    (row,) = client.done("actions.list", limit=30)
    assert (row["name"], annotations(row)["exec"]) == ("hello", "python:3.11")
    assert "error" not in client("actions.delete", "hello")
    assert client.done("actions.list", limit=0) == []


def test_an_archive_is_an_action(client: Client) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__main__.py", "from words import main\n")
        file.writestr("words.py", HELLO)

    client.create("zipped", archive.getvalue())

    result = client.done("actions.invoke", "zipped", payload={"name": "Zip"},
                         blocking=True, result=True)  # fmt: skip
    assert result == {"payload": "Hello, Zip"}
    assert client.done("actions.get", "zipped", code=True)["exec"]["binary"] is True


@pytest.mark.parametrize(
    ("call", "name", "words", "status", "exit_code", "text"),
    [
        ("actions.get", "nosuch", {}, 404, 148,
         r"The requested resource does not exist\."),
        ("actions.invoke", "nosuch", {"payload": {}}, 404, 148,
         r"The requested resource does not exist\."),
        ("actions.delete", "nosuch", {}, 404, 148,
         r"The requested resource does not exist\."),
        ("packages.get", "nosuch", {}, 404, 148,
         r"The requested resource does not exist\."
         r"|The requested resource '.*/nosuch' does not exist\."),
        ("activations.get", "0" * 32, {}, 404, 148,
         r"The requested resource does not exist\."),
        ("activations.list", "", {"limit": 201}, 400, 144,
         r"The query parameter 'limit' was malformed:\n"
         r"The value '201' is not in the range of 0 to 200 for activations\."),
        ("activations.list", "/x/y", {"limit": 1}, 400, 144,
         r"The query parameter 'name' was malformed:\n.*: /x/y"),
        ("actions.insert", "", {"entity": {"name": "x", "exec": {
            "kind": "foobar", "code": "x"}}}, 400, 144,
         r"The request content was malformed:\n"
         r"The specified runtime 'foobar' is not supported by this platform\. .*"),
        ("actions.insert", "", {"entity": {"name": "x", "exec": {
            "kind": "python:3.11", "code": "x"}, "limits": {"memory": 32768}}},
         400, 144, r".*allowed threshold.*"),
        ("rules.insert", "", {"entity": {"name": "r", "trigger": "/_/no",
            "action": "/_/no", "status": ""}}, 400, 144, r".*does not exist.*"),
    ],
)  # fmt: skip
def test_refusals_are_read_as_they_are_meant(
    client: Client,
    call: str,
    name: str,
    words: dict[str, Any],
    status: int,
    exit_code: int,
    text: str,
) -> None:
    told = client(call, name, **words)

    assert re.fullmatch(rf"(?s)({text}) \(code {TID}\)", told["error"]), told
    assert told["exitCode"] == exit_code
    # The library drops the answer itself where it makes an error of its own.
    assert told["status"] in (status, 0)


def test_a_wrong_key_is_refused(clients: Clients, house: House) -> None:
    told = clients(house.api_host, "bad:key")("actions.list", limit=30)

    assert re.fullmatch(
        rf"The supplied authentication is invalid\.? \(code {TID}\)", told["error"]
    )
    assert told["exitCode"] == 145


def test_a_name_is_taken_once(client: Client) -> None:
    client.create("taken", HELLO)

    again = client("actions.insert", entity={
        "name": "taken", "exec": {"kind": "python:3.11", "code": HELLO}})  # fmt: skip
    other = client("triggers.insert", entity={"name": "taken"}, overwrite=True)

    assert re.fullmatch(rf"resource already exists \(code {TID}\)", again["error"])
    assert again["exitCode"] == 153
    assert other["error"].startswith(
        "Resource by this name exists but is not in this collection."
    )
    assert other["exitCode"] == 153


def test_invocations_end_as_they_are_read(client: Client) -> None:
    client.create("hello", HELLO)
    client.create("fail", FAIL)

    started = client("actions.invoke", "hello", payload={})
    assert (started["status"], started["exitCode"]) == (202, 0)
    assert re.fullmatch(ID, started["value"]["activationId"])

    record = client.done("actions.invoke", "hello", payload={}, blocking=True)
    assert record["response"]["success"] is True
    assert record["response"]["result"] == {"payload": "Hello, World"}

    bare = client("actions.invoke", "fail", payload={}, blocking=True, result=True)
    assert (bare["status"], bare["exitCode"], bare["application"]) == (502, 246, True)
    assert bare["value"] == {"error": "boom"}
    whole = client("actions.invoke", "fail", payload={}, blocking=True)
    assert (whole["exitCode"], whole["application"]) == (246, True)
    assert whole["value"]["response"]["status"] == "application error"


@pytest.mark.patient
@pytest.mark.slow
def test_a_call_that_takes_too_long_goes_on(client: Client) -> None:
    client.create("slow", SLOW, limits={"timeout": 90_000})

    told = client("actions.invoke", "slow", payload={"s": 63}, blocking=True)

    assert (told["status"], told["exitCode"], told["timedOut"]) == (202, 202, True)
    ended = client.ended(told["value"]["activationId"])
    assert ended["response"]["success"] is True


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": {"x": [1, 2]}, "s": "007", "e": "", "n": None, "t": "x\ny"},
        {"f": 12345678901234567890, "h": "<&>", "u": "Grüße 😀"},
        {"response": {"SomeField": 1}, "statusCode": 3},
    ],
)
def test_values_come_back_as_they_went(client: Client, value: Any) -> None:
    client.create("echo", ECHO)

    result = client.done("actions.invoke", "echo", payload=value, blocking=True,
                         result=True)  # fmt: skip

    assert result == value


@pytest.mark.parametrize("name", ["a b@c.d", "a&b", "a.b-c"])
def test_names_arrive_as_the_library_writes_them(client: Client, name: str) -> None:
    client.create(name, HELLO)

    assert client.done("actions.get", name)["name"] == name
    assert client.done("actions.invoke", name, payload={}, blocking=True, result=True)
    assert client("actions.delete", name)["exitCode"] == 0


@pytest.mark.parametrize("name", ["colon:name", "plus+name", "Grüße", "-a"])
def test_names_that_no_house_takes_are_refused(client: Client, name: str) -> None:
    """A colon makes the library write `./colon:name`."""
    told = client("actions.insert", entity={
        "name": name, "exec": {"kind": "python:3.11", "code": HELLO}})  # fmt: skip

    assert told["exitCode"] == 144
    assert re.fullmatch(
        rf"The name of the entity contains illegal characters\. \(code {TID}\)",
        told["error"],
    )


def test_activations_are_listed_and_read(client: Client) -> None:
    client.create("hello", HELLO)
    client.create("fail", FAIL)
    since = int(time.time() * 1000) - 60_000
    first = client.done("actions.invoke", "hello", payload={}, blocking=True)
    record = client.ended(first["activationId"])
    failed = client("actions.invoke", "fail", payload={}, blocking=True)["value"]
    bad = client.ended(failed["activationId"])

    assert record["response"]["status"] == "success"
    assert bad["response"]["status"] == "application error"
    assert annotations(record)["kind"] == "python:3.11"
    newest, oldest = client.done("activations.list", limit=30)
    assert newest["activationId"] == failed["activationId"]
    assert (newest["statusCode"], oldest["statusCode"]) == (1, 0)
    assert oldest["end"] >= oldest["start"] >= since
    assert newest["logs"] is None
    assert annotations(oldest)["path"].endswith("/hello")
    (row,) = client.done("activations.list", "fail", limit=0, since=since, docs=True)
    assert row["response"]["result"] == {"error": "boom"}

    identifier = first["activationId"]
    (line,) = client.done("activations.logs", identifier)["logs"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z +stdout: hi", line)
    told = client.done("activations.result", identifier)
    assert told["result"] == {"payload": "Hello, World"}


def test_a_trigger_runs_its_rules(client: Client) -> None:
    client.create("hello", HELLO)
    made = client.done("triggers.insert", entity={
        "name": "t", "parameters": [{"key": "name", "value": "Default"}]})  # fmt: skip
    assert made["name"] == "t"
    silent = client("triggers.fire", "t", payload={})
    assert (silent["status"], silent["exitCode"]) == (204, 0)

    rule = {"name": "r", "status": "", "trigger": "/_/t", "action": "/_/hello"}
    assert client.done("rules.insert", entity=rule)["status"] == "active"
    for payload, greeted in (({"name": "X"}, "X"), ({}, "Default")):
        fired = client("triggers.fire", "t", payload=payload)
        assert fired["status"] == 202
        record = client.ended(fired["value"]["activationId"])
        (entry,) = record["logs"]
        run = client.ended(json.loads(entry)["activationId"])
        assert run["response"]["result"] == {"payload": f"Hello, {greeted}"}

    assert "error" not in client("rules.disable", "r")
    assert client.done("rules.get", "r")["status"] == "inactive"
    assert client("triggers.fire", "t", payload={})["status"] == 204
    assert "error" not in client("rules.enable", "r")
    (row,) = client.done("rules.list", limit=30)
    assert row["name"] == "r"
    (trigger,) = client.done("triggers.list", limit=30)
    assert trigger["name"] == "t"
    assert client("rules.delete", "r")["exitCode"] == 0
    assert client("triggers.delete", "t")["exitCode"] == 0


def test_packages_hold_actions(client: Client, user: User) -> None:
    client.done("packages.insert", entity={
        "name": "pk", "namespace": "_", "publish": True,
        "parameters": [{"key": "name", "value": "Package"}]})  # fmt: skip
    client.create("pk/hello", HELLO)
    binding = {"binding": {"namespace": "_", "name": "pk"},
               "parameters": [{"key": "name", "value": "Binding"}]}  # fmt: skip
    client.done("packages.bind", "b2", entity=binding)

    for package, greeted in (("pk", "Package"), ("b2", "Binding")):
        result = client.done("actions.invoke", f"{package}/hello", payload={},
                             blocking=True, result=True)  # fmt: skip
        assert result == {"payload": f"Hello, {greeted}"}
    (row,) = client.done("actions.list", "pk", limit=30)
    assert (row["name"], row["namespace"]) == ("hello", f"{user.namespace}/pk")
    package = client.done("packages.get", "pk")
    assert [action["name"] for action in package["actions"]] == ["hello"]
    bound = client.done("packages.get", "b2")["binding"]
    assert bound == {"namespace": user.namespace, "name": "pk"}
    assert {row["name"] for row in client.done("packages.list", limit=0)} == {
        "pk", "b2",
    }  # fmt: skip

    kept = client("packages.delete", "pk")
    assert kept["exitCode"] == 153
    client.create("plain", HELLO)
    wrong = {"binding": {"namespace": "_", "name": "plain"}}
    told = client("packages.bind", "b3", entity=wrong)
    assert told["exitCode"] == 153
    assert "Cannot bind to a resource that is not a package" in told["error"]
    missing = {"binding": {"namespace": "_", "name": "nosuch"}}
    told = client("packages.bind", "b4", entity=missing)
    assert told["exitCode"] == 144
    assert "Binding references a package that does not exist" in told["error"]


def test_sequences_run(client: Client, user: User) -> None:
    client.create("echo", ECHO)
    client.create("hello", HELLO)
    steps = ["/_/echo", f"/{user.namespace}/hello"]
    made = client.done("actions.insert", entity={
        "name": "s", "exec": {"kind": "sequence", "components": steps}})  # fmt: skip

    space = user.namespace
    assert made["exec"]["components"] == [f"/{space}/echo", f"/{space}/hello"]
    assert annotations(made)["exec"] == "sequence"
    result = client.done("actions.invoke", "s", payload={"name": "Seq"}, blocking=True,
                         result=True)  # fmt: skip
    assert result == {"payload": "Hello, Seq"}
