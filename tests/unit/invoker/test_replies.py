"""The reader of replies: however the bytes are cut, they mean the same."""

from __future__ import annotations

import itertools

from doubles.launchers import reply
from hypothesis import given
from hypothesis import strategies as st

from invoker.job import Reply
from invoker.replies import ReplyReader, Verdict

OURS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def read(chunks: list[bytes], limit: int = 100, log_limit: int | None = None):
    reader = ReplyReader(limit, log_limit)
    for chunk in chunks:
        verdict = reader.feed(chunk)
        if verdict is not Verdict.MORE:
            return verdict, reader.reply, reader.is_clean
    return Verdict.MORE, None, True


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({place % (len(data) + 1) for place in at} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(
    st.binary(max_size=300),
    st.binary(max_size=300),
    st.sampled_from([200, 404, 502]),
    st.lists(st.integers(0, 10**6), max_size=8),
    st.integers(1, 200),
)
def test_chunks_do_not_matter(
    result: bytes, logs: bytes, status: int, at: list[int], limit: int
) -> None:
    data = (
        OURS.replace(b"200 OK", b"%d Word" % status)
        + b"X-Chasen-Result: %d\r\nContent-Length: %d\r\n\r\n"
        % (len(result), len(result) + len(logs))
        + result
        + logs
    )

    verdict, answer, is_clean = read(cut(data, at), limit, log_limit=0)

    assert verdict is Verdict.DONE
    if len(result) <= limit:
        assert answer == Reply(status, result, len(result), logs)
        assert is_clean
    else:
        assert answer is not None
        assert answer.is_cut
        assert answer.body == result[:limit]
        assert not is_clean, "what was not read would be the next answer"


@given(st.binary(max_size=400), st.lists(st.integers(0, 10**6), max_size=4))
def test_no_bytes_make_it_fail(noise: bytes, at: list[int]) -> None:
    for head in (
        b"",
        b"HTTP/1.1 200 OK\r\n",
        OURS,
        OURS + b"Content-Length: 5\r\n\r\n",
    ):
        verdict, answer, _ = read(cut(head + noise, at), log_limit=10)
        assert (verdict is Verdict.DONE) == (answer is not None)


def test_headers_of_our_launchers_mean_nothing_from_strangers() -> None:
    data = reply(b"{}abc", "200 OK", "X-Chasen-Result: 2")

    _, answer, _ = read([data], log_limit=None)

    assert answer == Reply(200, b"{}abc", 5)


def test_a_result_cannot_be_longer_than_the_body() -> None:
    for promised in (b"6", b"-1", b"1e3", b"9" * 30):
        data = OURS + b"X-Chasen-Result: %b\r\nContent-Length: 5\r\n\r\n12345"
        assert read([data % promised], log_limit=9)[0] is Verdict.BROKEN


def test_a_reply_that_says_close_is_the_last() -> None:
    assert read([reply(b"{}", "200 OK", "Connection: close")])[2] is False
    assert read([b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"])[2] is False
    assert read([reply(b"{}") + b"H"])[2] is False
    assert read([reply(b"{}")])[2] is True


def test_interim_replies_are_skipped_but_not_for_ever() -> None:
    interim = b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n"

    assert read([interim * 4 + reply(b"{}")])[0] is Verdict.DONE
    assert read([interim * 5 + reply(b"{}")])[0] is Verdict.BROKEN
