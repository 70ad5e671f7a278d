"""How often and how many at once.  Pure: the time is an argument.

Minutes are those of the wall clock, as OpenWhisk's are; each controller gives its
share.  Source: RateThrottler.scala, ActivationThrottler.scala; Retry-After is ours.
"""

from __future__ import annotations

from chasen.errors import Throttled

MINUTE_MS = 60_000
CLUSTER_SLACK = 1.2  # several controllers may together give a little more


def share(limit: int, controllers: int) -> int:
    """Answer what one of so many controllers may give of a limit."""
    if controllers <= 1 or limit <= 0:
        return limit
    return max(1, int(limit * CLUSTER_SLACK) // controllers)


class RateWindow:
    """Counts each namespace's requests in this minute, refused ones included."""

    def __init__(self) -> None:
        self._minute = -1
        self._counts: dict[str, int] = {}

    def admit(self, namespace_uuid: str, limit: int, *, now_ms: int) -> None:
        """Raises Throttled when this request is one too many."""
        minute = now_ms // MINUTE_MS
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        count = self._counts.get(namespace_uuid, 0) + 1
        self._counts[namespace_uuid] = count
        if count > limit:
            left_ms = MINUTE_MS - now_ms % MINUTE_MS
            raise Throttled(
                "Too many requests in the last minute "
                f"(count: {count}, allowed: {limit}).",
                retry_after_s=-(-left_ms // 1000),
            )


def admit_concurrent(in_flight: int, limit: int) -> None:
    """Raises Throttled when as many as allowed are in flight already."""
    if in_flight >= limit:
        raise Throttled(
            "Too many concurrent requests in flight "
            f"(count: {in_flight}, allowed: {limit}).",
            retry_after_s=1,
        )
