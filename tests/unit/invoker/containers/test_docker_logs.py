"""Frames and lines, without an engine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from invoker.containers.docker_logs import (
    LINE_BYTES_MAX,
    SENTINEL,
    LineAssembler,
    rfc3339_nano,
)

NOW = "2024-01-31T09:26:53.123456789Z"


def frame(stream: int, text: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


def assembled(data: bytes, *, buffer_bytes: int = 10_000) -> LineAssembler:
    assembler = LineAssembler(buffer_bytes)
    assembler.feed(data, now=NOW)
    return assembler


def test_the_time_has_nine_digits_and_thirty_columns() -> None:
    assert rfc3339_nano(1_706_693_213_000_000_007) == "2024-01-31T09:26:53.000000007Z"
    assert len(rfc3339_nano(0)) == 30


def test_a_line_over_several_frames_is_one_line() -> None:
    data = frame(1, b"one ") + frame(2, b"oh\n") + frame(1, b"line\n")
    lines, truncated = assembled(data).collect(1000)
    assert lines == [f"{NOW} stderr: oh", f"{NOW} stdout: one line"]
    assert not truncated


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=8),
    st.integers(1, 9),
)
def test_it_does_not_matter_how_the_bytes_arrive(
    prints: list[tuple[int, bytes]], size: int
) -> None:
    data = b"".join(frame(stream, text) for stream, text in prints)
    at_once = assembled(data)
    in_pieces = LineAssembler(10_000)

    for start in range(0, len(data), size):
        in_pieces.feed(data[start : start + size], now=NOW)

    assert in_pieces.ended == at_once.ended
    assert in_pieces.collect(10_000) == at_once.collect(10_000)


def test_it_has_ended_when_both_streams_end_with_the_sentinel() -> None:
    mark = SENTINEL.encode() + b"\n"
    assert not assembled(frame(1, b"a\n" + mark)).ended
    assert assembled(frame(1, b"a\n" + mark) + frame(2, mark)).ended
    assert not assembled(frame(1, mark) + frame(2, mark) + frame(1, b"more\n")).ended
    assert not assembled(frame(1, mark) + frame(2, mark) + frame(1, b"more")).ended


def test_sentinels_are_no_lines_wherever_they_stand() -> None:
    mark = SENTINEL.encode() + b"\n"
    data = frame(1, mark + b"between\n" + mark + b"glued" + mark)
    lines, _ = assembled(data).collect(1000)
    assert lines == [f"{NOW} stdout: between", f"{NOW} stdout: glued"]


def test_the_limit_counts_text_and_newlines_and_cuts_between_characters() -> None:
    data = frame(1, "abc\n€€€\nx\n".encode())
    assert assembled(data).collect(15) == (
        [f"{NOW} stdout: abc", f"{NOW} stdout: €€€"],
        True,
    )
    assert assembled(data).collect(12) == (
        [f"{NOW} stdout: abc", f"{NOW} stdout: €€"],
        True,
    )
    assert assembled(data).collect(16)[1] is False
    assert assembled(data).collect(0) == ([], True)


def test_what_was_cut_off_is_forgotten() -> None:
    assembler = assembled(frame(1, b"aaaa\nbbbb\n"))
    assembler.collect(3)
    assembler.feed(frame(1, b"c\n"), now=NOW)
    assert assembler.collect(100) == ([f"{NOW} stdout: c"], False)


def test_the_buffer_is_bounded_and_the_loss_is_told() -> None:
    assembler = assembled(frame(1, b"x" * 99 + b"\n") * 200, buffer_bytes=1000)
    assert assembler.full
    lines, truncated = assembler.collect(1_000_000)
    assert len(lines) == 10
    assert truncated
    assert not assembler.full


def test_a_line_without_end_comes_in_pieces() -> None:
    assembler = LineAssembler(10 * LINE_BYTES_MAX)
    for _ in range(40):
        assembler.feed(frame(1, b"z" * 65536), now=NOW)
    lines, _ = assembler.collect(100 * LINE_BYTES_MAX)
    assert len(lines) > 1
    assert sum(line.count("z") for line in lines) == 40 * 65536
