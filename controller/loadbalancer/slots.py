"""Memory booked on each invoker by this controller.  Pure book-keeping.

Controllers do not tell each other what they use: each owns its share of every invoker.
A share is never below one minimal action.  Source: NestedSemaphore.scala and
ShardingContainerPoolBalancerState; unlike there, a change of the share keeps the books.
"""

from __future__ import annotations

from chasen.entities.limits import MEMORY_MB_MIN

OVERLOAD_FACTOR = 32  # queued work per slot; beyond it a call is refused, not queued


class Slots:
    """Who holds how much; ``free_mb`` goes below zero when work is queued."""

    def __init__(self, controllers: int = 1) -> None:
        self._controllers = max(1, controllers)
        self._share_mb: dict[int, int] = {}
        self._booked_mb: dict[int, int] = {}

    def set_capacity(self, invoker: int, user_memory_mb: int) -> None:
        share = max(user_memory_mb // self._controllers, MEMORY_MB_MIN)
        self._share_mb[invoker] = share
        self._booked_mb.setdefault(invoker, 0)

    def share_mb(self, invoker: int) -> int:
        return self._share_mb.get(invoker, 0)

    def free_mb(self, invoker: int) -> int:
        return self._share_mb.get(invoker, 0) - self._booked_mb.get(invoker, 0)

    def acquire(self, invoker: int, memory_mb: int) -> bool:
        """Book if there is room; answer whether it was booked."""
        if self.free_mb(invoker) < memory_mb:
            return False
        self._booked_mb[invoker] += memory_mb
        return True

    def force(self, invoker: int, memory_mb: int) -> bool:
        """Book beyond what there is, up to the bound; answer whether it was booked."""
        booked = self._booked_mb.get(invoker, 0) + memory_mb
        if booked > self.share_mb(invoker) * OVERLOAD_FACTOR:
            return False
        self._booked_mb[invoker] = booked
        return True

    def release(self, invoker: int, memory_mb: int) -> None:
        left = self._booked_mb.get(invoker, 0) - memory_mb
        assert left >= 0, f"released more than was booked on invoker {invoker}"
        self._booked_mb[invoker] = left
