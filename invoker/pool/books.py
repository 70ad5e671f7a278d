"""What the pool knows in numbers: memory, orders, shares, and what a key is worth.

Pure: time is handed in.  What follows from the numbers is ``placement``'s.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from invoker.job import Key
from invoker.pool import placement
from invoker.pool.backlog import Backlog
from invoker.pool.placement import Claim


@dataclass(slots=True)
class Worth:
    """What is known of a key, for the ranking."""

    frequency: int = 0
    start_cost_ms: float = 100.0
    run_s: float = -1.0  # of warm runs; negative until one was seen


class Books:
    """Memory is booked from the order of a container until its removal is confirmed."""

    def __init__(self, total_mb: int) -> None:
        self.total_mb = total_mb
        self.booked_mb = 0
        self.ordered: Counter[Key] = Counter()
        self.used_mb: Counter[str] = Counter()
        self.served_s: dict[str, float] = {}
        self._used_by_key_mb: Counter[Key] = Counter()
        self._worth: dict[Key, Worth] = {}
        self._age = 0.0

    @property
    def free_mb(self) -> int:
        return self.total_mb - self.booked_mb

    def book(self, memory_mb: int) -> None:
        self.booked_mb += memory_mb

    def give_back(self, memory_mb: int, key: Key | None) -> None:
        """A container is gone."""
        self.booked_mb -= memory_mb
        assert self.booked_mb >= 0, "memory given back twice"
        if key is None:
            return
        uuid = key.namespace_uuid
        self.used_mb[uuid] -= memory_mb
        self._used_by_key_mb[key] -= memory_mb
        if self._used_by_key_mb[key] <= 0:
            del self._used_by_key_mb[key]
            self._worth.pop(key, None)
        if self.used_mb[uuid] <= 0:
            del self.used_mb[uuid]

    def take_over(self, memory_mb: int, key: Key, now_s: float) -> None:
        """A stem cell is the key's from now on."""
        self.used_mb[key.namespace_uuid] += memory_mb
        self._used_by_key_mb[key] += memory_mb
        self.served_s[key.namespace_uuid] = now_s

    def order_ended(self, key: Key) -> None:
        self.ordered[key] -= 1
        if self.ordered[key] <= 0:
            del self.ordered[key]

    def worth(self, key: Key) -> Worth | None:
        return self._worth.get(key)

    def learn(
        self, key: Key, *, run_s: float | None, start_cost_ms: float | None
    ) -> None:
        """A run ended; a warm one tells how long they take, a cold one its price."""
        worth = self._worth.get(key)
        if worth is None:
            worth = self._worth[key] = Worth()
        worth.frequency += 1
        if run_s is not None:
            worth.run_s = run_s if worth.run_s < 0 else (worth.run_s + run_s) / 2
        if start_cost_ms is not None:
            worth.start_cost_ms = start_cost_ms

    def priority(self, key: Key, memory_mb: int) -> float:
        worth = self._worth[key]
        return placement.benefit(
            self._age,
            frequency=worth.frequency,
            start_cost_ms=worth.start_cost_ms,
            memory_mb=memory_mb,
        )

    def evicted(self, priority: float) -> None:
        """What is kept from now on must be worth more than what had to go."""
        self._age = max(self._age, priority)

    def is_starving_others(
        self, own: Key, backlog: Backlog, *, leaving_mb: int, now_s: float
    ) -> bool:
        """Answer whether a container of this key, with work left, should go."""
        return any(
            not self.ordered[other]
            and leaving_mb < backlog.head(other).plan.spec.memory_mb
            and self._goes_before(other, own, backlog, now_s)
            for other in backlog.keys - {own}
        )

    def _goes_before(
        self, other: Key, own: Key, backlog: Backlog, now_s: float
    ) -> bool:
        def claim(key: Key, used_mb: int) -> Claim:
            need_mb = backlog.head(key).plan.spec.memory_mb
            return Claim(used_mb, need_mb, now_s - backlog.since_s(key))

        if other.namespace_uuid == own.namespace_uuid:
            used = self._used_by_key_mb
            return placement.is_overdue(
                claim(own, used[own]), claim(other, used[other])
            )
        return placement.must_yield(
            claim(own, self.used_mb[own.namespace_uuid]),
            claim(other, self.used_mb[other.namespace_uuid]),
        )
