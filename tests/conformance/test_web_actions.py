"""Web actions: cases 236 to 275 of the conformance checklist."""

from __future__ import annotations

import base64
import json
import time

import pytest
from fixtures.house import House, User
from fixtures.web import (
    ACTIVATION_ID,
    ALLOW_METHODS,
    ANSWER,
    ECHO,
    asked,
    check_error,
    put_web,
    web,
)

NOT_THERE = "The requested resource does not exist."
NOT_ALLOWED = (
    "Request defines parameters that are not allowed (e.g., reserved properties)."
)
NOT_HTTP = "Response is not valid 'message/http'."
HTML = "text/html; charset=UTF-8"
UNAUTHENTICATED = "requires authentication"


@pytest.fixture
def answering(user: User) -> User:
    """Whose action ``act`` answers what it is asked for."""
    put_web(user, "act", ANSWER)
    return user


@pytest.fixture
def echoing(user: User) -> User:
    """Whose action ``act`` answers its arguments."""
    put_web(user, "act")
    return user


def test_case_236_what_is_not_exported_or_not_there_is_404(user: User) -> None:
    user.put_action("plain", ECHO)
    put_web(user, "text", web_export="true")
    nobody = f"{user.house.api_host}/api/v1/web/nobody-{user.namespace}/default/x.json"

    for path in ("default/plain.json", "default/text.json", "default/none", "p/a.json"):
        check_error(web(user, path), 404, NOT_THERE)
    check_error(user.client.get(nobody), 404, NOT_THERE)


def test_case_237_json_is_pretty(echoing: User) -> None:
    answer = web(echoing, "default/act.json")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.text.startswith('{\n  "__ow_method": "get",\n')


def test_case_238_no_extension_is_http(answering: User) -> None:
    wanted = {"statusCode": 201, "body": "made"}

    plain, http = (
        asked(answering, path, wanted) for path in ("default/act", "default/act.http")
    )

    assert (plain.status_code, plain.text) == (201, "made")
    assert (http.status_code, http.text) == (201, "made")
    assert plain.headers["content-type"] == http.headers["content-type"]


def test_case_239_an_unknown_extension_is_404(echoing: User) -> None:
    check_error(web(echoing, "default/act.foo"), 404, NOT_THERE)


@pytest.mark.parametrize("wanted", [{}, {"body": ""}, {"body": None}])
def test_case_240_an_empty_body_is_204(answering: User, wanted: dict) -> None:
    answer = asked(answering, "default/act.http", wanted)

    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers
    assert len(answer.headers[ACTIVATION_ID]) == 32


def test_case_241_an_action_redirects(answering: User) -> None:
    wanted = {"statusCode": 302, "headers": {"location": "http://x"}}

    answer = asked(answering, "default/act.http", wanted)

    assert (answer.status_code, answer.headers["location"]) == (302, "http://x")


def test_case_242_text_is_html(answering: User) -> None:
    answer = asked(answering, "default/act.http", {"body": "<p>hello</p>"})

    assert (answer.status_code, answer.text) == (200, "<p>hello</p>")
    assert answer.headers["content-type"] == HTML


def test_case_243_an_object_is_json(answering: User) -> None:
    answer = asked(answering, "default/act.http", {"body": {"a": 1}})

    assert (answer.status_code, answer.json()) == (200, {"a": 1})
    assert answer.headers["content-type"] == "application/json"


def test_case_244_json_as_text_stays_as_it_is(answering: User) -> None:
    body = '{"a":  1}'
    headers = {"content-type": "application/json"}

    answer = asked(
        answering,
        "default/act.http",
        {"statusCode": 201, "body": body, "headers": headers},
    )

    assert (answer.status_code, answer.text) == (201, body)
    assert answer.headers["content-type"] == "application/json"


def test_case_245_an_object_is_no_html(answering: User) -> None:
    wanted = {"body": {"a": 1}, "headers": {"content-type": "text/html"}}

    check_error(
        asked(answering, "default/act.http", wanted),
        400,
        "Response type in header did not match generated content type.",
    )


def test_case_246_an_unknown_type_is_refused(answering: User) -> None:
    wanted = {"body": "x", "headers": {"content-type": "xyzbar"}}

    check_error(
        asked(answering, "default/act.http", wanted),
        400,
        "Response did not specify a known content-type.",
    )


def test_case_247_base64_becomes_bytes(answering: User) -> None:
    picture = b"\x89PNG\r\n\x1a\n\x00\xff"
    wanted = {
        "body": base64.b64encode(picture).decode(),
        "headers": {"Content-Type": "image/png"},
    }

    answer = asked(answering, "default/act.http", wanted)

    assert (answer.status_code, answer.content) == (200, picture)
    assert answer.headers["content-type"] == "image/png"


def test_case_248_a_status_may_be_text(answering: User) -> None:
    wanted = {"statusCode": "302", "headers": {"location": "/x"}}

    assert asked(answering, "default/act.http", wanted).status_code == 302


def test_case_249_text_alone_is_no_http(answering: User) -> None:
    """A result is always an object; what stands under ``error`` need not be one."""
    answer = asked(answering, "default/act.http", {"error": "just text"})

    check_error(answer, 400, NOT_HTTP)


def test_case_250_html_is_made_of_body_or_html(answering: User) -> None:
    one = asked(answering, "default/act.html", {"html": "<p/>"})
    two = asked(answering, "default/act.html", {"html": "<p/>", "body": "<b/>"})

    assert (one.status_code, one.text, one.headers["content-type"]) == (
        200,
        "<p/>",
        HTML,
    )
    assert two.text == "<b/>"
    check_error(
        asked(answering, "default/act.html", {}),
        400,
        "Response is not valid 'text/html'.",
    )


def test_case_251_svg(answering: User) -> None:
    answer = asked(answering, "default/act.svg", {"svg": "<svg/>"})

    assert (answer.status_code, answer.text) == (200, "<svg/>")
    assert answer.headers["content-type"] == "image/svg+xml"


def test_case_252_text_of_anything(answering: User) -> None:
    answer = asked(answering, "default/act.text", {"body": {"a": 1}})

    assert (answer.status_code, answer.text) == (200, '{\n  "a": 1\n}')
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    check_error(
        asked(answering, "default/act.text", {}),
        404,
        "Response does not include requested property.",
    )


def test_case_253_errors_are_four_pretty_lines(user: User) -> None:
    answer = web(user, "default/none.json")

    lines = answer.text.splitlines()
    assert [lines[0], lines[3]] == ["{", "}"]
    assert lines[1].startswith('  "error": "')
    assert lines[2] == f'  "code": "{answer.headers["x-request-id"]}"'


def test_case_254_code_that_breaks_is_400(user: User) -> None:
    put_web(user, "broken", "def main(args): return 3")

    answer = web(user, "default/broken.json")

    check_error(answer, 400, "There was an error processing your request.")
    assert len(answer.headers[ACTIVATION_ID]) == 32


def test_case_255_an_error_may_be_a_response(answering: User) -> None:
    wanted = {"error": {"statusCode": 404, "body": "nope"}}

    answer = asked(answering, "default/act.http", wanted)

    assert (answer.status_code, answer.text) == (404, "nope")


@pytest.mark.patient
@pytest.mark.slow
def test_case_256_not_ready_in_time_is_202(user: User) -> None:
    code = "import time\ndef main(args):\n  time.sleep(62)\n  return {}"
    annotations = [{"key": "web-export", "value": True}]
    user.put_action("slow", code, limits={"timeout": 90_000}, annotations=annotations)

    answer = web(user, "default/slow.json")

    check_error(answer, 202, "Response not yet ready.")
    record = user.record(answer.headers[ACTIVATION_ID])
    assert record["response"]["success"] is True


def test_case_257_method_path_and_headers_are_told(echoing: User) -> None:
    told = web(echoing, "default/act.json/x/y", headers={"X-Some": "thing"}).json()

    assert told["__ow_method"] == "get"
    assert told["__ow_path"] == "/x/y"
    assert told["__ow_headers"]["x-some"] == "thing"
    assert web(echoing, "default/act.json").json()["__ow_path"] == ""
    deleted = web(echoing, "default/act.json", "DELETE").json()
    assert deleted["__ow_method"] == "delete"


def test_case_258_the_body_wins_over_the_query(echoing: User) -> None:
    body = {"b": 2, "c": [3]}

    told = web(echoing, "default/act.json?a=1&b=1", "POST", json=body).json()

    assert (told["a"], told["b"], told["c"]) == ("1", 2, [3])
    assert told["__ow_headers"]["content-type"] == "application/json"


def test_case_259_a_form_becomes_text_arguments(echoing: User) -> None:
    told = web(echoing, "default/act.json", "POST", data={"a": "1", "b": "x y"}).json()

    assert (told["a"], told["b"]) == ("1", "x y")


def test_case_260_an_array_is_the_body(echoing: User) -> None:
    told = web(echoing, "default/act.json", "POST", json=[1, "two"]).json()

    assert told["__ow_body"] == [1, "two"]


def test_case_261_text_stays_text_and_bytes_become_base64(echoing: User) -> None:
    def told(kind: str, body: bytes) -> str:
        answer = web(
            echoing,
            "default/act.json",
            "POST",
            content=body,
            headers={"content-type": kind},
        )
        return answer.json()["__ow_body"]

    assert told("text/plain", "grüß".encode()) == "grüß"
    assert told("application/octet-stream", b"\x00\xff") == "AP8="


def test_case_262_raw_is_not_expanded(user: User) -> None:
    put_web(user, "act", raw_http=True)

    empty = web(user, "default/act.json").json()
    full = web(user, "default/act.json?a=1&b=%20", "POST", json={"c": 1}).json()

    assert (empty["__ow_query"], empty["__ow_body"]) == ("", "")
    assert full["__ow_query"] == "a=1&b=%20"
    assert json.loads(base64.b64decode(full["__ow_body"])) == {"c": 1}
    assert not {"a", "b", "c"} & set(full)


def test_case_263_reserved_names_are_refused(echoing: User) -> None:
    check_error(web(echoing, "default/act.json?__ow_user=x"), 400, NOT_ALLOWED)
    body = {"__ow_user": "x"}
    check_error(web(echoing, "default/act.json", "POST", json=body), 400, NOT_ALLOWED)


def test_case_264_final_parameters_stay(user: User) -> None:
    for name, raw in (("act", False), ("raw", True)):
        user.put_action(
            name,
            ECHO,
            parameters=[{"key": "a", "value": 1}],
            annotations=[
                {"key": "web-export", "value": True},
                {"key": "final", "value": True},
                {"key": "raw-http", "value": raw},
            ],
        )

    check_error(web(user, "default/act.json?a=2"), 400, NOT_ALLOWED)
    assert web(user, "default/act.json?b=2").json()["a"] == 1
    raw_answer = web(user, "default/raw.json?a=2")
    assert (raw_answer.status_code, raw_answer.json()["a"]) == (200, 1)


def test_case_265_credentials_may_be_required(house: House, user: User) -> None:
    put_web(user, "act", require_whisk_auth=True)
    bob = house.user()

    check_error(web(user, "default/act.json"), 401, UNAUTHENTICATED)
    answer = web(user, "default/act.json", key=bob.key)

    assert (answer.status_code, answer.json()["__ow_user"]) == (200, bob.namespace)


def test_case_266_a_secret_may_be_required(user: User) -> None:
    put_web(user, "act", require_whisk_auth="secret")

    def called(**headers: str) -> int:
        return web(user, "default/act.json", headers=headers).status_code

    check_error(web(user, "default/act.json"), 401, UNAUTHENTICATED)
    assert called(**{"x-require-whisk-auth": "wrong"}) == 401
    assert called(**{"X-Require-Whisk-Auth": "secret"}) == 200


def test_case_267_options_is_answered_without_the_action(user: User) -> None:
    put_web(user, "act", require_whisk_auth="secret")

    answer = web(user, "default/act.json", "OPTIONS")

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == ALLOW_METHODS
    assert ACTIVATION_ID not in answer.headers
    time.sleep(0.5)
    assert user.client.get("activations").json() == []


def test_case_268_wanted_headers_are_echoed(echoing: User) -> None:
    wanted = {"Access-Control-Request-Headers": "x-one, x-two"}

    for method in ("OPTIONS", "GET"):
        answer = web(echoing, "default/act.json", method, headers=wanted)
        assert answer.headers["access-control-allow-headers"] == "x-one, x-two"
        plain = web(echoing, "default/act.json", method)
        assert "Authorization" in plain.headers["access-control-allow-headers"]


def test_case_269_custom_options_are_the_actions(user: User) -> None:
    code = (
        "def main(args):\n"
        "  return {'headers': {'x-seen': args['__ow_method'],"
        " 'access-control-allow-origin': 'https://mine'}}"
    )
    put_web(user, "act", code, web_custom_options=True, require_whisk_auth="secret")

    answer = web(user, "default/act.http", "OPTIONS")

    assert answer.status_code == 204
    assert answer.headers["x-seen"] == "options"
    assert answer.headers["access-control-allow-origin"] == "https://mine"
    assert "access-control-allow-methods" not in answer.headers
    refused = web(user, "default/act.http")
    check_error(refused, 401, UNAUTHENTICATED)
    assert "access-control-allow-origin" not in refused.headers


def test_case_270_the_record_is_the_owners(house: House, echoing: User) -> None:
    bob = house.user()

    answer = web(echoing, "default/act.json", key=bob.key)

    activation_id = answer.headers[ACTIVATION_ID]
    assert echoing.record(activation_id)["namespace"] == echoing.namespace
    listed = echoing.client.get("activations").json()
    assert [each["activationId"] for each in listed] == [activation_id]
    assert bob.client.get("activations").json() == []


def test_case_271_what_is_not_acceptable_is_406(answering: User) -> None:
    answer = asked(
        answering,
        "default/act.http",
        {"body": "<p/>"},
        headers={"accept": "application/json"},
    )

    check_error(
        answer,
        406,
        f"Resource representation is only available with these types:\n{HTML}",
    )
    assert answering.record(answer.headers[ACTIVATION_ID])["response"]["success"]


def test_case_272_a_big_body_is_413(echoing: User) -> None:
    size = 1024 * 1024 + 1

    answer = web(echoing, "default/act.json", "POST", content=b"x" * size)

    check_error(answer, 413, f"Request larger than allowed: {size} > {size - 1} bytes.")


def test_case_273_the_owners_throttle_counts(house: House) -> None:
    poor = house.user(invocationsPerMinute=0)
    put_web(poor, "act")

    answer = web(poor, "default/act.json", key=house.user().key)

    check_error(answer, 429, "Too many requests in the last minute")
    assert int(answer.headers["retry-after"]) > 0


def test_case_274_a_private_package_is_no_wall(user: User) -> None:
    package = user.client.put("packages/pack", json={"publish": False})
    assert package.status_code == 200, package.text
    put_web(user, "pack/act")

    assert web(user, "pack/act.json?a=1").json()["a"] == "1"


def test_case_275_a_binding_leads_to_the_providers_action(
    house: House, user: User
) -> None:
    bob = house.user()
    parameters = [{"key": "a", "value": "from alice"}]
    package = user.client.put(
        "packages/pack", json={"publish": True, "parameters": parameters}
    )
    assert package.status_code == 200, package.text
    put_web(user, "pack/act")
    binding = {"namespace": user.namespace, "name": "pack"}
    bound = bob.client.put(
        "packages/bound",
        json={"binding": binding, "parameters": [{"key": "b", "value": "from bob"}]},
    )
    assert bound.status_code == 200, bound.text

    answer = web(bob, "bound/act.json")

    told = answer.json()
    assert (told["a"], told["b"]) == ("from alice", "from bob")
    assert bob.record(answer.headers[ACTIVATION_ID])["namespace"] == bob.namespace
