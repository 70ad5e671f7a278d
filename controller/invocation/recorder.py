"""Storing the records that a controller makes: behind, in batches, with patience.

Those who need a record stored wait for its future; nobody else does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from chasen.entities import Activation
from chasen.errors import ChasenError, Unavailable
from chasen.ports.stores import ActivationStore

log = logging.getLogger("controller.recorder")

BATCH_RECORDS = 256
BATCH_PAUSE_S = 0.01  # what comes in between is stored together
RETRY_S = 1.0

_Entry = tuple[Activation, asyncio.Future[None]]


class Recorder:
    """Run it as a task."""

    def __init__(self, store: ActivationStore) -> None:
        self._store = store
        self._waiting: list[_Entry] = []
        self._wake = asyncio.Event()

    def put(self, record: Activation) -> asyncio.Future[None]:
        """Answer what is done when the record is stored."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, stored))
        self._wake.set()
        return stored

    async def run(self) -> None:
        """Store what was put, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(BATCH_PAUSE_S)
            batch = self._waiting[:BATCH_RECORDS]
            del self._waiting[:BATCH_RECORDS]
            if not self._waiting:
                self._wake.clear()
            await self._store_all(batch)

    async def _store_all(self, batch: Sequence[_Entry]) -> None:
        while True:
            try:
                await self._store.store([record for record, _ in batch])
                break
            except Unavailable:
                await asyncio.sleep(RETRY_S)
            except ChasenError:
                if len(batch) == 1:
                    log.exception(
                        "a record is refused by the store",
                        extra={"activation": batch[0][0].activation_id},
                    )
                    break
                for entry in batch:  # the others must not suffer
                    await self._store_all([entry])
                return
        for _, stored in batch:
            if not stored.done():
                stored.set_result(None)
