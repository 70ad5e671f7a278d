"""The clock and the dice of the real world."""

from __future__ import annotations

import os
import time

from chasen.entities import ActivationId, compose_activation_id


class SystemClock:
    """Adapter of ``chasen.ports.clock.Clock``."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    def fresh_id(self) -> ActivationId:
        return compose_activation_id(self.now_ms(), os.urandom(10))
