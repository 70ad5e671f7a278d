"""Having a zygote that is ready: starting it, and another one when it has died."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from chasen.errors import ContainerError, ContainerStartError

from .channel import Channel, Event

log = logging.getLogger(__name__)

READY_LIMIT_S = 30


class Helper:
    """``prepare`` makes folders and answers the first order; it may block."""

    def __init__(
        self,
        prepare: Callable[[], Event],
        hear: Callable[[Event], None],
        ended: Callable[[], None],
    ) -> None:
        self._prepare = prepare
        self._pass_on = hear
        self._ended = ended
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()
        self._ready: asyncio.Future[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._channel.pid if self._channel else None

    async def be_there(self) -> None:
        """Raises ContainerStartError when no zygote gets ready."""
        async with self._opening:
            if self._channel is not None and self._channel.open:
                return
            await self.close()
            order = await asyncio.to_thread(self._prepare)
            self._channel = Channel(self._hear, self._hear_the_end)
            self._ready = asyncio.get_running_loop().create_future()
            self._channel.start()
            try:
                async with asyncio.timeout(READY_LIMIT_S):
                    await self.send({"do": "begin", **order})
                    await self._ready
            except (TimeoutError, ContainerError) as error:
                await self.close()
                raise ContainerStartError(
                    f"The helper process for sandboxes did not start: {error}"
                ) from error

    async def send(self, order: Event, handles: Sequence[int] = ()) -> None:
        """Raises ContainerStartError when there is no zygote."""
        try:
            if self._channel is None:
                raise ConnectionError("the helper process for sandboxes has ended")
            await self._channel.send(order, handles)
        except OSError as error:
            raise ContainerStartError(f"No sandbox: {error}.") from error

    def _hear(self, event: Event) -> None:
        if event["name"]:
            self._pass_on(event)
        elif self._ready is not None and not self._ready.done():
            if event["event"] == "ready":
                self._ready.set_result(None)
            else:
                self._ready.set_exception(ContainerStartError(event["why"]))

    def _hear_the_end(self) -> None:
        log.error("the helper process for sandboxes has ended")
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(ContainerStartError("it ended at once"))
        self._ended()

    async def close(self) -> None:
        """End the zygote, and all sandboxes with it."""
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close()
