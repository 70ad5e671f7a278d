"""Partitions in memory: numbers, offsets, ages, groups."""

from __future__ import annotations

from chasen.bus.log import Log, Topic
from chasen.ports.bus import Received


def a_topic(*offsets: int, retention_ms: int | None = None) -> tuple[Topic, Log]:
    topic = Topic("t")
    topic.make(1, retention_ms)
    (log,) = topic.logs
    for offset in offsets:
        add(topic, log, offset)
    return topic, log


def add(topic: Topic, log: Log, offset: int) -> None:
    topic.append(log, Received(0, offset, {}, b"12345"))
    topic.count += 1
    topic.size_bytes += 5


def test_an_offset_in_a_gap_means_the_next_message() -> None:
    _, log = a_topic(10, 11, 500)

    assert [log.number_of(offset) for offset in (0, 10, 12, 500, 501)] == [
        0,
        0,
        2,
        2,
        3,
    ]


def test_the_slowest_group_decides_what_is_forgotten() -> None:
    topic, log = a_topic(0, 1, 2)
    fast, slow = topic.group("fast"), topic.group("slow")

    topic.commit(fast, {0: 3})
    assert len(log.messages) == 3
    topic.commit(slow, {0: 2})

    assert [message.offset for message in log.messages] == [2]
    assert (topic.count, topic.size_bytes, log.dropped) == (1, 5, 2)


def test_a_commit_never_goes_back() -> None:
    topic, _ = a_topic(0, 1, 2)
    group = topic.group("g")

    assert topic.commit(group, {0: 2}) == {0: 2}
    assert topic.commit(group, {0: 1}) == {}
    assert group.committed == [2]


def test_messages_expire_within_a_tenth_of_the_retention() -> None:
    topic, log = a_topic(retention_ms=10_000)
    for second in range(12):
        assert topic.expire(log, float(second)) == 0 or second >= 11
        add(topic, log, second)

    assert topic.expire(log, 20.5) > 0
    assert log.messages[0].offset >= 9
    assert [message.offset for message in log.messages][-2:] == [10, 11]
