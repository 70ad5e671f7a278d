"""Positions to commit, for every order in which messages can settle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chasen.bus.offsets import OffsetTracker

deliveries = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 40)), unique=True, max_size=60
)


@given(deliveries=deliveries, data=st.data())
def test_a_position_is_the_lowest_unsettled_offset(
    deliveries: list[tuple[int, int]], data: st.DataObject
) -> None:
    """And never above it, whatever settles first: nothing can be lost."""
    tracker = OffsetTracker()
    for partition, offset in sorted(deliveries):
        tracker.delivered(partition, offset)
    unsettled = set(deliveries)
    committed = {
        partition: min(o for p, o in deliveries if p == partition)
        for partition in {partition for partition, _ in deliveries}
    }

    for message in data.draw(st.permutations(deliveries)):
        tracker.settled(*message)
        unsettled.discard(message)
        committed |= tracker.take_positions()

        assert tracker.unsettled == len(unsettled)
        for partition, position in committed.items():
            offsets = [o for p, o in deliveries if p == partition]
            left = [o for p, o in unsettled if p == partition]
            assert position == (min(left) if left else max(offsets) + 1)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["delivered", "settled"]), st.integers(0, 15)),
        max_size=80,
    )
)
def test_redelivery_never_commits_past_an_unsettled_message(
    steps: list[tuple[str, int]],
) -> None:
    """Offsets jump back when a partition leaves and returns."""
    tracker = OffsetTracker()
    unsettled: set[int] = set()
    seen: set[int] = set()
    highest = -1

    for word, offset in steps:
        if word == "delivered":
            tracker.delivered(0, offset)
            unsettled.add(offset)
            seen.add(offset)
        else:
            tracker.settled(0, offset)
            unsettled.discard(offset)
        for position in tracker.take_positions().values():
            assert position > highest, "a position went back"
            highest = position
            assert all(left >= position for left in unsettled)
            assert position - 1 in seen or position in unsettled


def test_nothing_to_commit_before_something_settles() -> None:
    tracker = OffsetTracker()
    tracker.delivered(0, 500)
    tracker.delivered(0, 501)

    assert tracker.take_positions() == {}
    tracker.settled(0, 501)
    assert tracker.take_positions() == {}
    tracker.settled(0, 500)
    assert tracker.take_positions() == {0: 502}
    assert tracker.take_positions() == {}


def test_gaps_between_offsets_are_stepped_over() -> None:
    """Kafka's control records and the spool's reserves have offsets too."""
    tracker = OffsetTracker()
    for offset in (3, 7, 1000):
        tracker.delivered(1, offset)

    tracker.settled(1, 3)

    assert tracker.take_positions() == {1: 7}


def test_settling_what_was_never_delivered_does_nothing() -> None:
    tracker = OffsetTracker()

    tracker.settled(0, 1)
    tracker.delivered(0, 5)
    tracker.settled(0, 6)

    assert tracker.unsettled == 1
    assert tracker.take_positions() == {}
