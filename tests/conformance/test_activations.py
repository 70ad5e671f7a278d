"""Appendix A, "Activations": cases 220 to 235."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from fixtures.house import House, User
from fixtures.rest import (
    ACTIVATION_ID,
    ECHO,
    as_dict,
    done,
    put,
    put_package,
    put_rule,
    put_sequence,
    refused,
    the_exec,
    theirs,
)

ROW = {
    "namespace",
    "name",
    "version",
    "publish",
    "annotations",
    "activationId",
    "start",
    "end",
    "duration",
    "statusCode",
}
LOGGING = """
import sys
def main(args):
    print("to out")
    sys.stdout.flush()
    print("to err", file=sys.stderr)
    return {"error": args["e"]} if "e" in args else {}
"""
TALKATIVE = """
def main(args):
    line = "x" * 1023
    for _ in range(1100):
        print(line)
    return {}
"""


def run(user: User, name: str, payload: Any = None) -> str:
    """Invoke, wait for the record, answer its id."""
    answer = user.client.post(f"actions/{name}?blocking=true", json=payload or {})
    identifier = answer.headers[ACTIVATION_ID]
    user.record(identifier)
    return identifier


def ids(user: User, query: str) -> list[str]:
    listed = done(user.client.get(f"activations?{query}"))
    return [each["activationId"] for each in listed]


@pytest.fixture
def mixed(user: User) -> dict[str, str]:
    """What ran under which name: ``a``, ``p/a``, ``b/a`` (a binding of p)."""
    user.put_action("a", ECHO)
    put_package(user, "p")
    put(user, "actions/p/a", exec=the_exec())
    put_package(user, "b", binding="p")
    return {name: run(user, name) for name in ("a", "p/a", "b/a")}


def test_case_220_a_row(user: User) -> None:
    user.put_action("log", LOGGING)
    good, bad = run(user, "log"), run(user, "log", {"e": 1})

    rows = {row["activationId"]: row for row in done(user.client.get("activations"))}

    assert set(rows[good]) == set(rows[bad]) == ROW
    assert (rows[good]["statusCode"], rows[bad]["statusCode"]) == (0, 1)


def test_case_220_a_row_of_a_component_has_a_cause(user: User) -> None:
    user.put_action("a", ECHO)
    put_sequence(user, "s", "/_/a")
    sequence = run(user, "s")
    (component,) = user.record(sequence)["logs"]
    user.record(component)

    rows = {row["activationId"]: row for row in done(user.client.get("activations"))}

    assert rows[component]["cause"] == sequence
    assert "cause" not in rows[sequence]


def test_case_220_a_row_of_a_trigger_has_no_end(user: User) -> None:
    user.put_action("a", ECHO)
    put(user, "triggers/t")
    put_rule(user, "r", "t", "a")
    fired = user.client.post("triggers/t", json={}).json()["activationId"]
    user.record(fired)

    (row,) = done(user.client.get("activations?name=t"))

    assert set(row) == ROW - {"end", "duration", "statusCode"}


def test_case_221_a_name_selects(user: User, mixed: dict[str, str]) -> None:
    for name, identifier in mixed.items():
        assert ids(user, f"name={name}") == [identifier]


def test_case_222_an_empty_name_does_not(user: User, mixed: dict[str, str]) -> None:
    assert set(ids(user, "name=")) == set(mixed.values())
    refused(
        user.client.get("activations?name=a/b/c"),
        400,
        "Parameter may be a 'simple' name or 'package-name/simple' name: a/b/c",
    )


def test_case_223_since_and_upto_are_inclusive(user: User) -> None:
    user.put_action("a", ECHO)
    made = []
    for _ in range(3):
        made.append(run(user, "a"))
        time.sleep(0.01)
    first, second, third = (user.record(each)["start"] for each in made)
    assert first < second < third

    assert ids(user, f"since={second}") == [made[2], made[1]]
    assert ids(user, f"upto={second}") == [made[1], made[0]]
    assert ids(user, f"since={second}&upto={second}") == [made[1]]
    assert ids(user, f"since={second + 1}&upto={third - 1}") == []


def test_case_224_instants_are_numbers(user: User) -> None:
    for bound in ("since", "upto"):
        refused(
            user.client.get(f"activations?{bound}=xyz"),
            400,
            f"The query parameter '{bound}' was malformed:\n"
            "Parameter is not a valid value for epoch seconds: xyz",
        )


def test_case_225_docs_are_whole_records(user: User) -> None:
    user.put_action("log", LOGGING)
    identifier = run(user, "log")

    (record,) = done(user.client.get("activations?docs=true"))

    assert record == user.record(identifier)
    assert record["response"]["status"] == "success"
    assert record["response"]["success"] is True
    assert "statusCode" not in record["response"]
    assert "statusCode" not in record
    assert len(record["logs"]) == 2


def test_case_226_docs_cannot_be_counted(user: User) -> None:
    refused(
        user.client.get("activations?docs=true&count=true"),
        400,
        "The parameter 'docs' is not permitted with 'count'.",
    )


def test_case_227_counting(user: User, mixed: dict[str, str]) -> None:
    for query, count in (("", 3), ("&name=a", 1), ("&name=none", 0), ("&skip=1", 2)):
        found = done(user.client.get(f"activations?count=true{query}"))
        assert found == {"activations": count}


def test_case_228_the_newest_comes_first(user: User) -> None:
    user.put_action("a", ECHO)
    made = []
    for _ in range(3):
        made.append(run(user, "a"))
        time.sleep(0.01)

    assert ids(user, "") == made[::-1]
    assert ids(user, "skip=1") == made[1::-1]
    assert ids(user, "limit=1") == made[2:]


def test_case_229_logs(user: User) -> None:
    user.put_action("log", LOGGING)
    identifier = run(user, "log")

    found = done(user.client.get(f"activations/{identifier}/logs"))

    assert set(found) == {"logs"}
    assert sorted(line[30:] for line in found["logs"]) == [
        " stderr: to err",
        " stdout: to out",
    ]
    for line in found["logs"]:
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z +std", line)
    with_slash = done(user.client.get(f"activations/{identifier}/"))
    assert with_slash["logs"] == found["logs"]


def test_case_230_the_result(user: User) -> None:
    user.put_action("a", ECHO)
    identifier = run(user, "a", {"x": 1})

    assert done(user.client.get(f"activations/{identifier}/result")) == {
        "result": {"x": 1},
        "size": 7,
        "success": True,
        "status": "success",
    }


def test_case_231_nothing_else(user: User) -> None:
    user.put_action("a", ECHO)

    refused(user.client.get(f"activations/{run(user, 'a')}/bogus"), 404)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_case_232_records_are_not_written_to(user: User, method: str) -> None:
    answer = user.client.request(method, f"activations/{'0' * 32}", json={})

    refused(answer, 405, "HTTP method not allowed")


def test_case_233_a_namespace_without_records(house: House) -> None:
    user = house.user()
    house.admin("limits", "set", user.namespace, "--storeActivations", "false")
    user.put_action("a", ECHO)
    put(user, "triggers/t")
    put_rule(user, "r", "t", "a")
    extra = {"x-ow-extra-logging": "on"}

    blocking = user.invoke("a", {"x": 1})
    accepted = user.client.post("actions/a", json={}, headers=extra)
    fired = user.client.post("triggers/t", json={})

    assert blocking.json()["response"]["result"] == {"x": 1}
    assert (accepted.status_code, fired.status_code) == (202, 202)
    time.sleep(3)
    for answer in (blocking, accepted, fired):
        refused(user.client.get(f"activations/{answer.headers[ACTIVATION_ID]}"), 404)
    assert done(user.client.get("activations")) == []
    assert done(user.client.get("activations?count=true")) == {"activations": 0}


def test_case_234_records_are_the_owners(house: House, user: User) -> None:
    user.put_action("a", ECHO)
    identifier = run(user, "a")
    bob = house.user()

    for part in ("", "/logs", "/result"):
        refused(bob.client.get(theirs(user, f"activations/{identifier}{part}")), 403)
    refused(bob.client.get(f"activations/{identifier}"), 404)


def test_case_235_logs_have_a_limit(user: User) -> None:
    user.put_action("talkative", TALKATIVE, limits={"logs": 1})

    lines = user.record(run(user, "talkative"))["logs"]

    assert (
        "Logs were truncated because the total bytes size exceeds the limit of"
        in (lines[-1])
    )
    assert sum(len(line) for line in lines) < 1.2 * 1024 * 1024


def test_case_235_a_limit_of_zero_collects_none(user: User) -> None:
    user.put_action("log", LOGGING, limits={"logs": 0})

    record = user.record(run(user, "log"))

    assert record["logs"] == []
    assert as_dict(record["annotations"])["limits"]["logs"] == 0
