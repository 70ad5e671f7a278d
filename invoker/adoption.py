"""When another invoker stays away, somebody settles what lies in its topic.

The healthy one with the lowest number reads it in the owner's group.  If the owner
stopped in good order nothing in there has begun, and it goes to our own topic.  Else
what may not run twice gets a placeholder, because without the owner's journal nobody
knows whether it ran; what may, runs here.  All of it ends when the owner's ping
returns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chasen.bus import topics
from chasen.bus.feed import Delivery, MessageFeed
from chasen.messages import FORWARDED, ActivationMessage, Ping, UndecodableMessage
from chasen.messages import Delivery as DeliveryClass
from chasen.ports.bus import MessageBus
from chasen.ports.clock import Clock
from invoker.ping import STOPPED
from invoker.settlement import Settlement

log = logging.getLogger(__name__)

LEASE_S = 10.0
LOOK_EVERY_S = 1.0
CAPACITY = 128
HEALTH_CAPACITY = 128


@dataclass(frozen=True, slots=True)
class Seen:
    """The last ping of an invoker, on our clock."""

    at_s: float
    is_well: bool
    stopped: bool = False


def orphans_of(own: int, seen: Mapping[int, Seen], now_s: float) -> frozenset[int]:
    """Answer whose topics this invoker should adopt now.  Pure.

    ``seen`` holds our own pings, too; who is not well adopts nothing.
    """
    alive = {
        number
        for number, ping in seen.items()
        if now_s - ping.at_s <= LEASE_S and ping.is_well
    }
    if own not in alive or own != min(alive):
        return frozenset()
    silent = (number for number, ping in seen.items() if now_s - ping.at_s > LEASE_S)
    return frozenset(silent) - {own}


class Adoption:
    """Watches the pings, and reads the topics of those who are away."""

    def __init__(
        self,
        bus: MessageBus,
        settlement: Settlement,
        take: Callable[[Delivery], None],
        clock: Clock,
        *,
        invoker_id: int,
    ) -> None:
        self._bus = bus
        self._settlement = settlement
        self._take = take
        self._clock = clock
        self._own = invoker_id
        self._seen: dict[int, Seen] = {}
        self._adopted: dict[int, asyncio.Task[None]] = {}

    @property
    def adopted(self) -> frozenset[int]:
        return frozenset(self._adopted)

    async def run(self) -> None:
        """Watch until cancelled."""
        group = f"{topics.HEALTH}-invoker{self._own}"
        feed = MessageFeed(
            self._bus, topics.HEALTH, group, self._pinged, capacity=HEALTH_CAPACITY
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed.run(), name="feed:health")
            while True:
                self._look(tasks)
                await asyncio.sleep(LOOK_EVERY_S)

    def _pinged(self, delivery: Delivery) -> None:
        delivery.settle()
        try:
            ping = Ping.decode(delivery.received.body)
        except UndecodableMessage:
            return
        if not isinstance(ping.invoker, int):
            return
        is_well = ping.is_enabled and ping.fault is None
        stopped = ping.fault == STOPPED
        self._seen[ping.invoker] = Seen(self._clock.monotonic_s(), is_well, stopped)
        reading = self._adopted.pop(ping.invoker, None)
        if reading is not None:
            log.info("owner is back", extra={"invoker": ping.invoker})
            reading.cancel()

    def _look(self, tasks: asyncio.TaskGroup) -> None:
        orphans = orphans_of(self._own, self._seen, self._clock.monotonic_s())
        for number in self._adopted.keys() - orphans:
            self._adopted.pop(number).cancel()
        for number in orphans - self._adopted.keys():
            log.warning("adopting the topic of", extra={"invoker": number})
            name = f"adopt:{number}"
            self._adopted[number] = tasks.create_task(self._read(number), name=name)

    async def _read(self, number: int) -> None:
        topic = topics.invoker(number)
        handle = self._forward if self._seen[number].stopped else self._settle
        feed = MessageFeed(self._bus, topic, topic, handle, capacity=CAPACITY)
        await feed.run()

    def _forward(self, delivery: Delivery) -> None:
        """Into our own topic, and only then out of the other one."""
        received = delivery.received
        headers = {**received.headers, FORWARDED: b"1"}
        topic = topics.invoker(self._own)
        sent = self._bus.post(topic, received.body, headers=headers, durable=True)

        def done(posted: asyncio.Future[None]) -> None:
            if not posted.cancelled() and posted.exception() is None:
                delivery.settle()

        sent.add_done_callback(done)

    def _settle(self, delivery: Delivery) -> None:
        try:
            message = ActivationMessage.decode(delivery.received.body)
        except UndecodableMessage:
            self._take(delivery)  # which knows what to do with it
            return
        if message.delivery == DeliveryClass.AT_LEAST_ONCE:
            self._take(delivery)
        elif self._settlement.take(message.activation_id, delivery.settle):
            self._settlement.lose(message)
