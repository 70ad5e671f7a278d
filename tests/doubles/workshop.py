"""A whole invoker on memory stores and a memory bus, and somebody who calls it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chasen.bus import topics
from chasen.bus.feed import Delivery, MessageFeed
from chasen.bus.open import open_bus
from chasen.clock import SystemClock
from chasen.entities import (
    Action,
    Activation,
    ActivationId,
    CodeExec,
    FullyQualifiedEntityName,
    Parameters,
    RuntimesManifest,
    decode_activation,
)
from chasen.errors import NoDocument
from chasen.messages import Ack, AckKind, ActivationMessage, Stored, decode_completed
from chasen.ports.bus import MessageBus
from chasen.ports.stores import Stores
from chasen.seal import Seal
from chasen.settings import Settings
from chasen.stores.open import open_stores
from invoker.app import Invoker
from invoker.ports import ContainerFactory

KIND = "python:3.11"
CODE = "def main(args): return args"
MANIFEST = RuntimesManifest.from_json(
    {"runtimes": {"python": [{"kind": KIND, "image": {"name": "python"}}]}}
)


@dataclass
class Workshop:
    """An invoker at work, seen from the controller's side of the bus."""

    invoker: Invoker
    stores: Stores
    bus: MessageBus
    clock: SystemClock = field(default_factory=SystemClock)
    acks: dict[ActivationId, list[Ack]] = field(default_factory=dict)
    stored: list[ActivationId] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, delivery: Delivery) -> None:
        delivery.settle()
        message = decode_completed(delivery.received.body)
        if isinstance(message, Stored):
            self.stored.extend(message.ids)
        else:
            self.acks.setdefault(message.activation_id, []).append(message)
        self._news.set()

    async def action(self, name: str = "guest/hello", **changes: Any) -> Action:
        """Store an action and answer it with its revision."""
        digest = await self.stores.code.put(CODE)
        values = {
            "fqn": FullyQualifiedEntityName.parse(name),
            "exec": CodeExec(KIND, digest, len(CODE), binary=False),
            "annotations": Parameters.of({"provide-api-key": False}),
        }
        return await self.stores.entities.put(Action(**(values | changes)))

    def send(
        self, action: Action, body: bytes = b"{}", *, to: int = 0, **changes: Any
    ) -> ActivationId:
        """Post a message; answer its id."""
        now_ms = self.clock.now_ms()
        values = {
            "activation_id": self.clock.fresh_id(),
            "transid": "t1",
            "action": str(action.fqn),
            "version": str(action.version),
            "revision": action.revision or "",
            "namespace": "guest",
            "namespace_uuid": "uuid-guest",
            "subject": "guest",
            "controller": "0",
            "blocking": True,
            "accepted_ms": now_ms,
            "start_before_ms": now_ms + 60_000,
            "body": body,
        }
        message = ActivationMessage(**(values | changes))
        self.bus.post(topics.invoker(to), message.encode(), headers=message.headers())
        return message.activation_id

    async def ended(self, identifier: ActivationId, limit_s: float = 20) -> list[Ack]:
        """Answer the acks of this activation, when its slot is free."""
        async with asyncio.timeout(limit_s):
            while not any(
                ack.kind != AckKind.RESULT for ack in self.acks.get(identifier, ())
            ):
                self._news.clear()
                await self._news.wait()
        return self.acks[identifier]

    async def record(self, identifier: ActivationId, limit_s: float = 20) -> Activation:
        """Answer the record, as soon as it is stored."""
        async with asyncio.timeout(limit_s):
            while True:
                try:
                    return await self.stores.activations.get("guest", identifier)
                except NoDocument:
                    await asyncio.sleep(0.01)

    async def invoke(
        self, action: Action, body: bytes = b"{}", **changes: Any
    ) -> Activation:
        """Call and wait, as a controller does: what is too big for an ack is read."""
        identifier = self.send(action, body, **changes)
        for ack in await self.ended(identifier):
            if ack.body:
                return decode_activation(ack.body)
        return await self.record(identifier)


def settings_in(folder: Path, **values: Any) -> Settings:
    settings = Settings.from_environment({"CHASEN_STATE_DIR": str(folder)})
    return settings.with_values(**values)


@asynccontextmanager
async def workshop_of(
    settings: Settings,
    containers: ContainerFactory,
    *,
    store: str = "memory:",
    bus: str = "memory:",
    manifest: RuntimesManifest = MANIFEST,
    seal: Seal | None = None,
) -> AsyncIterator[Workshop]:
    """Run an invoker for the length of the block; it must then stop in good order."""
    async with open_stores(store) as stores, open_bus(bus) as opened_bus:
        invoker = Invoker(
            settings,
            stores,
            opened_bus,
            containers,
            SystemClock(),
            invoker_id=0,
            incarnation="life",
            manifest=manifest,
            seal=seal,
        )
        workshop = Workshop(invoker, stores, opened_bus)
        topic = topics.completed("0")
        await opened_bus.ensure_topic(topic)
        await opened_bus.ensure_topic(topics.invoker(0))
        feed = MessageFeed(opened_bus, topic, topic, workshop.heard, capacity=100)
        async with feed, asyncio.TaskGroup() as tasks:
            running = tasks.create_task(invoker.run())
            try:
                yield workshop
            finally:
                invoker.stop()
                async with asyncio.timeout(60):
                    await running


@asynccontextmanager
async def a_workshop(
    folder: Path,
    containers: ContainerFactory,
    *,
    store: str = "memory:",
    bus: str = "memory:",
    seal: Seal | None = None,
    **values: Any,
) -> AsyncIterator[Workshop]:
    """The same, with the default settings but for these."""
    settings = settings_in(folder, **values)
    async with workshop_of(
        settings, containers, store=store, bus=bus, seal=seal
    ) as workshop:
        yield workshop
