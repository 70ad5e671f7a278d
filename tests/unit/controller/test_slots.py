"""Memory booked on invokers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.loadbalancer.slots import OVERLOAD_FACTOR, Slots


def test_a_share_is_never_below_one_minimal_action() -> None:
    slots = Slots(controllers=4)

    slots.set_capacity(0, 256)

    assert slots.share_mb(0) == 128


def test_a_new_capacity_keeps_the_books() -> None:
    slots = Slots()
    slots.set_capacity(0, 512)
    assert slots.acquire(0, 256)

    slots.set_capacity(0, 1024)

    assert slots.free_mb(0) == 768


def test_overload_is_bounded() -> None:
    slots = Slots()
    slots.set_capacity(0, 128)

    booked = [slots.force(0, 128) for _ in range(OVERLOAD_FACTOR + 1)]

    assert booked == [True] * OVERLOAD_FACTOR + [False]


def test_releasing_more_than_booked_is_a_bug_of_ours() -> None:
    slots = Slots()
    slots.set_capacity(0, 512)

    with pytest.raises(AssertionError):
        slots.release(0, 1)


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([128, 256, 512])), max_size=60)
)
def test_booked_is_what_was_granted_and_not_returned(
    wishes: list[tuple[bool, int]],
) -> None:
    slots = Slots()
    slots.set_capacity(0, 1024)
    held: list[int] = []

    for wants, memory_mb in wishes:
        if wants and slots.acquire(0, memory_mb):
            held.append(memory_mb)
        elif not wants and held:
            slots.release(0, held.pop())
        assert slots.free_mb(0) == 1024 - sum(held) >= 0
