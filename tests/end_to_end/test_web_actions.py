"""Web actions as strangers, browsers and attackers meet them, on both houses."""

from __future__ import annotations

import base64
import gzip
import socket
import urllib.parse
from pathlib import Path
from typing import Any

import httpx
import pytest
from fixtures.house import House, User
from fixtures.web import (
    ACTIVATION_ID,
    ALLOW_METHODS,
    ANSWER,
    asked,
    check_error,
    put_web,
    web,
)

NOT_THERE = "The requested resource does not exist."
NOT_ALLOWED = "Request defines parameters that are not allowed"
NOT_HTTP = "Response is not valid 'message/http'."
MALFORMED = "The request content was malformed:\n"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def answering(user: User) -> User:
    put_web(user, "act", ANSWER)
    return user


@pytest.fixture
def echoing(user: User) -> User:
    put_web(user, "act")
    return user


def raw(house: House, text: bytes) -> bytes:
    """Send these bytes, answer all that comes back."""
    where = urllib.parse.urlsplit(house.api_host)
    assert where.hostname
    with socket.create_connection((where.hostname, where.port or 80), 30) as connection:
        connection.sendall(text)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def raw_get(house: House, path: str, *lines: str) -> bytes:
    head = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *lines]
    return raw(house, "\r\n".join([*head, "", ""]).encode())


# Bad input, B070 to B082.


def test_b070_what_is_not_there_says_nothing_more(user: User) -> None:
    user.put_action("hidden", "def main(args): return args")

    for path in ("default/hidden", "default/none.json", "none/act.json"):
        check_error(web(user, path), 404, NOT_THERE)
    check_error(web(user, "default"), 404, "could not be found")


@pytest.mark.parametrize(
    "given",
    [[], ["Secret"], ["secret", "secret"], ["[secret]"], ["secret, secret"], [""]],
)
def test_b071_a_wrong_secret_is_401(user: User, given: list[str]) -> None:
    put_web(user, "act", require_whisk_auth="secret")
    headers = [("x-require-whisk-auth", each) for each in given]

    answer = web(user, "default/act.json", headers=headers)

    check_error(answer, 401, "requires authentication")
    assert "www-authenticate" not in answer.headers
    assert ACTIVATION_ID not in answer.headers


def test_b072_broken_json_is_told_and_never_read_when_raw(echoing: User) -> None:
    put_web(echoing, "raw", raw_http=True)
    broken = {"content": b'{"a":', "headers": {"content-type": "application/json"}}

    check_error(web(echoing, "default/act.json", "POST", **broken), 400, MALFORMED)
    told = web(echoing, "default/raw.json", "POST", **broken).json()
    assert base64.b64decode(told["__ow_body"]) == b'{"a":'


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (b"&".join(b"a%d=1" % n for n in range(1001)), "too many fields"),
        (b"a" * 10_240 + b"=1", "name is longer than"),
        (b"a=%zz", "percent sign"),
    ],
)
def test_b073_a_form_has_bounds(echoing: User, form: bytes, error: str) -> None:
    answer = web(echoing, "default/act.json", "POST", content=form, headers=FORM)

    check_error(answer, 400, error)


@pytest.mark.parametrize("name", ["__ow_method", "__ow_user", "__ow_headers"])
def test_b074_reserved_names_are_refused(echoing: User, name: str) -> None:
    path = "default/act.json"

    check_error(web(echoing, f"{path}?{name}=x"), 400, NOT_ALLOWED)
    check_error(web(echoing, path, "POST", json={name: 1}), 400, NOT_ALLOWED)
    check_error(web(echoing, path, "POST", data={name: "1"}), 400, NOT_ALLOWED)


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nSet-Cookie: b"},
        {"a b": "c"},
        {"a\0": "c"},
        {"a": "b\0"},
        {"a": "€"},
        {f"h{n}": "x" for n in range(65)},
        {"a": "x" * 20_480},
    ],
)
def test_b075_what_is_no_header_is_not_sent(
    answering: User, headers: dict[str, str]
) -> None:
    answer = asked(answering, "default/act", {"headers": headers, "body": "x"})

    check_error(answer, 400, NOT_HTTP)
    assert len(answer.headers[ACTIVATION_ID]) == 32
    assert "set-cookie" not in answer.headers


def test_b076_headers_that_steer_the_house_are_dropped(answering: User) -> None:
    dropped = {
        "X-Accel-Redirect": "/etc/passwd",
        "X-Accel-Limit-Rate": "1",
        "X-Accel-Buffering": "no",
        "Content-Length": "3",
        "Transfer-Encoding": "chunked",
        "Connection": "upgrade",
        "Upgrade": "websocket",
        "Proxy-Authenticate": "Basic",
        "Server": "mine",
        "Date": "never",
        "X-Request-ID": "mine",
        "X-OpenWhisk-Activation-Id": "mine",
        "Strict-Transport-Security": "max-age=1",
        "Alt-Svc": "h2=':1'",
        "Clear-Site-Data": "*",
    }
    body = "<p>all of it</p>"

    answer = asked(
        answering, "default/act", {"headers": {**dropped, "X-Mine": "1"}, "body": body}
    )

    assert (answer.status_code, answer.text) == (200, body)
    assert answer.headers["x-mine"] == "1"
    for name, value in dropped.items():
        assert value not in answer.headers.get_list(name)
    assert len(answer.headers[ACTIVATION_ID]) == 32
    assert answer.headers.get_list("content-length") in ([], [str(len(body))])
    record = answering.record(answer.headers[ACTIVATION_ID])
    noted = {each["key"]: each["value"] for each in record["annotations"]}
    assert noted["droppedHeaders"] == sorted(name.lower() for name in dropped)


@pytest.mark.parametrize("status", [99, 600, 1000, "abc", 200.5, True, None])
def test_b077_no_other_status_than_200_to_599(answering: User, status: Any) -> None:
    answer = asked(answering, "default/act", {"statusCode": status, "body": "x"})

    check_error(answer, 400, NOT_HTTP)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("image/png", "Response type in header did not match generated content type."),
        ("nonsense", "Response did not specify a known content-type."),
    ],
)
def test_b078_a_body_has_to_fit_its_type(
    answering: User, kind: str, error: str
) -> None:
    wanted = {"headers": {"content-type": kind}, "body": "not base64!"}

    check_error(asked(answering, "default/act", wanted), 400, error)


def test_b079_what_nobody_accepts_has_run_all_the_same(answering: User) -> None:
    wanted, accept = {"body": "<p/>"}, {"accept": "image/png, text/html;q=0"}

    answer = asked(answering, "default/act", wanted, headers=accept)

    check_error(answer, 406, "only available with these types:\ntext/html")
    assert answering.record(answer.headers[ACTIVATION_ID])["response"]["success"]


@pytest.mark.parametrize("result", ["text", 3, None])
def test_b080_no_object_no_response(answering: User, result: Any) -> None:
    check_error(asked(answering, "default/act", {"error": result}), 400, NOT_HTTP)


def test_b081_a_host_that_is_not_ours_is_421(echoing: User) -> None:
    headers = {"host": "evil.example"}

    answer = web(echoing, "default/act.json", headers=headers)

    check_error(answer, 421, "does not answer for the host 'evil.example'")


@pytest.mark.parametrize(
    "end",
    [
        "act.json/../../../metrics",
        "act.json/%2e%2e/%2e%2e/%2e%2e/metrics",
        "act.json/x%2f..%2f..%2fmetrics",
        "..%2f..%2f..%2fmetrics",
        "act.json/../../../../../../metrics",
    ],
)
def test_b082_no_path_leads_to_the_operator(echoing: User, end: str) -> None:
    path = f"/api/v1/web/{echoing.namespace}/default/{end}"

    answer = raw_get(echoing.house, path)

    assert answer.split(b" ", 2)[1] in (b"400", b"403", b"404"), answer[:300]
    assert b"python_info" not in answer
    assert b"chasen_" not in answer


# What browsers and clients see.


def test_head_runs_the_action_and_drops_the_body(answering: User, user: User) -> None:
    put_web(user, "page", "def main(args): return {'body': 'x' * 1000}")

    answer = web(user, "default/page", "HEAD")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "1000"
    assert user.record(answer.headers[ACTIVATION_ID])["response"]["success"]


def test_an_action_sets_several_cookies(answering: User) -> None:
    wanted = {"headers": {"Set-Cookie": ["a=1", "b=2; Path=/"]}, "body": "x"}

    answer = asked(answering, "default/act", wanted)

    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2; Path=/"]


def test_the_houses_cors_is_said_once(answering: User) -> None:
    """A browser refuses an answer that allows its origin twice."""
    own = {
        "Access-Control-Allow-Origin": "https://mine",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Max-Age": "60",
    }

    answer = asked(answering, "default/act", {"headers": own, "body": "x"})

    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    assert answer.headers["access-control-allow-methods"] == ALLOW_METHODS
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["access-control-max-age"] == "60"


def test_any_origin_and_credentials_never_go_together(user: User) -> None:
    put_web(user, "act", ANSWER, web_custom_options=True)
    both = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Credentials": "true",
    }

    answer = asked(user, "default/act", {"headers": both, "body": "x"})

    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_wanted_headers_that_are_none_are_not_echoed(echoing: User) -> None:
    wanted = {"Access-Control-Request-Headers": 'x-a"<script>'}

    answer = web(echoing, "default/act.json", "OPTIONS", headers=wanted)

    assert "script" not in str(answer.headers)


def test_options_of_what_is_no_web_action_is_answered(user: User) -> None:
    answer = web(user, "default/none.json", "OPTIONS")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_page_has_an_origin_of_its_own(answering: User) -> None:
    """What anybody writes must not act as the API's own pages."""
    page = asked(answering, "default/act.html", {"html": "<p/>"})
    picture = asked(answering, "default/act.svg", {"svg": "<svg/>"})
    data = asked(answering, "default/act.json", {"a": 1})

    assert page.headers["content-security-policy"].startswith("sandbox ")
    assert "allow-same-origin" not in page.headers["content-security-policy"]
    assert "content-security-policy" in picture.headers
    assert "content-security-policy" not in data.headers


def test_a_key_of_the_house_is_not_shown_to_code(house: House, echoing: User) -> None:
    bob = house.user()

    good = web(echoing, "default/act.json", key=bob.key).json()
    wrong = web(echoing, "default/act.json", key=bob.key[:-4] + "xxxx").json()
    own = web(echoing, "default/act.json", headers={"Authorization": "Bearer own"})

    assert good["__ow_user"] == bob.namespace
    assert "authorization" not in good["__ow_headers"]
    assert "__ow_user" not in wrong
    assert "authorization" not in wrong["__ow_headers"]
    assert own.json()["__ow_headers"]["authorization"] == "Bearer own"


def test_an_array_is_served_as_json_only(user: User) -> None:
    put_web(user, "list", "def main(args): return [1, {'a': 2}]")

    assert web(user, "default/list.json").json() == [1, {"a": 2}]
    check_error(web(user, "default/list.http"), 400, NOT_HTTP)


def test_compressed_bodies_are_refused(echoing: User) -> None:
    answer = web(
        echoing,
        "default/act.json",
        "POST",
        content=gzip.compress(b"{}"),
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    )

    check_error(answer, 415, "encoded as gzip")


def test_a_big_body_without_a_length_is_413(echoing: User) -> None:
    answer = web(
        echoing, "default/act.json", "POST", content=iter([b"x" * 65_536] * 17)
    )

    check_error(answer, 413, "Request larger than allowed")


def test_an_unknown_method_is_405(echoing: User) -> None:
    answer = web(echoing, "default/act.json", "BREW")

    assert answer.status_code in (400, 405)


def test_a_change_of_annotations_holds_at_once(echoing: User) -> None:
    assert web(echoing, "default/act.json").status_code == 200

    put_web(echoing, "act", web_export=False)

    check_error(web(echoing, "default/act.json"), 404, NOT_THERE)


def test_a_name_may_be_encoded(user: User) -> None:
    put_web(user, "two words")

    told = web(user, "default/two%20words.json/a%2Fb?x=%C3%A9").json()

    assert (told["__ow_path"], told["x"]) == ("/a%2Fb", "é")


def test_both_ways_in_give_the_same(house: House, answering: User) -> None:
    """``Expect: 100-continue`` goes through FastAPI, all else does not."""

    def called(method: str, path: str, expect: bool, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {}) | (
            {"expect": "100-continue"} if expect else {}
        )
        return web(answering, path, method, headers=headers, **more)

    for method, path, more in (
        ("POST", "default/act.json", {"json": {"answer": {"a": 1}}}),
        ("POST", "default/act", {"json": {"answer": {"headers": {"b": [1, 2]}}}}),
        ("POST", "default/act.html", {"json": {"answer": {"html": "x"}}}),
        ("POST", "default/act.html", {"json": {"answer": {}}}),
        ("HEAD", "default/act.text?answer=x", {}),
        ("OPTIONS", "default/act.json", {}),
        ("OPTIONS", "default/none.json", {}),
        ("GET", "default/none.json", {}),
        ("GET", "default", {}),
        ("GET", "default/act.json?__ow_user=x", {}),
        ("POST", "default/act.json", {"content": b"x" * 1_048_577}),
        ("GET", "default/act.json", {"headers": {"host": "evil.example"}}),
    ):
        one, two = (called(method, path, expect, **more) for expect in (False, True))
        assert one.status_code == two.status_code, path
        assert one.text.replace(one.headers["x-request-id"], "") == two.text.replace(
            two.headers["x-request-id"], ""
        )
        assert _shown(one) == _shown(two), path


def _shown(answer: httpx.Response) -> list[tuple[str, str]]:
    own = {"x-request-id", "date", "server", "connection", ACTIVATION_ID}
    return sorted(each for each in answer.headers.multi_items() if each[0] not in own)


def test_pipelined_requests_are_answered_in_order(echoing: User) -> None:
    path = f"/api/v1/web/{echoing.namespace}/default/act.text?body="
    requests = [
        f"GET {path}{n} HTTP/1.1\r\nHost: localhost\r\n"
        + ("Connection: close\r\n" if n == 4 else "")
        for n in range(5)
    ]

    answer = raw(echoing.house, "".join(f"{each}\r\n" for each in requests).encode())

    bodies = [part.split(b"\r\n\r\n")[1][:1] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [b"0", b"1", b"2", b"3", b"4"]


def test_who_would_rather_speak_http_2_keeps_his_body(echoing: User) -> None:
    """Java's client offers it with every request."""
    offer = {
        "connection": "Upgrade, HTTP2-Settings",
        "upgrade": "h2c",
        "http2-settings": "AAMAAABkAAQCAAAAAAIAAAAA",
    }

    told = web(echoing, "default/act.json", "POST", json={"a": 1}, headers=offer).json()
    rest = echoing.client.post(
        "actions/act?blocking=true&result=true", json={"a": 1}, headers=offer
    )

    assert told["a"] == 1
    assert not {"upgrade", "connection", "http2-settings"} & set(told["__ow_headers"])
    assert rest.json()["a"] == 1


def test_a_sequence_may_be_a_web_action(user: User) -> None:
    user.put_action("first", "def main(args): return {'n': int(args['n']) + 1}")
    user.put_action("second", "def main(args): return {'body': {'n': args['n'] * 2}}")
    names = [f"/{user.namespace}/{name}" for name in ("first", "second")]
    stored = user.client.put(
        "actions/both",
        json={
            "exec": {"kind": "sequence", "components": names},
            "annotations": [{"key": "web-export", "value": True}],
        },
    )
    assert stored.status_code == 200, stored.text

    answer = web(user, "default/both.http?n=20")

    assert (answer.status_code, answer.json()) == (200, {"n": 42})
    record = user.record(answer.headers[ACTIVATION_ID])
    assert (record["name"], len(record["logs"])) == ("both", 2)


def test_wsk_makes_a_web_action_and_tells_its_address(
    user: User, tmp_path: Path
) -> None:
    source = tmp_path / "greet.py"
    source.write_text("def main(args): return {'greeting': 'Hello ' + args['name']}")

    user.wsk("action", "create", "greet", str(source), "--web", "true")
    told = user.wsk("action", "get", "greet", "--url").split()[-1]

    address = urllib.parse.urlsplit(told)
    assert address.path == f"/api/v1/web/{user.namespace}/default/greet"
    answer = httpx.get(f"{user.house.api_host}{address.path}.json?name=Ada")
    assert answer.json() == {"greeting": "Hello Ada"}
