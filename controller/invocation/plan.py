"""An action, resolved once into all that an invocation needs, and kept by revision.

A plan is dropped when an invalidation names its action, and after PLAN_AGE_S in any
case.  Many callers who miss at once share one look into the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson

from chasen import jsontext
from chasen.entities import (
    BLACKBOX,
    Action,
    Entity,
    FullyQualifiedEntityName,
    Parameters,
    Trigger,
)
from chasen.entities.limits import PAYLOAD_BYTES_MAX
from chasen.errors import BadInput, TooLarge
from chasen.messages import Delivery
from chasen.ports.clock import Clock
from chasen.ports.stores import EntityStore

PLAN_AGE_S = 60.0
PLANS_KEPT = 10_000

NOT_ALLOWED = (
    "Request defines parameters that are not allowed (e.g., reserved properties)."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one action is invoked."""

    fqn: FullyQualifiedEntityName
    name: str  # "ns/[package/]action", as messages carry it
    version: str
    revision: str
    memory_mb: int
    timeout_ms: int
    is_blackbox: bool
    delivery: Delivery
    defaults: dict[str, Any] = field(repr=False)
    final: frozenset[str] = frozenset()

    @classmethod
    def of(cls, action: Action) -> Plan:
        parameters = action.parameters
        defaults = {each.key: each.value for each in parameters.items}
        is_final = action.annotations.get("final") is True
        assert action.revision is not None, "a plan is made of what is stored"
        return cls(
            fqn=action.fqn,
            name=str(action.fqn),
            version=str(action.version),
            revision=action.revision,
            memory_mb=action.limits.memory_mb,
            timeout_ms=action.limits.timeout_ms,
            is_blackbox=action.exec.kind == BLACKBOX,
            delivery=_delivery(action.annotations),
            defaults=defaults,
            final=frozenset(
                key for key, value in defaults.items() if is_final and value is not None
            ),
        )

    def arguments(self, payload: bytes) -> bytes:
        """Answer what the action gets: its parameters overlaid by the payload.

        The payload is checked once; without parameters it is passed on as it came.
        Parameters that are for the environment travel along; the invoker parts them.

        Raises:
            MalformedContent: not a JSON object.  BadInput: a final parameter is given.
        """
        if not payload:
            return orjson.dumps(self.defaults) if self.defaults else b"{}"
        given = jsontext.decode_object(payload)
        if self.final and not self.final.isdisjoint(given):
            raise BadInput(NOT_ALLOWED)
        if not self.defaults:
            return payload
        return orjson.dumps(self.defaults | given)


def _delivery(annotations: Parameters) -> Delivery:
    wanted = annotations.get("delivery")
    return Delivery(wanted) if wanted in tuple(Delivery) else Delivery.AT_MOST_ONCE


def check_payload_size(size_bytes: int) -> None:
    """Raises TooLarge beyond what an invocation may carry."""
    if size_bytes > PAYLOAD_BYTES_MAX:
        raise TooLarge("Request", size_bytes, PAYLOAD_BYTES_MAX)


E = TypeVar("E", bound=Entity)
V = TypeVar("V")


class _Kept(Generic[V]):
    __slots__ = ("until_s", "value")

    def __init__(self, value: V, until_s: float) -> None:
        self.value = value
        self.until_s = until_s


class Resolver:
    """Names to plans and triggers, remembered."""

    def __init__(self, entities: EntityStore, clock: Clock) -> None:
        self._entities = entities
        self._clock = clock
        self._plans: dict[FullyQualifiedEntityName, _Kept[Plan]] = {}
        self._triggers: dict[FullyQualifiedEntityName, _Kept[Trigger]] = {}
        self._loading: dict[object, asyncio.Task[Any]] = {}
        self._generation: dict[str, int] = {}

    def known_plan(self, fqn: FullyQualifiedEntityName) -> Plan | None:
        """Answer the plan if it is at hand; never waits."""
        kept = self._plans.get(fqn)
        if kept is None or kept.until_s < self._clock.monotonic_s():
            return None
        return kept.value

    async def plan(self, fqn: FullyQualifiedEntityName) -> Plan:
        """Raises NoDocument, WrongCollection, StoreUnavailable."""
        return self.known_plan(fqn) or await self._load(
            self._plans, fqn, Action, Plan.of
        )

    async def trigger(self, fqn: FullyQualifiedEntityName) -> Trigger:
        """Raises NoDocument, WrongCollection, StoreUnavailable."""
        kept = self._triggers.get(fqn)
        if kept is not None and kept.until_s >= self._clock.monotonic_s():
            return kept.value
        return await self._load(self._triggers, fqn, Trigger, lambda found: found)

    def forget(self, names: Sequence[str]) -> None:
        """These were written or deleted, here or elsewhere."""
        for name in names:
            self._generation[name] = self._generation.get(name, 0) + 1
            fqn = FullyQualifiedEntityName.parse(name)
            self._plans.pop(fqn, None)
            self._triggers.pop(fqn, None)
            self._loading.pop((Action, fqn), None)
            self._loading.pop((Trigger, fqn), None)
        if len(self._generation) > PLANS_KEPT:
            self._generation.clear()
            self._plans.clear()
            self._triggers.clear()

    async def _load(
        self,
        kept: dict[FullyQualifiedEntityName, _Kept[V]],
        fqn: FullyQualifiedEntityName,
        kind: type[E],
        make: Any,
    ) -> V:
        key = (kind, fqn)
        task = self._loading.get(key)
        if task is None:
            task = asyncio.ensure_future(self._entities.get(kind, fqn))
            self._loading[key] = task
            task.add_done_callback(lambda done: self._loaded(key, done))
        generation = self._generation.get(str(fqn), 0)
        value = make(await asyncio.shield(task))
        # Whoever invalidated in between knows something newer than what was read.
        if self._generation.get(str(fqn), 0) == generation:
            if len(kept) >= PLANS_KEPT:
                kept.pop(next(iter(kept)))
            kept[fqn] = _Kept(value, self._clock.monotonic_s() + PLAN_AGE_S)
        return value

    def _loaded(self, key: object, task: asyncio.Task[Any]) -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled():
            task.exception()  # each waiter gets it; nobody waiting is no news
