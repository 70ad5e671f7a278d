"""Bodies that do not fit: each is refused in a sentence, and nothing is stored."""

from __future__ import annotations

from typing import Any

import pytest
from fixtures.house import User
from fixtures.rest import ECHO, MALFORMED, done, put, refused, the_exec

NAMELESS = "The name of the entity contains illegal characters."


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        ('{"a":1', "line 1 column 7"),
        ("{a:1}", "line 1 column 2"),
        ('{"a":1,}', "trailing comma"),
        ("{'a':1}", "line 1 column 2"),
        ('{"a":1}}', "unexpected content after document"),
        ("{}{}", "unexpected content after document"),
        ("\ufeff{}", "byte order mark"),
        ('{"a":NaN}', "expected a JSON value"),
        ('{"a":-Infinity}', ""),
        ('{"a":-1e999}', "infinity"),
        ('{"a":' + "9" * 4301 + "}", "infinity"),
        ('{"a":' + "[" * 257 + "]" * 257 + "}", "nested deeper than 256"),
        ("[" * 100_000, "depth"),
        ('{"a":"\\ud800"}', "surrogate"),
    ],
)
def test_text_that_is_no_json_is_refused(user: User, content: str, detail: str) -> None:
    user.put_action("echo", ECHO)
    headers = {"content-type": "application/json"}

    for method, path in (("POST", "actions/echo"), ("PUT", "packages/p")):
        answer = user.client.request(
            method, path, content=content.encode(), headers=headers
        )
        assert refused(answer, 400, detail).startswith(MALFORMED)
    assert done(user.client.get("packages")) == []


def test_what_is_unusual_but_json_is_taken(user: User) -> None:
    user.put_action("echo", ECHO)
    headers = {"content-type": "application/json"}
    odd = {"__proto__": 1, "__class__": 2, "_id": 3, "$where": "\u0000"}

    def echoed(content: str) -> Any:
        path = "actions/echo?blocking=true&result=true"
        return done(user.client.post(path, content=content, headers=headers))

    assert echoed('{"a":1,"a":2}') == {"a": 2}
    assert (
        done(user.client.post("actions/echo?blocking=true", json=odd))["response"][
            "result"
        ]
        == odd
    )
    many = {str(number): 1 for number in range(100_000)}
    assert user.client.post("actions/echo", json=many).status_code == 202


@pytest.mark.parametrize(
    ("parameters", "number"),
    [
        ([{"key": "", "value": 1}], 1),
        ([{"key": "a", "value": 1}, {"key": 5, "value": 1}], 2),
        ([{"key": "a", "value": 1}, 1], 2),
        ([{"key": "a", "value": 1, "init": "yes"}], 1),
        ([{"key": "a=b", "value": 1, "init": True}], 1),
        ([{"key": "a\u0000", "value": 1, "init": True}], 1),
    ],
)
def test_a_parameter_that_does_not_fit_is_numbered(
    user: User, parameters: list[Any], number: int
) -> None:
    body = {"exec": the_exec(), "parameters": parameters}

    for path in ("actions/a", "packages/a", "triggers/a"):
        refused(
            user.client.put(path, json=body),
            400,
            f"parameters malformed! (number {number})",
        )
    assert done(user.client.get("actions")) == []


@pytest.mark.parametrize(
    ("binding", "text"),
    [
        (5, "binding malformed"),
        ({"name": "x"}, "binding malformed"),
        ({"namespace": "_", "name": "a/b"}, "binding malformed"),
        ({"namespace": "a/b", "name": "c"}, "binding malformed"),
        ({"namespace": "_", "name": "a+b"}, NAMELESS),
    ],
)
def test_a_binding_names_a_namespace_and_a_package(
    user: User, binding: Any, text: str
) -> None:
    answer = user.client.put("packages/b", json={"binding": binding})

    assert refused(answer, 400, text).startswith(MALFORMED)


@pytest.mark.parametrize(
    ("component", "text"),
    [
        (5, "fully qualified name malformed"),
        ("alone", "must contain at least the namespace and the name"),
        ("/_/a/b/c", "must contain at least the namespace and the name"),
        ("/_/a+b", NAMELESS),
    ],
)
def test_a_component_is_a_full_name(user: User, component: Any, text: str) -> None:
    executable = {"kind": "sequence", "components": [component]}

    answer = user.client.put("actions/s", json={"exec": executable})

    assert refused(answer, 400, text).startswith(MALFORMED)


@pytest.mark.parametrize("delivery", ["sometimes", 5, True])
def test_a_promise_that_nobody_keeps_is_refused(user: User, delivery: Any) -> None:
    body = {
        "exec": the_exec(),
        "annotations": [{"key": "delivery", "value": delivery}],
    }

    refused(
        user.client.put("actions/a", json=body),
        400,
        "must be 'at-most-once' or 'at-least-once'.",
    )


@pytest.mark.parametrize("version", ["v1", "1.2.3.4", "01.2.3", "999999999999.0.0", ""])
def test_a_version_that_is_none_is_refused(user: User, version: str) -> None:
    for path in ("actions/a", "packages/a", "triggers/a"):
        body = {"exec": the_exec(), "version": version}
        refused(user.client.put(path, json=body), 400, "semantic version malformed")
    assert put(user, "packages/p", version="1.2")["version"] == "1.2.0"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("limit=1e3", "is not an integer"),
        ("limit=%D9%A3", "is not an integer"),
        ("limit=", "is not an integer"),
        ("skip=10001", "is greater than 10000"),
        ("count=maybe", "is not a valid Boolean value"),
    ],
)
def test_a_window_that_does_not_fit_is_refused(
    user: User, query: str, text: str
) -> None:
    for collection in ("actions", "packages", "activations"):
        refused(user.client.get(f"{collection}?{query}"), 400, text)


def test_of_a_repeated_parameter_the_first_counts(user: User) -> None:
    assert done(user.client.get("actions?limit=1&limit=201")) == []
