"""Which headers of a response are named in its record."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.entities.headers import NAMES_TOLD, dropped_headers


@pytest.mark.parametrize(
    ("result", "names"),
    [
        ({}, []),
        ({"headers": {"X-Mine": "1"}}, []),
        ({"headers": {"Date": "x", "X-Accel-Foo": "y"}}, ["date", "x-accel-foo"]),
        ({"error": {"headers": {"TE": 1}}}, ["te"]),
        ({"headers": ["date"]}, []),
        ({"a": {"headers": {"date": 1}}}, []),
        (["headers"], []),
    ],
)
def test_dropped_headers_are_named(result: object, names: list[str]) -> None:
    assert dropped_headers(orjson.dumps(result)) == names


def test_their_list_is_bounded() -> None:
    """It is part of every list of activations."""
    many = {f"x-accel-{n}" + "a" * 500: 1 for n in range(1000)}

    found = dropped_headers(orjson.dumps({"headers": many}))

    assert len(found) == NAMES_TOLD
    assert max(map(len, found)) == 64


@given(st.dictionaries(st.sampled_from(["headers", "error"]), st.text() | st.none()))
def test_no_result_is_a_fault(result: dict[str, str | None]) -> None:
    assert dropped_headers(orjson.dumps(result)) == []
    assert dropped_headers(None) == []
