"""What an action gets to see of a web request."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.errors import BadInput, ChasenError, MalformedContent
from controller.webactions.request import NOT_ALLOWED, WebRequest, to_arguments

HOST = (b"host", b"h")


def arguments(
    body: bytes = b"",
    content_type: str | None = None,
    *,
    query: str = "",
    raw: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """Answer the arguments but for those that every request makes."""
    request = WebRequest("POST", [HOST], "/r", query, content_type, body)
    found = orjson.loads(to_arguments(request, raw=raw, **more))
    assert found.pop("__ow_method") == "post"
    assert found.pop("__ow_path") == "/r"
    assert found.pop("__ow_headers") == {"host": "h"}
    return found


@pytest.mark.parametrize(
    ("content_type", "body", "found"),
    [
        (None, b"", {}),
        ("application/json", b"", {}),
        ("application/json", b' {"a": 1}\n', {"a": 1}),
        ("application/json", b"{}", {}),
        ("application/json", b"[1]", {"__ow_body": [1]}),
        ("application/json", b' "x" ', {"__ow_body": "x"}),
        ("application/json", b"3", {"__ow_body": 3}),
        ("application/json", b"null", {"__ow_body": None}),
        ("application/hal+json; charset=utf-8", b'{"a":1}', {"a": 1}),
        ("application/x-www-form-urlencoded", b"a=1&b=&c&a=2+3%C3%A9", None),
        ("text/plain", "é".encode(), {"__ow_body": "é"}),
        ("text/plain; charset=iso-8859-1", b"\xe9", {"__ow_body": "é"}),
        ("text/plain", b"\xff", {"__ow_body": "\ufffd"}),
        ("application/xml", b"<a/>", {"__ow_body": "<a/>"}),
        ("application/octet-stream", b"\x00\xff", {"__ow_body": "AP8="}),
        ("image/png", b"\x89P", {"__ow_body": "iVA="}),
        ("application/x-unknown", b"a", {"__ow_body": "YQ=="}),
        ("multipart/form-data; boundary=x", b"--x", {"__ow_body": "LS14"}),
        ("no type", b"a", {"__ow_body": "YQ=="}),
        (None, b"a", {"__ow_body": "YQ=="}),
    ],
)
def test_a_body_becomes_members_text_or_base64(
    content_type: str | None, body: bytes, found: dict[str, Any] | None
) -> None:
    expected = {"a": "2 3é", "b": "", "c": ""} if found is None else found

    assert arguments(body, content_type) == expected


@pytest.mark.parametrize(
    ("content_type", "body", "boxed"),
    [
        (None, b"", ""),
        ("application/json", b'{"a":1}', base64.b64encode(b'{"a":1}').decode()),
        ("application/json", b"{broken", base64.b64encode(b"{broken").decode()),
        ("application/hal+json", b"{}", "e30="),
        ("application/x-www-form-urlencoded", b"a=%zz", "a=%zz"),
        ("text/plain", b"x", "x"),
        ("image/png", b"\x00", "AA=="),
    ],
)
def test_a_raw_action_gets_body_and_query_as_they_are(
    content_type: str | None, body: bytes, boxed: str
) -> None:
    found = arguments(body, content_type, query="a=1&a=%zz", raw=True)

    assert found == {"__ow_query": "a=1&a=%zz", "__ow_body": boxed}


def test_parameters_yield_to_the_query_and_the_query_to_the_body() -> None:
    found = arguments(
        b'{"c":[3],"d":1}',
        "application/json",
        query="b=2&c=2&b=22",
        defaults={"a": 1, "b": 1, "c": 1},
        user="alice",
    )

    assert found == {"a": 1, "b": "22", "c": [3], "d": 1, "__ow_user": "alice"}


def test_the_numbers_of_a_body_arrive_as_they_were_sent() -> None:
    body = b'{"n":123456789012345678901234567890,"f":1.10}'
    request = WebRequest("POST", [], content_type="application/json", body=body)

    assert body[1:] in to_arguments(request, raw=False)


@pytest.mark.parametrize("name", ["method", "headers", "path", "user", "query", "body"])
def test_reserved_names_are_not_for_callers(name: str) -> None:
    key = f"__ow_{name}"
    form = "application/x-www-form-urlencoded"
    for body, kind, query in (
        (b"", None, f"{key}=x"),
        (b'{"%s":1}' % key.encode(), "application/json", ""),
        (f"{key}=x".encode(), form, ""),
    ):
        with pytest.raises(BadInput, match=r"reserved properties"):
            arguments(body, kind, query=query)
    assert arguments(query=f"{key}=x", raw=True)["__ow_query"] == f"{key}=x"


def test_final_parameters_are_not_for_callers_unless_raw() -> None:
    final = {"final": frozenset({"a"}), "defaults": {"a": 1}}

    with pytest.raises(BadInput) as caught:
        arguments(query="a=2", **final)

    assert str(caught.value) == NOT_ALLOWED
    with pytest.raises(BadInput):
        arguments(b'{"a":2}', "application/json", **final)
    assert arguments(query="a=2", raw=True, **final)["a"] == 1


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"\xff"),
        ("application/json", b"[" * 300 + b"]" * 300),
        ("application/x-www-form-urlencoded", b"a=%zz"),
        ("application/x-www-form-urlencoded", b"a=%ff"),
        ("application/x-www-form-urlencoded", b"\xff=1"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 1001)),
        ("application/x-www-form-urlencoded", b"a" * 10_240 + b"=1"),
    ],
)
def test_a_body_that_cannot_be_read_is_told(content_type: str, body: bytes) -> None:
    with pytest.raises(MalformedContent, match="The request content was malformed:\n"):
        arguments(body, content_type)


def test_too_many_fields_are_named_so() -> None:
    form = "application/x-www-form-urlencoded"

    assert len(arguments(b"&".join(b"a%d=1" % n for n in range(1000)), form)) == 1000
    with pytest.raises(MalformedContent, match="too many fields"):
        arguments(b"&".join(b"a%d=1" % n for n in range(1001)), form)


@pytest.mark.parametrize("query", ["a=%zz", "a=%", "a=%ff", "&".join("a" * 1001)])
def test_a_query_that_cannot_be_read_is_told(query: str) -> None:
    with pytest.raises(BadInput):
        arguments(query=query)


def test_headers_are_told_but_for_those_of_the_connection() -> None:
    headers = [
        (b"accept", b"a"),
        (b"accept", b"b"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"content-length", b"3"),
        (b"connection", b"close"),
        (b"transfer-encoding", b"chunked"),
        (b"x-ow-extra-logging", b"on"),
        (b"content-type", b"text/plain"),
        (b"x-latin", b"\xe9"),
    ]

    found = orjson.loads(to_arguments(WebRequest("GET", headers), raw=False))

    assert found["__ow_headers"] == {
        "accept": "a, b",
        "cookie": "a=1; b=2",
        "content-type": "text/plain",
        "x-latin": "é",
    }


KINDS = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "a/b", ""]
)


@given(st.binary(max_size=60), KINDS, st.text(max_size=30), st.booleans())
def test_any_request_becomes_arguments_or_a_sentence(
    body: bytes, content_type: str, query: str, raw: bool
) -> None:
    request = WebRequest("PUT", [HOST], "", query, content_type, body)
    try:
        text = to_arguments(request, raw=raw, defaults={"k": 1})
    except ChasenError:
        return
    assert orjson.loads(text)["__ow_method"] == "put"
