"""Records in parts, and the days they belong to."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from contract.stores.examples import DAY_MS, an_activation
from hypothesis import given
from hypothesis import strategies as st

from chasen.entities import ActivationId, Parameters, compose_activation_id
from chasen.errors import CorruptDocument
from chasen.stores.records import (
    Parts,
    day_end_ms,
    day_of,
    join_record,
    one_per_id,
    split_record,
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.lists(st.text()),
)
def test_parts_make_the_same_record(value: object, logs: list[str]) -> None:
    record = an_activation(result=orjson.dumps(value), logs=tuple(logs))

    assert join_record(split_record(record)) == record


def test_the_head_holds_neither_result_nor_logs() -> None:
    record = an_activation(result=b'"secret result"', logs=("secret line",))

    parts = split_record(record)

    assert b"secret" not in parts.head
    assert join_record(Parts(parts.head, None, None)).logs == ()


def test_text_that_is_no_unicode_is_mended() -> None:
    record = an_activation(
        logs=("a\ud800b",), annotations=Parameters.of({"x": "\udfff"}), name="a"
    )

    kept = join_record(split_record(record))

    assert kept.logs == ("a?b",)
    assert kept.response == record.response


@pytest.mark.parametrize("head", [b"", b"{}", b"[]", b'{"response": 1}'])
def test_an_unreadable_head_is_corruption(head: bytes) -> None:
    with pytest.raises(CorruptDocument):
        join_record(Parts(head, None, None))


def test_of_a_batch_each_id_stays_once() -> None:
    real = an_activation()
    lost, other = replace(real, placeholder=True), an_activation()

    assert one_per_id([lost, real, other, lost]) == [real, other]
    assert one_per_id([real, replace(real, name="x")]) == [real]
    assert one_per_id([lost, replace(lost, name="x")]) == [lost]


@pytest.mark.parametrize(
    ("time_ms", "day"),
    [
        (0, "19700101"),
        (DAY_MS - 1, "19700101"),
        (DAY_MS, "19700102"),
        (1_709_164_800_000, "20240229"),
        (2**48 - 1, "99991231"),
    ],
)
def test_an_id_belongs_to_the_day_of_its_first_half(time_ms: int, day: str) -> None:
    assert day_of(compose_activation_id(time_ms, bytes(10))) == day


def test_a_day_ends_where_the_next_begins() -> None:
    assert day_end_ms("19700101") == DAY_MS


@pytest.mark.parametrize(
    "wrong", ["1970-01-01", "19701301", "x", "2024W011", "", "197001011"]
)
def test_other_names_are_no_days(wrong: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the library has several texts
        day_end_ms(wrong)


@given(st.text("0123456789abcdef", min_size=32, max_size=32))
def test_every_id_has_a_day(identifier: str) -> None:
    assert day_end_ms(day_of(ActivationId(identifier))) > 0
