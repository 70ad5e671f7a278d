"""The outer grammar: two-token flags first, then a table."""

import pytest

from wsk.arguments import parse, take_pairs
from wsk.errors import WskError


def test_a_pair_takes_two_tokens_also_when_they_look_like_flags() -> None:
    """`-p a -b` sets a to "-b"; scripts rely on it."""
    rest, pairs = take_pairs(["action", "invoke", "x", "-p", "a", "-b", "--blocking"])

    assert rest == ["action", "invoke", "x", "--blocking"]
    assert pairs == [("p", "a", "-b")]


def test_pairs_are_taken_after_a_double_dash_too() -> None:
    rest, pairs = take_pairs(["x", "--", "-p", "a", "1"])

    assert rest == ["x", "--"]
    assert pairs == [("p", "a", "1")]


def test_the_equals_form_of_a_pair_is_not_one() -> None:
    """The original does not know `--param=a 1` either."""
    with pytest.raises(WskError) as caught:
        parse(["action", "invoke", "x", "--param=a", "1"])

    assert "unknown flag: --param" in caught.value.message


@pytest.mark.parametrize(
    "words",
    [
        ["-i", "action", "list", "--limit", "5"],
        ["action", "-i", "list", "--limit=5"],
        ["action", "list", "-i", "-l", "5"],
        ["action", "list", "-il5"],
        ["action", "-l", "5", "list", "-i"],
        ["action", "list", "-l=5", "-i"],
    ],
)
def test_flags_stand_anywhere(words: list[str]) -> None:
    call = parse(words)

    assert call.path == ["action", "list"]
    assert call.number("limit") == 5
    assert call.on("insecure")


def test_values_of_flags_before_a_command_are_no_commands() -> None:
    call = parse(["--apihost", "action", "rule", "list"])

    assert call.path == ["rule", "list"]
    assert call.text("apihost") == "action"


def test_a_letter_means_what_the_command_says() -> None:
    assert parse(["activation", "get", "-l"]).on("last")
    assert parse(["activation", "list", "-l", "3"]).number("limit") == 3
    assert parse(["action", "create", "-l", "3"]).flags["logsize"] == 3
    assert parse(["package", "bind", "-o"]).on("overwrite")
    assert parse(["action", "list", "-o", "json"]).text("output") == "json"


def test_booleans_are_grouped_and_may_be_given_a_value() -> None:
    call = parse(["action", "invoke", "x", "-br"])
    assert call.on("blocking")
    assert call.on("result")

    assert not parse(["action", "invoke", "x", "--blocking=false"]).on("blocking")


def test_what_follows_a_double_dash_is_an_operand() -> None:
    assert parse(["action", "get", "--", "-x"]).operands == ["-x"]


@pytest.mark.parametrize(
    "words", [["help", "action"], ["action", "help"], ["action", "-h"], ["action"]]
)
def test_help_of_a_group_has_many_ways(words: list[str]) -> None:
    call = parse(words)

    assert call.path == ["action"]
    assert call.wants_help or words == ["action"]


def test_limits_are_sent_as_typed_also_zero_and_negative() -> None:
    """The server knows the range; -t 0 is its to refuse."""
    flags = parse(["action", "create", "x", "-t", "0", "-m", "-1"]).flags

    assert flags["timeout"] == 0
    assert flags["memory"] == -1
