"""Appendix A, "Throttles, admin tool", the caller's side: cases 287 to 291."""

from __future__ import annotations

import time

import httpx
import pytest
from fixtures.house import House, User
from fixtures.rest import ECHO, put, refused

MINUTE_S = 60
SEVERAL_CONTROLLERS = "distributed"


def counted(house: House, allowed: int) -> int:
    """How many one namespace may do: each controller gives its share, at least one."""
    return allowed if house.name != SEVERAL_CONTROLLERS else 2 * allowed


def in_one_minute(needs_s: float = 20) -> None:
    """Wait for a minute that has so much left: counters go by the clock's minutes."""
    left_s = MINUTE_S - time.time() % MINUTE_S
    if left_s < needs_s:
        time.sleep(left_s + 0.1)


def post(user: User, path: str) -> httpx.Response:
    return user.client.post(path, json={})


def until_refused(user: User, path: str, most: int) -> tuple[int, httpx.Response]:
    """Answer how many were accepted, and the first refusal."""
    for accepted in range(most + 1):
        answer = post(user, path)
        if answer.status_code == 429:
            return accepted, answer
        assert answer.status_code in (202, 204), answer.text
    raise AssertionError(f"{most + 1} were accepted")


def test_case_287_zero_blocks_all(house: House) -> None:
    user = house.user(invocationsPerMinute=0)
    in_one_minute()

    for path in ("actions/missing", "actions/p/missing"):
        answer = post(user, path)
        error = refused(answer, 429, "Too many requests in the last minute (count: ")
        assert error.endswith(", allowed: 0).")
        assert int(answer.headers["retry-after"]) <= MINUTE_S
    first = post(house.user(invocationsPerMinute=0), "actions/a")
    assert refused(first, 429) == (
        "Too many requests in the last minute (count: 1, allowed: 0)."
    )


def test_case_288_a_rate_of_one(house: House) -> None:
    user = house.user(invocationsPerMinute=1)
    user.put_action("a", ECHO)
    in_one_minute()

    accepted, answer = until_refused(user, "actions/a", counted(house, 1))

    assert 1 <= accepted <= counted(house, 1)
    assert refused(answer, 429) == (
        "Too many requests in the last minute (count: 2, allowed: 1)."
    )


def test_case_289_fires_have_a_rate_of_their_own(house: House) -> None:
    user = house.user(firesPerMinute=1, invocationsPerMinute=0)
    put(user, "triggers/t")
    in_one_minute()

    accepted, answer = until_refused(user, "triggers/t", counted(house, 1))

    assert 1 <= accepted <= counted(house, 1)
    assert refused(answer, 429) == (
        "Too many requests in the last minute (count: 2, allowed: 1)."
    )


def test_case_290_nothing_at_once(house: House) -> None:
    user = house.user(concurrentInvocations=0)
    user.put_action("a", ECHO)

    assert refused(post(user, "actions/a"), 429) == (
        "Too many concurrent requests in flight (count: 0, allowed: 0)."
    )


@pytest.mark.patient
def test_case_291_the_next_minute_is_a_new_one(house: House) -> None:
    user = house.user(invocationsPerMinute=1)
    user.put_action("a", ECHO)
    in_one_minute()
    until_refused(user, "actions/a", counted(house, 1))

    time.sleep(MINUTE_S - time.time() % MINUTE_S + 0.1)

    assert post(user, "actions/a").status_code == 202
