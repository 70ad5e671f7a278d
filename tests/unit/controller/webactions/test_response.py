"""What becomes of an action's result."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.entities import Outcome
from controller.webactions.address import Extension
from controller.webactions.response import Refusal, WebResponse, to_http

NOT_HTTP = Refusal(400, "Response is not valid 'message/http'.")
WRONG_TYPE = Refusal(
    400, "Response type in header did not match generated content type."
)
UNKNOWN_TYPE = Refusal(400, "Response did not specify a known content-type.")


def answered(
    extension: str, value: Any, outcome: Outcome = Outcome.SUCCESS
) -> WebResponse | Refusal:
    return to_http(Extension(f".{extension}"), outcome, orjson.dumps(value))


def shown(
    extension: str, value: Any, outcome: Outcome = Outcome.SUCCESS
) -> tuple[int, str | None, bytes]:
    found = answered(extension, value, outcome)
    assert isinstance(found, WebResponse), found
    kind = None if found.media_type is None else str(found.media_type)
    return found.status, kind, found.body


def headers(given: dict[str, Any], body: Any = "x") -> tuple[tuple[str, str], ...]:
    found = answered("http", {"headers": given, "body": body})
    assert isinstance(found, WebResponse), found
    return found.headers


HTML, TEXT = "text/html; charset=UTF-8", "text/plain; charset=UTF-8"
JSON, SVG = "application/json", "image/svg+xml"


@pytest.mark.parametrize(
    ("extension", "value", "kind", "body"),
    [
        ("json", {"a": 1}, JSON, b'{\n  "a": 1\n}'),
        ("json", [1], JSON, b"[\n  1\n]"),
        ("json", {"statusCode": 404}, JSON, b'{\n  "statusCode": 404\n}'),
        ("html", {"html": "<p/>"}, HTML, b"<p/>"),
        ("html", {"html": "no", "body": "<b/>"}, HTML, b"<b/>"),
        ("svg", {"svg": "<svg/>"}, SVG, b"<svg/>"),
        ("text", {"text": "é"}, TEXT, "é".encode()),
        ("text", {"body": {"a": 1}}, TEXT, b'{\n  "a": 1\n}'),
        ("text", {"text": None}, TEXT, b"null"),
        ("text", {"text": True}, TEXT, b"true"),
        ("text", {"text": 1.5}, TEXT, b"1.5"),
        ("text", [1], TEXT, b"[\n  1\n]"),
    ],
)
def test_a_typed_response(extension: str, value: Any, kind: str, body: bytes) -> None:
    assert shown(extension, value) == (200, kind, body)


@pytest.mark.parametrize(
    ("extension", "value", "refusal"),
    [
        ("html", {}, Refusal(400, "Response is not valid 'text/html'.")),
        ("html", {"html": 3}, Refusal(400, "Response is not valid 'text/html'.")),
        (
            "html",
            {"html": "x", "body": None},
            Refusal(400, "Response is not valid 'text/html'."),
        ),
        ("html", ["x"], Refusal(400, "Response is not valid 'text/html'.")),
        ("svg", {}, Refusal(400, "Response is not valid 'image/svg+xml'.")),
        ("text", {}, Refusal(404, "Response does not include requested property.")),
        ("http", [1], NOT_HTTP),
    ],
)
def test_a_result_that_does_not_fit(
    extension: str, value: Any, refusal: Refusal
) -> None:
    assert answered(extension, value) == refusal


def test_an_application_error_is_shown_by_the_same_rules() -> None:
    failed = Outcome.APPLICATION_ERROR

    assert shown("json", {"error": {"a": 1}}, failed)[0] == 200
    assert shown("html", {"error": "<p/>"}, failed) == (200, HTML, b"<p/>")
    assert shown("text", {"error": 3}, failed) == (200, TEXT, b"3")
    assert answered("json", {"error": "x"}, failed) == Refusal(
        400, "Response is not valid 'application/json'."
    )
    assert answered("http", {"error": "x"}, failed) == NOT_HTTP
    inner = {"error": {"statusCode": 404, "body": "nope"}}
    assert shown("http", inner, failed) == (404, HTML, b"nope")
    assert answered("text", {"no": "error"}, failed) == Refusal(
        404, "Response does not include requested property."
    )


@pytest.mark.parametrize("outcome", [Outcome.DEVELOPER_ERROR, Outcome.WHISK_ERROR])
def test_who_breaks_says_nothing_more(outcome: Outcome) -> None:
    found = answered("json", {"error": "secret"}, outcome)

    assert found == Refusal(400, "There was an error processing your request.")


@pytest.mark.parametrize("body", [{}, {"body": None}, {"body": ""}])
def test_an_empty_body_is_204_without_a_type(body: dict[str, Any]) -> None:
    given = body | {"headers": {"Content-Type": "xyzbar", "a": "b"}}

    assert answered("http", body) == WebResponse(204)
    assert answered("http", given) == WebResponse(204, headers=(("a", "b"),))
    assert answered("http", body | {"statusCode": 200}) == WebResponse(200)


@pytest.mark.parametrize(
    ("body", "kind", "shown_kind", "data"),
    [
        ("x", None, HTML, b"x"),
        ("x", "text/css", "text/css; charset=UTF-8", b"x"),
        ('{"a":1}', "application/json", JSON, b'{"a":1}'),
        ("eyJhIjoxfQ==", "application/json", JSON, b'{"a":1}'),
        ("iVA=", "image/png", "image/png", b"\x89P"),
        ("iVA", "image/png", "image/png", b"\x89P"),
        ("<svg/>", "image/svg+xml", SVG, b"<svg/>"),
        ("PHN2Zy8+", "image/svg+xml", SVG, b"<svg/>"),
        ({"a": 1}, None, JSON, b'{\n  "a": 1\n}'),
        ([1], "application/json; charset=utf-8", JSON, b"[\n  1\n]"),
        (3, None, JSON, b"3"),
        (False, "application/hal+json", "application/hal+json", b"false"),
    ],
)
def test_an_http_body_goes_with_its_type(
    body: Any, kind: str | None, shown_kind: str, data: bytes
) -> None:
    given = {"headers": {"Content-Type": kind}} if kind else {}

    assert shown("http", {"body": body, **given}) == (200, shown_kind, data)


@pytest.mark.parametrize(
    ("body", "kind", "refusal"),
    [
        ({"a": 1}, "text/html", WRONG_TYPE),
        (3, "image/png", WRONG_TYPE),
        ("not base64!", "image/png", WRONG_TYPE),
        ("é", "application/octet-stream", WRONG_TYPE),
        ("x", "xyzbar", UNKNOWN_TYPE),
        ({}, "", UNKNOWN_TYPE),
    ],
)
def test_a_body_that_is_not_of_its_type(body: Any, kind: str, refusal: Refusal) -> None:
    assert answered("http", {"body": body, "headers": {"content-type": kind}}) == (
        refusal
    )


@pytest.mark.parametrize(
    ("status", "sent"), [(302, 302), ("302", 302), (444, 444), (200.0, 200), (599, 599)]
)
def test_a_status_is_a_whole_number_or_its_text(status: Any, sent: int) -> None:
    assert shown("http", {"statusCode": status, "body": "x"})[0] == sent


@pytest.mark.parametrize(
    "status",
    [
        *(99, 100, 199, 600, 1000, -1, 200.5, 1e300),
        *("abc", "", "20", "0302", "٣٠٢", "200 "),
        *(True, None, [200], {"a": 1}),
    ],
)
def test_everything_else_is_no_status(status: Any) -> None:
    assert answered("http", {"statusCode": status, "body": "x"}) == NOT_HTTP


def test_values_of_headers_are_text_numbers_booleans_and_lists_of_these() -> None:
    given = {"A": " x ", "b": 1, "c": True, "d": 1.5, "Set-Cookie": ["x=1", "y=2"]}

    assert headers(given) == (
        ("a", "x"),
        ("b", "1"),
        ("c", "true"),
        ("d", "1.5"),
        ("set-cookie", "x=1"),
        ("set-cookie", "y=2"),
    )


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "a: b",
        {"a": None},
        {"a": {}},
        {"a": [["b"]]},
        {"a": "x\r\nSet-Cookie: b"},
        {"a": "x\ny"},
        {"a": "x\0"},
        {"a": "€"},
        {"a b": "x"},
        {"a:": "x"},
        {"": "x"},
        {"é": "x"},
        {"a\0": "x"},
        {"a" * 257: "x"},
        {f"h{n}": "x" for n in range(65)},
        {"a": ["x"] * 65},
        {"a": "x" * 20_480},
    ],
)
def test_what_is_no_header_spoils_the_answer(given: Any) -> None:
    assert answered("http", {"headers": given, "body": "x"}) == NOT_HTTP


@pytest.mark.parametrize(
    "name",
    [
        "X-Accel-Redirect",
        "X-Accel-Limit-Rate",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "Upgrade",
        "TE",
        "Trailer",
        "Proxy-Authenticate",
        "Server",
        "Date",
        "X-Request-ID",
        "X-OpenWhisk-Activation-Id",
        "Strict-Transport-Security",
        "Alt-Svc",
        "Clear-Site-Data",
    ],
)
def test_headers_that_are_not_the_actions_are_dropped(name: str) -> None:
    for written in (name, name.lower(), name.upper()):
        assert headers({written: "1", "x-mine": "2"}) == (("x-mine", "2"),)


def test_big_numbers_are_shown_as_they_are() -> None:
    text = b'{"n": 123456789012345678901234567890, "s": "1234567890123456"}'

    found = to_http(Extension.JSON, Outcome.SUCCESS, text)

    assert isinstance(found, WebResponse)
    assert found.body == json.dumps(json.loads(text), indent=2).encode()


def test_what_is_nested_too_deep_is_a_refusal_or_printed() -> None:
    for depth in (253, 254, 255, 400, 1000, 5000):
        text = b'{"body":' + b"[" * depth + b"]" * depth + b"}"
        for extension in Extension:
            assert to_http(extension, Outcome.SUCCESS, text)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["text/html", "application/json", "image/png", "iVA=", "200"]),
)
KEYS = st.one_of(
    st.sampled_from(["body", "headers", "statusCode", "error", "html", "content-type"]),
    st.text(max_size=8),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)
    ),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(list(Extension)), st.sampled_from(list(Outcome)))
def test_to_http_never_raises(value: Any, extension: Extension, outcome: Outcome):
    """Whatever JSON an action answers."""
    found = to_http(extension, outcome, json.dumps(value).encode())

    if isinstance(found, Refusal):
        assert found.sentence
        return
    assert 200 <= found.status <= 599
    assert (found.media_type is None) == (not found.body and extension == ".http")
    for name, text in found.headers:
        name.encode("ascii")
        assert not {"\r", "\n", "\0"} & set(text.encode("latin-1").decode("latin-1"))


@given(st.one_of(st.none(), st.binary(max_size=40)))
def test_to_http_never_raises_for_what_is_no_json(result: bytes | None) -> None:
    for extension in Extension:
        assert to_http(extension, Outcome.SUCCESS, result)
