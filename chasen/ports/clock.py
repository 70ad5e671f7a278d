"""The clock port: time and chance are asked for, never taken."""

from __future__ import annotations

from typing import Protocol

from chasen.entities import ActivationId


class Clock(Protocol):
    """Wall time for records, monotonic time for durations, and fresh ids."""

    def now_ms(self) -> int:
        """Answer the epoch in milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Answer seconds from an arbitrary start that never jump."""
        ...

    def fresh_id(self) -> ActivationId:
        """Answer a new activation id: 48 bits of time, 80 of chance."""
        ...
