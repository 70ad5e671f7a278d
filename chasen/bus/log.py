"""What the in-process bus keeps: topics, their partitions, their groups.

Nothing here waits, and nothing knows the disk.  Posting is memory.py, keeping
messages over a restart is spool.py.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from chasen.ports.bus import Received

TOPIC_LIMIT_MESSAGES = 10_000  # ten times what a burst leaves in the house
TOPIC_LIMIT_BYTES = 64 * 1024 * 1024
_STEPS = 10  # retention is kept to a tenth of itself


class Reader(Protocol):
    def wake(self) -> None: ...


class Log:
    """One partition: its messages in order of their offsets."""

    __slots__ = (
        "_marks",
        "ceiling",
        "dropped",
        "last_durable",
        "messages",
        "next_offset",
        "partition",
        "readers",
        "size_bytes",
    )

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.messages: list[Received] = []
        self.dropped = 0  # messages[i] is number dropped + i of all time
        self.next_offset = 0
        self.last_durable = -1
        self.ceiling = sys.maxsize  # at this offset the spool has to reserve more
        self.size_bytes = 0
        self.readers: list[Reader] = []
        self._marks: deque[tuple[float, int]] = deque()

    def number_of(self, offset: int) -> int:
        """Answer the number of the first kept message at or behind the offset."""
        return self.dropped + bisect_left(
            self.messages, offset, key=lambda message: message.offset
        )

    def drop_before(self, number: int) -> int:
        """Forget the messages below this number; answers how many they were."""
        count = number - self.dropped
        if count <= 0:
            return 0
        self.size_bytes -= sum(len(message.body) for message in self.messages[:count])
        del self.messages[:count]
        self.dropped = number
        return count

    def came_since(self, now_s: float, *, age_s: float) -> int:
        """Answer the number below which all messages are older than age_s.

        Call it before each message: it remembers when they come, in steps.
        """
        step_s = age_s / _STEPS
        marks = self._marks
        if not marks or now_s - marks[-1][0] >= step_s:
            marks.append((now_s, self.dropped + len(self.messages)))
        while len(marks) > 1 and marks[0][0] + step_s <= now_s - age_s:
            marks.popleft()
        return marks[0][1]


class Group:
    """Where a group stands, and who reads for it just now."""

    def __init__(self, name: str, partitions: int) -> None:
        self.name = name
        self.committed = [0] * partitions
        self.members: list[Member] = []
        self.is_shared = False

    def share_out(self) -> None:
        """Give each member its partitions: all of them, or every nth."""
        for place, member in enumerate(self.members):
            step = len(self.members) if self.is_shared else 1
            start = place if self.is_shared else 0
            member.take_over(range(start, len(self.committed), step))


class Member(Protocol):
    def take_over(self, partitions: range) -> None: ...


class Topic:
    """A topic is *made* by ensure_topic; a consumer may wait for that."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.logs: list[Log] = []
        self.groups: dict[str, Group] = {}
        self.retention_s: float | None = None
        self.count = 0  # messages kept or on their way into the spool
        self.size_bytes = 0
        self._turn = -1

    @property
    def is_made(self) -> bool:
        return bool(self.logs)

    def make(self, partitions: int, retention_ms: int | None) -> None:
        self.logs = [Log(partition) for partition in range(partitions)]
        self.retention_s = None if retention_ms is None else retention_ms / 1000
        for group in self.groups.values():
            group.committed = [0] * partitions
            group.share_out()

    def group(self, name: str) -> Group:
        """Answer the group, which begins at the oldest message if it is new."""
        found = self.groups.get(name)
        if found is None:
            found = self.groups[name] = Group(name, len(self.logs))
        return found

    def next_log(self) -> Log:
        """Answer the partitions in turn."""
        logs = self.logs
        if len(logs) == 1:
            return logs[0]
        self._turn = (self._turn + 1) % len(logs)
        return logs[self._turn]

    @property
    def is_full(self) -> bool:
        return (
            self.count >= TOPIC_LIMIT_MESSAGES or self.size_bytes >= TOPIC_LIMIT_BYTES
        )

    def append(self, log: Log, message: Received) -> None:
        """Show the message to the readers; it is counted already."""
        log.messages.append(message)
        log.size_bytes += len(message.body)
        for reader in log.readers:
            reader.wake()

    def commit(self, group: Group, positions: Mapping[int, int]) -> dict[int, int]:
        """Move the group forward; answers the positions that are new."""
        moved: dict[int, int] = {}
        for partition, offset in positions.items():
            if offset > group.committed[partition]:
                group.committed[partition] = moved[partition] = offset
        for partition in moved:
            log = self.logs[partition]
            self._drop_before(log, log.number_of(self.floor(partition)))
        return moved

    def floor(self, partition: int) -> int:
        """Answer the offset below which every group has settled everything."""
        return min(group.committed[partition] for group in self.groups.values())

    def expire(self, log: Log, now_s: float) -> int:
        """Drop what is older than the retention; answers how many messages."""
        if self.retention_s is None:
            return 0
        number = log.came_since(now_s, age_s=self.retention_s)
        return self._drop_before(log, number)

    def _drop_before(self, log: Log, number: int) -> int:
        before = log.size_bytes
        count = log.drop_before(number)
        self.count -= count
        self.size_bytes -= before - log.size_bytes
        return count
