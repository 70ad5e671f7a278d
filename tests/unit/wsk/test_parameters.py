"""From words to JSON: the table of the contract, and what is refused."""

import os
from pathlib import Path

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.recorded import RecordedServer

from wsk import jsontext
from wsk.parameters import value_of


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("1", "1"), ("1.50", "1.50"), ("1e3", "1e3"), ("-0", "-0"),
        ("12345678901234567890", "12345678901234567890"),
        ("007", '"007"'), ("NaN", '"NaN"'), ("true", "true"), ("null", "null"),
        ("[1, 2]", "[1,2]"), (' {"a":1} ', '{"a":1}'), ('"q"', '"q"'), ("", '""'),
        ("plain", '"plain"'), ("@file.json", '"@file.json"'),
        (r"line one\nline two", r'"line one\nline two"'),
        ("raw\nnewline", r'"raw\nnewline"'), ("tab\there", r'"tab\there"'),
        (r"c:\path", r'"c:\\path"'), ("grüße", '"grüße"'), ("<&>", '"<&>"'),
        ("{a:1}", '"{a:1}"'),
    ],
)  # fmt: skip
def test_a_word_becomes_json(text: str, sent: str) -> None:
    assert jsontext.compact(value_of(text)) == sent


@pytest.mark.parametrize(
    "text",
    ['say "hi"', '{"invalid1": }', 'invalid "string"', '{"a": "k"', 'x", "b": "y'],
)
def test_a_quotation_mark_that_is_no_json_is_refused(text: str) -> None:
    """Also where the original would let a value add a second parameter."""
    with pytest.raises(ValueError, match="neither JSON nor plain text"):
        value_of(text)


def test_values_reach_the_server_with_their_digits(
    guest: Wsk, server: RecordedServer
) -> None:
    """Case 46: no number goes through a binary float."""
    server.answer(
        "POST", "actions/echo", 200, raw=b'{"f":12345678901234567890,"g":1.0}'
    )

    ran = guest("action", "invoke", "echo", "-r", "-p", "f", "12345678901234567890")

    assert server.requests[0].body == b'{"f":12345678901234567890}\n'
    assert ran.out == '{\n    "f": 12345678901234567890,\n    "g": 1.0\n}\n'


@pytest.mark.parametrize(
    ("words", "n"),
    [(["-P", "p.json", "-p", "n", "2"], 2), (["-p", "n", "2", "-P", "p.json"], 1)],
)
def test_files_and_pairs_merge_from_left_to_right(
    guest: Wsk, server: RecordedServer, words: list[str], n: int
) -> None:
    """Case 48."""
    server.answer("POST", "actions/echo", 200, {})

    guest("action", "invoke", "echo", "-r", *words)

    assert server.requests[0].json == {"fp": "file", "n": n}


def test_an_unescaped_quotation_mark_exits_1_and_set_string_takes_it(
    guest: Wsk, server: RecordedServer
) -> None:
    """Case 47."""
    server.answer("POST", "actions/echo", 200, {})

    refused = guest("action", "invoke", "echo", "-p", "q", 'say "hi"')
    taken = guest("action", "invoke", "echo", "-r", "--set-string", 'q=say "hi"')

    assert refused.code == 1
    assert "Invalid parameter argument 'say \"hi\"'" in refused.err
    assert taken.code == 0
    assert server.requests[0].json == {"q": 'say "hi"'}


def test_set_reads_files_and_json(guest: Wsk, server: RecordedServer) -> None:
    server.answer("POST", "actions/echo", 200, {})
    Path("bytes.bin").write_bytes(b"\xff\x00")

    guest(
        "action", "invoke", "echo", "-r", "--set", "a=[1]", "--set", "b=@p.json",
        "--set-file", "c=bytes.bin",
    )  # fmt: skip

    assert server.requests[0].json == {
        "a": [1], "b": {"fp": "file", "n": 1}, "c": "/wA=",
    }  # fmt: skip


def test_data_sends_an_array(guest: Wsk, server: RecordedServer) -> None:
    server.answer("POST", "actions/echo", 200, [1])

    ran = guest("action", "invoke", "echo", "-r", "--data", "[1,2]")

    assert server.requests[0].json == [1, 2]
    assert ran.out == "[\n    1\n]\n"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.mkdir(), "is not a valid file"),
        (lambda path: os.mkfifo(path), "is not a valid file"),
        (lambda path: path.write_text("{"), "Invalid parameter argument"),
        (lambda path: path.write_bytes(b"\xff{}"), "Invalid parameter argument"),
        (lambda path: os.truncate(path, 2 << 30) if path.touch() is None else 0,
         "larger than 48 MiB"),
    ],
    ids=["folder", "FIFO", "broken", "not UTF-8", "2 GiB"],
)  # fmt: skip
def test_a_file_that_will_not_do_is_named(guest: Wsk, make, reason: str) -> None:
    """B086: one line with the path, size looked at before reading."""
    path = Path("odd")
    make(path)

    ran = guest("action", "invoke", "echo", "-P", "odd")

    assert ran.code in (1, 2)
    assert "odd" in ran.err
    assert reason in ran.err
    assert "Traceback" not in ran.err
