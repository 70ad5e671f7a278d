"""The ping: each second, that this invoker is here and how it is.

Its own verdict, no test action, decides its health.  Source: InvokerReactive, ping.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from chasen.bus import topics
from chasen.messages import Ping
from chasen.ports.bus import MessageBus
from invoker.ports import ContainerFactory

log = logging.getLogger(__name__)

PING_EVERY_S = 1.0
SELF_TEST_EVERY_S = 10.0
SELF_TEST_LIMIT_S = 30.0
DISK_FREE_BYTES = 256 * 1024 * 1024
STOPPED = "stopped in good order"  # the last ping of a life that left nothing begun


class Pings:
    """Says hello; ``send`` may also be called in between."""

    def __init__(
        self,
        bus: MessageBus,
        factory: ContainerFactory,
        *,
        invoker_id: int,
        incarnation: str,
        memory_mb: int,
        state_dir: Path,
        fault: Callable[[], str | None],
    ) -> None:
        self._bus = bus
        self._factory = factory
        self._invoker_id = invoker_id
        self._incarnation = incarnation
        self._memory_mb = memory_mb
        self._state_dir = state_dir
        self._other_fault = fault
        self._verdict: str | None = None
        self.is_enabled = True

    @property
    def fault(self) -> str | None:
        """Answer what is wrong with this invoker, None if nothing."""
        return self._verdict or self._other_fault()

    def stopped(self) -> None:
        """Say that this life ends, and that what is in the topic has not begun."""
        self.is_enabled, self._verdict = False, STOPPED
        self.send()

    def send(self) -> None:
        ping = Ping(
            invoker=self._invoker_id,
            incarnation=self._incarnation,
            user_memory_mb=self._memory_mb,
            is_enabled=self.is_enabled,
            fault=self.fault,
        )
        self._bus.post(topics.HEALTH, ping.encode(), durable=False)

    async def run(self) -> None:
        """Ping until cancelled."""
        while True:
            self.send()
            await asyncio.sleep(PING_EVERY_S)

    async def run_self_tests(self) -> None:
        """Test until cancelled; a test that hangs is a fault, too."""
        while True:
            before, self._verdict = self._verdict, await self.tested()
            if self._verdict != before:
                if self._verdict is None:
                    log.info("self-test passed again")
                else:
                    log.warning("self-test failed", extra={"why": self._verdict})
                self.send()
            await asyncio.sleep(SELF_TEST_EVERY_S)

    async def tested(self) -> str | None:
        try:
            async with asyncio.timeout(SELF_TEST_LIMIT_S):
                verdict = await self._factory.self_test()
        except TimeoutError:
            return "The self-test of the containers does not end."
        except Exception as error:
            log.warning("self-test broke", exc_info=True)
            return f"The self-test of the containers broke: {error}"
        if verdict is None and self._disk_free() < DISK_FREE_BYTES:
            return f"Less than {DISK_FREE_BYTES // 2**20} MB of disk are free."
        return verdict

    def _disk_free(self) -> int:
        return shutil.disk_usage(self._state_dir).free
