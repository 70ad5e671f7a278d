"""How often and how many at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.errors import Throttled
from controller.entitlement.throttle import RateWindow, admit_concurrent, share


def test_the_text_is_openwhisks_and_the_wait_is_told() -> None:
    window = RateWindow()
    window.admit("u", 1, now_ms=59_000)

    with pytest.raises(Throttled) as refused:
        window.admit("u", 1, now_ms=59_000)

    assert str(refused.value) == (
        "Too many requests in the last minute (count: 2, allowed: 1)."
    )
    assert refused.value.retry_after_s == 1


def test_zero_refuses_everything() -> None:
    with pytest.raises(Throttled, match=r"count: 1, allowed: 0"):
        RateWindow().admit("u", 0, now_ms=0)
    with pytest.raises(Throttled, match=r"count: 0, allowed: 0"):
        admit_concurrent(0, 0)


def test_several_controllers_divide_a_limit() -> None:
    assert [share(60, 1), share(60, 2), share(1, 2), share(0, 2)] == [60, 36, 1, 0]


@given(
    limit=st.integers(0, 20),
    times=st.lists(st.integers(0, 300_000), max_size=200),
)
def test_no_minute_gives_more_than_the_limit(limit: int, times: list[int]) -> None:
    window = RateWindow()
    admitted: dict[int, int] = {}
    for now_ms in sorted(times):
        try:
            window.admit("u", limit, now_ms=now_ms)
        except Throttled:
            continue
        minute = now_ms // 60_000
        admitted[minute] = admitted.get(minute, 0) + 1

    assert all(count <= limit for count in admitted.values())
