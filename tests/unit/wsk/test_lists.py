"""Rows of lists, and entities as text."""

import re
from typing import Any

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.recorded import RecordedServer

from wsk import jsontext
from wsk.activation_list import duration_text, shortened

ID = "0123456789abcdef0123456789abcdef"


def row(**fields: Any) -> dict[str, Any]:
    found = {
        "namespace": "guest", "name": "hello", "version": "0.0.1", "activationId": ID,
        "start": 1700000000000, "end": 1700000000046, "duration": 46, "statusCode": 0,
        "annotations": [{"key": "kind", "value": "nodejs:20"}],
    }  # fmt: skip
    return found | fields


def test_the_table_of_activations(guest: Wsk, server: RecordedServer) -> None:
    """Case 59: widths follow the longest kind and status."""
    cold = [{"key": "kind", "value": "nodejs:20"}, {"key": "initTime", "value": 9}]
    sequence = [{"key": "kind", "value": "sequence"}]
    rows = [
        row(annotations=cold),
        row(annotations=sequence, statusCode=1, duration=0, version="0.0.12"),
    ]
    server.answer("GET", "activations", 200, rows)

    ran = guest("activation", "list")

    lines = [
        re.sub(r"^2023-11-1\d \d\d:\d\d:\d\d", "WHEN", x) for x in ran.out.split("\n")
    ]
    assert lines == [
        "Datetime            Activation ID                    Kind      Start "
        "Duration   Status            Entity",
        f"WHEN {ID} nodejs:20 cold  46ms       success           guest/hello:0.0.1",
        f"WHEN {ID} sequence  warm  0s         application error guest/hello:0.0.12",
        "",
    ]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"), (46, "46ms"), (999, "999ms"), (1234, "1.234s"), (3460, "3.46s"),
        (61_234, "1m1.234s"), (3_661_001, "1h1m1.001s"), (60_000, "1m0s"),
    ],
)  # fmt: skip
def test_durations_are_written_as_go_does(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text


def test_long_names_lose_their_middle() -> None:
    assert shortened("a" * 30, 30) == "a" * 30
    assert shortened("a" * 20 + "b" * 20, 30) == "a" * 15 + "..." + "b" * 12
    assert shortened("a" * 20 + "b" * 20, 20) == "a" * 10 + "..." + "b" * 7


def test_rows_are_never_cut_and_sorted_by_name(
    guest: Wsk, server: RecordedServer
) -> None:
    """Cases 57 and 58: default-package actions first."""
    long = "n" * 75
    rows = [
        {"namespace": "guest/pkg", "name": "a", "annotations": []},
        {"namespace": "guest", "name": "z",
         "annotations": [{"key": "exec", "value": "python:3.11"}]},
        {"namespace": "guest", "name": long, "annotations": []},
    ]  # fmt: skip
    server.answer("GET", "actions", 200, rows)

    lines = guest("action", "list", "-n").out.splitlines()

    assert lines == [
        "actions", f"/guest/{long} private ", f"{'/guest/z':<70} private python:3.11",
        f"{'/guest/pkg/a':<70} private ",
    ]  # fmt: skip


def test_all_pages_are_fetched(guest: Wsk, server: RecordedServer) -> None:
    page = [{"namespace": "guest", "name": f"a{n}"} for n in range(200)]
    server.answer("GET", "actions", 200, page)
    server.answer("GET", "actions", 200, page[:5])

    lines = guest("action", "list", "--all", "-o", "name").out.splitlines()

    assert len(lines) == 205
    assert server.lines == [
        "GET actions?limit=200&skip=0", "GET actions?limit=200&skip=200",
    ]  # fmt: skip


def test_a_record_shows_the_real_status_code(
    guest: Wsk, server: RecordedServer
) -> None:
    """Case 61; the original always prints 0 inside."""
    record = {
        "namespace": "guest", "name": "hello", "version": "0.0.1", "subject": "guest",
        "activationId": ID, "start": 1, "end": 2, "duration": 1, "publish": False,
        "response": {"status": "application error", "success": False, "size": 9,
                     "result": {"error": "b", "a": 1.50}},
    }  # fmt: skip
    server.answer("GET", "activations", 200, [row()])
    server.answer("GET", f"activations/{ID}", 200, record)

    ran = guest("activation", "get", "--last")

    assert ran.out.startswith(f'ok: got activation {ID}\n{{\n    "namespace": "guest",')
    shown = jsontext.loads(ran.out.split("\n", 1)[1])
    assert list(shown) == [
        "namespace", "name", "version", "subject", "activationId", "start", "end",
        "duration", "statusCode", "response", "logs", "annotations", "publish",
    ]  # fmt: skip
    assert shown["statusCode"] == "1"
    assert list(shown["response"]) == ["status", "statusCode", "success", "result"]
    assert shown["logs"] is None


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (["-f"], "docs=true&limit=30&skip=0"),
        (["/guest/pkg/a b"], "limit=30&name=pkg%2Fa+b&skip=0"),
        (["hello", "--since", "1", "--upto", "2", "-s", "3", "-l", "4"],
         "limit=4&name=hello&since=1&skip=3&upto=2"),
        (["--since", "1970-01-01T00:00:01Z"], "limit=30&since=1000&skip=0"),
    ],
)  # fmt: skip
def test_the_query_of_activation_lists(
    guest: Wsk, server: RecordedServer, words: list[str], query: str
) -> None:
    server.answer("GET", "activations", 200, [])

    guest("activation", "list", *words)

    assert server.lines == [f"GET activations?{query}"]


def test_routes_are_listed_sorted(guest: Wsk, server: RecordedServer) -> None:
    """Case 76: widths follow the longest, verbs are as stored."""
    target = {"namespace": "guest", "package": "", "action": "w"}
    operation = {"operationId": "x", "x-openwhisk": target}
    document = {
        "basePath": "/club", "info": {"title": "club"},
        "paths": {
            "/b": {"post": operation, "get": operation}, "/a": {"get": operation},
        },
    }  # fmt: skip
    value = {"namespace": "guest", "gwApiUrl": "http://gw/club", "apidoc": document}
    path = "/api/v1/web/whisk.system/apimgmt/getApi.http"
    server.answer("GET", path, 200, {"apis": [{"value": value}]})

    ran = guest("api", "list", "/club")

    assert ran.out.splitlines() == [
        "ok: APIs",
        "Action      Verb  API Name  URL",
        "/guest/w     get      club  http://gw/club/a",
        "/guest/w     get      club  http://gw/club/b",
        "/guest/w    post      club  http://gw/club/b",
    ]


def test_output_formats(guest: Wsk, server: RecordedServer) -> None:
    rows = [{"namespace": "guest", "name": "t", "version": "0.0.1", "note": "yes"}]
    server.answer("GET", "triggers", 200, rows)

    assert jsontext.loads(guest("trigger", "list", "-o", "json").out) == rows
    assert guest("trigger", "list", "-o", "name").out == "/guest/t\n"
    assert guest("trigger", "list", "-o", "yaml").out == (
        '- name: t\n  namespace: guest\n  note: "yes"\n  version: "0.0.1"\n'
    )
    assert "0.0.1" in guest("trigger", "list", "-o", "wide").out
    assert guest("trigger", "list", "-o", "xml").code == 1


def test_json_text_is_exact() -> None:
    value = jsontext.loads('{"b":[],"a":{"é":1E5,"u":"\\u2028<\\u0001"},"0":{}}')

    assert jsontext.pretty(value) == (
        '{\n    "0": {},\n    "a": {\n        "u": "\\u2028<\\u0001",\n'
        '        "é": 1E5\n    },\n    "b": []\n}'
    )
    with pytest.raises(ValueError, match="nested too deeply"):
        jsontext.loads("[" * 100_000)
    with pytest.raises(ValueError, match="NaN"):
        jsontext.loads("[NaN]")
