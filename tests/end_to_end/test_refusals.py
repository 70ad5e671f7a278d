"""Bad input and wrong keys: a clear error with its status, and nothing is stored."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from fixtures.house import House, User

MALFORMED = "The request content was malformed:\n"
EXEC = {"kind": "python:default", "code": "def main(a): return a"}


def check(answer: httpx.Response, status: int, error: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert error in body["error"]
    assert body["code"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        (None, "The resource requires authentication, which was not supplied"),
        ("Basic !!!", "The supplied authentication is invalid"),
        ("Basic bm9jb2xvbg==", "The supplied authentication is invalid"),
        ("Bearer x", "The supplied authentication is invalid"),
        ("Basic", "The supplied authentication is invalid"),
    ],
)
def test_who_has_no_good_key_is_told_so(
    house: House, authorization: str | None, error: str
) -> None:
    headers = {"authorization": authorization} if authorization else {}

    for method, path in (("GET", "actions"), ("POST", "actions/x"), ("PUT", "rules/x")):
        url = f"{house.api_host}/api/v1/namespaces/_/{path}"
        answer = httpx.request(method, url, headers=headers)
        check(answer, 401, error)
        assert "Basic" in answer.headers["www-authenticate"]


def test_a_wrong_key_and_an_unknown_uuid_look_alike(user: User) -> None:
    uuid = user.key.partition(":")[0]
    wrong = [(uuid, "x" * 64), ("0" * 8 + uuid[8:], user.key.partition(":")[2])]

    answers = [user.client.get("actions", auth=each) for each in wrong]

    for answer in answers:
        check(answer, 401, "The supplied authentication is invalid")


def test_a_blocked_subject_is_out_within_two_seconds(house: House) -> None:
    someone = house.user()
    assert someone.client.get("actions").status_code == 200

    house.admin("user", "block", someone.namespace)
    time.sleep(2)

    check(someone.client.get("actions"), 401, "The supplied authentication is invalid")
    house.admin("user", "unblock", someone.namespace)
    time.sleep(2)
    assert someone.client.get("actions").status_code == 200


def test_another_namespace_is_closed(house: House, user: User) -> None:
    other = house.user().namespace
    base = f"{house.api_host}/api/v1/namespaces/{other}"

    for method, path in (
        ("GET", "actions"),
        ("GET", "actions/x"),
        ("POST", "actions/x"),
        ("PUT", "triggers/x"),
        ("POST", "triggers/x"),
        ("DELETE", "rules/x"),
        ("GET", "activations"),
    ):
        answer = user.client.request(method, f"{base}/{path}", json={})
        check(answer, 403, "The supplied authentication is not authorized to access")


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 400, "exec undefined"),
        ({"exec": {}}, 400, MALFORMED + "'kind' must be a string defined in 'exec'"),
        (
            {"exec": {"kind": "cobol:1", "code": "x"}},
            400,
            MALFORMED + "The specified runtime 'cobol:1' is not supported",
        ),
        (
            {"exec": {"kind": "python:2", "code": "x"}},
            400,
            "The specified runtime 'python:2' is not supported",
        ),
        ({"exec": {"kind": "python:default"}}, 400, "'code' must be a string"),
        ({"exec": {**EXEC, "main": 3}}, 400, "if defined, 'main' be a string"),
        ({"exec": {"kind": "blackbox"}}, 400, "'image' must be a string"),
        ({"exec": {"kind": "blackbox", "image": "A b"}}, 400, "could not parse image"),
        ({"exec": EXEC, "parameters": {}}, 400, MALFORMED + "parameters malformed!"),
        ({"exec": EXEC, "limits": {"timeout": 99}}, 400, "duration 99 milliseconds"),
        (
            {"exec": EXEC, "limits": {"memory": 4096}},
            400,
            "memory size 4096 MB",
        ),
        ({"exec": EXEC, "version": "x"}, 400, "semantic version malformed"),
        (
            {"exec": EXEC, "parameters": [{"key": "a", "value": "x" * 1048577}]},
            413,
            "parameters larger than allowed: 1048580 > 1048576 bytes.",
        ),
    ],
)
def test_a_bad_action_is_refused_and_not_stored(
    user: User, body: dict[str, Any], status: int, error: str
) -> None:
    check(user.client.put("actions/bad", json=body), status, error)
    assert user.client.get("actions").json() == []


def test_code_over_its_limit_is_refused(user: User) -> None:
    code = "#" * (48 * 2**20 + 1)

    answer = user.client.put("actions/big", json={"exec": {**EXEC, "code": code}})

    check(answer, 413, "exec larger than allowed: 50331649 > 50331648 bytes.")
    assert user.client.get("actions").json() == []


@pytest.mark.parametrize(
    "name", ["-a", "a+b", "a$b", "%20a", "a%2Fb", "a%0A", "%D0%B0"]
)
def test_a_bad_name_is_refused(user: User, name: str) -> None:
    answer = user.client.put(f"actions/{name}", json={"exec": EXEC})

    check(answer, 400, "The name of the entity contains illegal characters.")


def test_a_long_name_is_refused(user: User) -> None:
    answer = user.client.put(f"actions/{'a' * 257}", json={"exec": EXEC})

    check(answer, 400, "Name segement longer than allowed: 257 > 256.")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b'"x"',
        b"{a:1}",
        b'{"a":NaN}',
        b'{"a":1e400}',
        b'{"a":"\\ud800"}',
        b"\xff",
        b'{"a":1} x',
        b'{"a":' * 300 + b"1" + b"}" * 300,
    ],
)
def test_malformed_json_is_refused_and_nothing_runs(user: User, body: bytes) -> None:
    user.put_action("echo", "def main(a): return a")
    headers = {"content-type": "application/json"}

    for path in ("actions/echo?blocking=true", "actions/echo"):
        answer = user.client.post(path, content=body, headers=headers)
        check(answer, 400, MALFORMED)
    check(user.client.put("actions/x", content=body, headers=headers), 400, MALFORMED)
    assert user.client.get("activations").json() == []


def test_a_payload_over_its_limit_is_refused(user: User) -> None:
    user.put_action("echo", "def main(a): return a")
    body = b'{"a":"' + b"x" * (2**20 - 7) + b'"}'
    headers = {"content-type": "application/json"}

    answer = user.client.post("actions/echo", content=body, headers=headers)

    check(answer, 413, "Request larger than allowed: 1048577 > 1048576 bytes.")


def test_another_content_type_is_refused(user: User) -> None:
    for content_type in ("text/plain", "application/json; charset=utf-16"):
        answer = user.client.put(
            "actions/x", content=b"{}", headers={"content-type": content_type}
        )
        check(answer, 415, f"Content-Type [{content_type}] is not supported.")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("actions?limit=201", "The value '201' is not in the range of 0 to 200"),
        ("actions?limit=x", "The value 'x' is not an integer for actions."),
        ("actions?skip=-1", "The value '-1' is not greater than or equal to 0"),
        ("activations?since=x", "Parameter is not a valid value for epoch seconds: x"),
        ("activations?name=a/b/c", "Parameter may be a 'simple' name"),
        ("activations?docs=true&count=true", "'docs' is not permitted with 'count'"),
        ("activations/abc", "Activation id length is 3 but must be 32."),
        (f"activations/{'g' * 32}", "The activation id is not valid."),
        ("actions/x?code=perhaps", "The query parameter 'code' was malformed"),
    ],
)
def test_a_bad_query_is_refused(user: User, path: str, error: str) -> None:
    check(user.client.get(path), 400, error)


@pytest.mark.parametrize("timeout", ["0", "60001", "1.5", "abc", ""])
def test_a_bad_wait_is_refused(user: User, timeout: str) -> None:
    user.put_action("echo", "def main(a): return a")

    answer = user.client.post(f"actions/echo?blocking=true&timeout={timeout}")

    check(answer, 400, "Timeout must be number of milliseconds up to 60000.")


def test_unknown_routes_and_methods(user: User, house: House) -> None:
    check(user.client.get("bogus"), 404, "The requested resource could not be found.")
    wrong = user.client.patch("actions/x")
    check(wrong, 405, "HTTP method not allowed, supported methods: DELETE, GET")
    assert "PUT" in wrong.headers["allow"]
    for path in ("metrics", "invokers", "live", "ready"):
        assert httpx.get(f"{house.api_host}/{path}").status_code in (403, 404)


def test_a_name_of_another_collection_is_a_conflict(user: User) -> None:
    user.put_action("x", "def main(a): return a")

    for answer in (
        user.client.get("triggers/x"),
        user.client.put("triggers/x", json={}),
        user.client.delete("rules/x"),
        user.client.post("triggers/x"),
    ):
        check(
            answer, 409, "Resource by this name exists but is not in this collection."
        )


def test_over_the_minute_and_over_the_concurrency(house: House) -> None:
    often = house.user(invocationsPerMinute=0)
    answer = often.client.post("actions/x")
    check(answer, 429, "Too many requests in the last minute (count: 1, allowed: 0).")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    crowd = house.user(concurrentInvocations=0)
    answer = crowd.client.post("actions/x")
    check(answer, 429, "Too many concurrent requests in flight (count: 0, allowed: 0).")
    fires = house.user(firesPerMinute=0)
    check(fires.client.post("triggers/x"), 429, "Too many requests in the last minute")
