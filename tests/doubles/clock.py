"""A clock that shows the loop's time, virtual or real, and counts ids."""

from __future__ import annotations

import asyncio
import itertools

from chasen.entities import ActivationId, compose_activation_id

EPOCH_MS = 1_700_000_000_000


class LoopClock:
    """Adapter of ``chasen.ports.clock.Clock``."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)

    def now_ms(self) -> int:
        return EPOCH_MS + int(self.monotonic_s() * 1000)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def fresh_id(self) -> ActivationId:
        number = next(self._ids).to_bytes(10, "big")
        return compose_activation_id(self.now_ms(), number)
