"""Which offset may be committed when messages settle in any order.

Pure: knows no bus.  A position is the offset of the first message that is *not*
settled; everything below it is.  Offsets may have gaps (Kafka's control records).
"""

from __future__ import annotations

from heapq import heappop, heappush


class _Partition:
    __slots__ = ("end", "handed_out", "oldest", "open")

    def __init__(self, first: int) -> None:
        self.open: set[int] = set()
        self.oldest: list[int] = []  # a heap; what is settled leaves it late
        self.end = first
        self.handed_out = first

    def position(self) -> int:
        oldest = self.oldest
        while oldest and oldest[0] not in self.open:
            heappop(oldest)
        return oldest[0] if oldest else self.end


class OffsetTracker:
    """Remembers what was delivered and what is settled, per partition.

    A message that comes again (its commit was lost, or the partition went to another
    member and back) is unsettled again, unless its first delivery still is.
    """

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}
        self._unsettled = 0

    @property
    def unsettled(self) -> int:
        """How many messages are delivered and not settled."""
        return self._unsettled

    def delivered(self, partition: int, offset: int) -> None:
        state = self._partitions.get(partition)
        if state is None:
            state = self._partitions[partition] = _Partition(offset)
        if offset in state.open:
            return
        state.open.add(offset)
        heappush(state.oldest, offset)
        if offset >= state.end:
            state.end = offset + 1
        self._unsettled += 1

    def settled(self, partition: int, offset: int) -> None:
        """Twice is the same as once."""
        state = self._partitions.get(partition)
        if state is not None and offset in state.open:
            state.open.remove(offset)
            self._unsettled -= 1

    def take_positions(self) -> dict[int, int]:
        """Answer the positions that went forward since the last call."""
        positions: dict[int, int] = {}
        for partition, state in self._partitions.items():
            position = state.position()
            if position > state.handed_out:
                state.handed_out = positions[partition] = position
        return positions
