"""Choosing an invoker, without any."""

from hypothesis import given
from hypothesis import strategies as st

from controller.loadbalancer import sharding


def test_the_hash_is_javas() -> None:
    """Homes must be those that OpenWhisk would choose."""
    assert sharding.java_hash("") == 0
    assert sharding.java_hash("hello") == 99162322
    assert sharding.java_hash("polygenelubricants") == -2147483648
    assert sharding.java_hash("\U0001f600") == 0xD83D * 31 + 0xDE00


def test_the_smallest_integer_has_a_home_too() -> None:
    """Java's abs leaves -2^31 negative."""
    assert sharding.home_hash("polygenelubricants", "") == 2147483648


def test_the_steps_are_those_of_the_reference() -> None:
    steps = {
        count: list(sharding.coprime_steps(count)) for count in (0, 3, 4, 5, 9, 10)
    }

    assert steps == {
        0: [],
        3: [1, 2],
        4: [1, 3],
        5: [1, 2, 3],
        9: [1, 2, 5, 7],
        10: [1, 3, 7],
    }


@given(hashed=st.integers(0, 2**31), count=st.integers(1, 60))
def test_every_invoker_is_tried_once(hashed: int, count: int) -> None:
    order = sharding.search_order(hashed, range(count))

    assert sorted(order) == list(range(count))
    assert order[0] == hashed % count


def test_no_invoker_is_no_order() -> None:
    assert sharding.search_order(7, []) == []


def test_the_first_usable_with_room_is_taken() -> None:
    asked: list[int] = []

    def acquire(invoker: int) -> bool:
        asked.append(invoker)
        return invoker == 2

    found = sharding.first_with_room(
        [3, 0, 2, 1], is_usable=lambda invoker: invoker != 3, acquire=acquire
    )

    assert found == 2
    assert asked == [0, 2], "an unusable one is not even asked"


def test_pools_overlap_when_there_are_few() -> None:
    assert sharding.managed([0]) == sharding.blackbox([0]) == [0]
    assert sharding.managed(range(10)) == range(9)
    assert sharding.blackbox(range(10)) == range(9, 10)
    assert sharding.blackbox(range(20)) == range(18, 20)
