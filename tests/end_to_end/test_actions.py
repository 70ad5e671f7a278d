"""Storing and invoking actions, over REST, on both houses."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from fixtures.house import House, User, result_of

GREET = """
def main(args):
    name = args.get("name", "stranger")
    print("greeting", name)
    return {"greeting": f"Hello {name}!"}
"""


def test_an_action_is_stored_listed_read_and_deleted(user: User) -> None:
    created = user.put_action("hello", GREET)

    assert created["version"] == "0.0.1"
    assert created["namespace"] == user.namespace
    assert {"key": "provide-api-key", "value": False} in created["annotations"]
    read = user.client.get("actions/hello").json()
    assert read["exec"]["code"] == GREET
    assert "code" not in user.client.get("actions/hello?code=false").json()["exec"]
    (row,) = user.client.get("actions").json()
    assert (row["name"], row["exec"]) == ("hello", {"binary": False})
    assert user.client.get("actions?count=true").json() == {"actions": 1}
    assert user.client.delete("actions/hello").json()["name"] == "hello"
    assert user.client.get("actions/hello").status_code == 404
    assert user.client.get("actions").json() == []


def test_create_refuses_what_is_there_and_overwrite_bumps_the_version(
    user: User,
) -> None:
    user.put_action("hello", GREET)
    body = {"exec": {"kind": "python:default", "code": GREET}}

    again = user.client.put("actions/hello", json=body)

    assert again.status_code == 409
    assert again.json()["error"] == "resource already exists"
    updated = user.client.put("actions/hello?overwrite=true", json={}).json()
    assert (updated["version"], updated["exec"]["code"]) == ("0.0.2", GREET)


def test_a_blocking_call_answers_the_record(user: User) -> None:
    user.put_action("hello", GREET)

    answer = user.invoke("hello", {"name": "Ada"})

    record = answer.json()
    assert answer.status_code == 200
    assert record["response"] == {
        "result": {"greeting": "Hello Ada!"},
        "size": 25,
        "status": "success",
        "success": True,
    }
    assert record["logs"] == []
    assert answer.headers["x-openwhisk-activation-id"] == record["activationId"]
    noted = {each["key"]: each["value"] for each in record["annotations"]}
    assert noted["path"] == f"{user.namespace}/hello"
    assert noted["kind"].startswith("python:")
    assert noted["limits"]["timeout"] == 60000
    assert noted["timeout"] is False
    assert noted["waitTime"] >= 0


def test_the_record_has_the_logs(user: User) -> None:
    user.put_action("hello", GREET)

    record = user.record(user.invoke("hello").json()["activationId"])

    (line,) = record["logs"]
    assert line[30:] == " stdout: greeting stranger"
    logs = user.client.get(f"activations/{record['activationId']}/logs").json()
    assert logs == {"logs": record["logs"]}
    result = user.client.get(f"activations/{record['activationId']}/result").json()
    assert result == record["response"]


def test_result_alone(user: User) -> None:
    user.put_action("hello", GREET)

    answer = user.invoke("hello", {"name": "Ada"}, result="true")

    assert (answer.status_code, answer.json()) == (200, {"greeting": "Hello Ada!"})


def test_not_blocking_answers_202_and_the_record_follows(user: User) -> None:
    user.put_action("hello", GREET)

    answer = user.client.post("actions/hello", json={"name": "Bob"})

    assert answer.status_code == 202
    assert set(answer.json()) == {"activationId"}
    record = user.record(answer.json()["activationId"])
    assert record["response"]["result"] == {"greeting": "Hello Bob!"}


def test_a_slow_blocking_call_becomes_202_and_still_ends(user: User) -> None:
    user.put_action(
        "slow", "import time\ndef main(a):\n time.sleep(1)\n return {'a': 1}"
    )

    answer = user.invoke("slow", timeout=300)

    assert answer.status_code == 202
    record = user.record(answer.json()["activationId"])
    assert record["response"]["result"] == {"a": 1}


@pytest.mark.parametrize(
    ("code", "status", "outcome", "error"),
    [
        ("def main(a): return {'error': 'sorry'}", 502, "application error", "sorry"),
        ("def main(a): return 3", 502, "action developer error", "dictionary"),
        ("def main(a: return 3", 502, "action developer error", "See logs"),
        (
            "import sys\ndef main(a): sys.exit(1)",
            502,
            "action developer error",
            "command exited",
        ),
        (
            "import os\ndef main(a): os._exit(1)",
            502,
            "action developer error",
            "The action did not produce a valid response and exited unexpectedly.",
        ),
    ],
)
def test_an_action_that_fails_says_how(
    user: User, code: str, status: int, outcome: str, error: str
) -> None:
    user.put_action("bad", code)

    answer = user.invoke("bad")

    assert answer.status_code == status
    response = answer.json()["response"]
    assert response["status"] == outcome
    assert response["success"] is False
    assert error in str(response["result"]["error"])
    assert "code" not in answer.json(), "clients tell a record from an error by it"


def test_a_time_limit_ends_a_run(user: User) -> None:
    user.put_action(
        "endless", "def main(a):\n while True: pass", limits={"timeout": 500}
    )

    started = time.monotonic()
    answer = user.invoke("endless")

    assert time.monotonic() - started < 20
    assert answer.json()["response"]["result"] == {
        "error": "The action exceeded its time limits of 500 milliseconds."
    }
    noted = {each["key"]: each["value"] for each in answer.json()["annotations"]}
    assert noted["timeout"] is True


def test_memory_is_limited(user: User) -> None:
    user.put_action(
        "hungry",
        "def main(a):\n held = bytearray(400 << 20)\n return {'held': len(held)}",
        limits={"memory": 128},
    )

    answer = user.invoke("hungry")

    assert answer.status_code == 502
    told = str(answer.json()["response"]["result"]["error"])
    assert "memory" in told.lower() or "exited unexpectedly" in told


def test_logs_are_cut_at_their_limit(user: User) -> None:
    user.put_action(
        "chatty",
        "def main(a):\n for _ in range(40000): print('x' * 60)\n return {}",
        limits={"logs": 1},
    )

    record = user.record(user.invoke("chatty").json()["activationId"])

    assert sum(map(len, record["logs"])) < 2.5 * 2**20
    assert (
        "Logs were truncated because the total bytes size exceeds"
        in (record["logs"][-1])
    )


def test_parameters_are_overlaid_by_the_payload(user: User) -> None:
    user.put_action(
        "echo",
        "def main(a): return a",
        parameters=[{"key": "a", "value": 1}, {"key": "b", "value": 2}],
    )

    answer = user.invoke("echo", {"b": 3})

    assert result_of(answer) == {"a": 1, "b": 3}


def test_the_environment_tells_where_it_runs(user: User) -> None:
    code = """
import os
def main(args):
    return {k: v for k, v in os.environ.items() if k.startswith(("__OW_", "CHASEN"))}
"""
    user.put_action("where", code)

    answer = user.invoke("where")

    seen = result_of(answer)
    assert seen["__OW_NAMESPACE"] == user.namespace
    assert seen["__OW_ACTION_NAME"] == f"/{user.namespace}/where"
    assert seen["__OW_ACTION_VERSION"] == "0.0.1"
    assert seen["__OW_ACTIVATION_ID"] == answer.json()["activationId"]
    assert int(seen["__OW_DEADLINE"]) > time.time() * 1000
    assert seen["__OW_API_HOST"].startswith("http")
    assert not any("API_KEY" in key or "CHASEN" in key for key in seen)


def test_an_api_key_is_given_only_on_request(user: User) -> None:
    user.put_action(
        "keyed",
        "import os\ndef main(a): return {'key': os.environ.get('__OW_API_KEY')}",
        annotations=[{"key": "provide-api-key", "value": True}],
    )

    assert result_of(user.invoke("keyed")) == {"key": user.key}


def test_an_action_calls_the_api_host_that_it_is_told(user: User) -> None:
    """The action network leads to the API host, whatever else it closes."""
    code = """
import os, urllib.request
def main(args):
    host = os.environ["__OW_API_HOST"]
    return {"said": urllib.request.urlopen(host + "/ping", timeout=5).read().decode()}
"""
    user.put_action("caller", code)

    assert result_of(user.invoke("caller")) == {"said": "pong"}


def test_init_parameters_are_environment_not_arguments(user: User) -> None:
    user.put_action(
        "init",
        "import os\nSEEN = os.environ.get('COLOUR')\n"
        "def main(a): return {'seen': SEEN, 'args': a}",
        parameters=[
            {"key": "COLOUR", "value": "green", "init": True},
            {"key": "size", "value": 3},
        ],
    )

    assert result_of(user.invoke("init")) == {"seen": "green", "args": {"size": 3}}


def test_a_zip_with_a_module_of_its_own_runs(user: User) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr(
            "__main__.py", "from helper import twice\ndef niam(a): return twice(a)"
        )
        target.writestr("helper.py", "def twice(a): return {'n': a['n'] * 2}")

    user.put_action("zipped", archive.getvalue(), main="niam")

    assert result_of(user.invoke("zipped", {"n": 21})) == {"n": 42}


def test_node_runs_too(user: User) -> None:
    user.put_action(
        "node",
        "function main(p) { console.log('hi');"
        " return {n: p.n + 1, v: process.version}; }",
        kind="nodejs:default",
    )

    answer = user.invoke("node", {"n": 1})

    assert result_of(answer)["n"] == 2
    record = user.record(answer.json()["activationId"])
    noted = {each["key"]: each["value"] for each in record["annotations"]}
    version = result_of(answer)["v"].removeprefix("v").split(".")[0]
    assert noted["kind"] == f"nodejs:{version}"
    assert record["logs"][0].endswith("stdout: hi")


def test_an_array_is_answered_bare(user: User) -> None:
    user.put_action("list", "def main(a): return ['a', 'b']")

    answer = user.invoke("list")

    assert (answer.status_code, answer.json()) == (200, ["a", "b"])


def test_a_large_result_arrives_whole_and_a_too_large_one_is_cut(user: User) -> None:
    user.put_action("big", "def main(a): return {'x': 'y' * a['n']}")

    assert len(user.invoke("big", {"n": 900_000}, result="true").json()["x"]) == 900_000
    cut = user.invoke("big", {"n": 1_100_000})
    assert cut.status_code == 502
    assert "exceeded the allowed length" in cut.json()["response"]["result"]["error"]


def test_a_deleted_and_recreated_action_runs_the_new_code(user: User) -> None:
    """Same name, same version: only the revision tells them apart."""
    user.put_action("phoenix", "def main(a): return {'life': 1}")
    assert result_of(user.invoke("phoenix")) == {"life": 1}

    user.client.delete("actions/phoenix")
    user.put_action("phoenix", "def main(a): return {'life': 2}")
    time.sleep(0.5)  # the other controller hears of it

    assert result_of(user.invoke("phoenix")) == {"life": 2}


def test_many_calls_at_once_are_all_answered(user: User) -> None:
    user.put_action("echo", "def main(a): return a")
    ids = [user.client.post("actions/echo", json={"n": n}).json() for n in range(40)]

    answered = [user.record(each["activationId"], within_s=60) for each in ids]

    assert [each["response"]["result"]["n"] for each in answered] == list(range(40))


def test_two_namespaces_never_share_a_container(house: House) -> None:
    code = "SEEN = []\ndef main(a):\n SEEN.append(a['who'])\n return {'seen': SEEN}"
    one, two = house.user(), house.user()
    for each in (one, two):
        each.put_action("memory", code)

    assert result_of(one.invoke("memory", {"who": "one"})) == {"seen": ["one"]}
    assert result_of(two.invoke("memory", {"who": "two"})) == {"seen": ["two"]}
    assert result_of(one.invoke("memory", {"who": "one"}))["seen"][0] == "one"
