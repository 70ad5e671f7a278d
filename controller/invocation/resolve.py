"""Names to plans and triggers, remembered.

A plan is kept under the name that the caller used and dropped when an invalidation
names anything it was made of: the action, its package, a binding; and after PLAN_AGE_S
in any case.  Many callers who miss at once share one look into the store.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chasen.entities import (
    Action,
    Entity,
    FullyQualifiedEntityName,
    Identity,
    Privilege,
    RuntimesManifest,
    Trigger,
)
from chasen.ports.clock import Clock
from chasen.ports.stores import EntityStore
from controller.entitlement.place import Place, find_place
from controller.entitlement.rights import check_gates
from controller.invocation.plan import Plan

PLAN_AGE_S = 60.0
PLANS_KEPT = 10_000

E = TypeVar("E", bound=Entity)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    value: V
    until_s: float


class Resolver:
    """Looks plans and triggers up."""

    def __init__(
        self,
        entities: EntityStore,
        clock: Clock,
        manifest: RuntimesManifest | None = None,
    ) -> None:
        self._entities = entities
        self._clock = clock
        self._manifest = manifest
        self._plans: dict[FullyQualifiedEntityName, _Kept[Plan]] = {}
        self._triggers: dict[FullyQualifiedEntityName, _Kept[Trigger]] = {}
        self._users: defaultdict[str, set[FullyQualifiedEntityName]]
        self._users = defaultdict(set)  # name -> the plans that were made of it
        self._loading: dict[tuple[type, FullyQualifiedEntityName], asyncio.Task[Any]]
        self._loading = {}
        self._moment = 0  # counts what was forgotten
        self._forgotten: dict[str, int] = {}  # name -> the moment
        self._floor = 0  # the moment of those that are no longer in there

    def known_plan(self, fqn: FullyQualifiedEntityName) -> Plan | None:
        """Answer the plan if it is at hand; never waits, asks for no rights."""
        kept = self._plans.get(fqn)
        if kept is None or kept.until_s < self._clock.monotonic_s():
            return None
        return kept.value

    async def plan(
        self, fqn: FullyQualifiedEntityName, identity: Identity | None = None
    ) -> Plan:
        """Answer the plan for ``ns/[package or binding/]name``.

        The identity must have the right to invoke it; None has every right.

        Raises:
            NotAuthorized, NoDocument, WrongCollection, StoreUnavailable.
        """
        known = self.known_plan(fqn)
        if known is None:
            moment = self._moment
            return await self._plan_at(await self.place(fqn, identity), moment)
        if identity is not None:
            check_gates(identity, Privilege.ACTIVATE, fqn, known.gates)
        return known

    async def place(
        self, fqn: FullyQualifiedEntityName, identity: Identity | None
    ) -> Place:
        """Answer where the action lies, once the right to invoke it is clear."""
        return await find_place(self._read, fqn, identity, Privilege.ACTIVATE)

    async def trigger(self, fqn: FullyQualifiedEntityName) -> Trigger:
        """Raises NoDocument, WrongCollection, StoreUnavailable."""
        kept = self._triggers.get(fqn)
        if kept is not None and kept.until_s >= self._clock.monotonic_s():
            return kept.value
        moment = self._moment
        trigger = await self._read(Trigger, fqn)
        if self._is_fresh([fqn], moment):
            self._keep(self._triggers, fqn, trigger)
        return trigger

    def forget(self, names: Sequence[str]) -> None:
        """These were written or deleted, here or elsewhere."""
        self._moment += 1
        for name in names:
            self._forgotten[name] = self._moment
            fqn = FullyQualifiedEntityName.parse(name)
            for user in self._users.pop(name, ()):
                self._plans.pop(user, None)
            self._triggers.pop(fqn, None)
            for key in [key for key in self._loading if key[1] == fqn]:
                del self._loading[key]
        if len(self._forgotten) > PLANS_KEPT:
            self._forgotten.clear()
            self._floor = self._moment

    async def _plan_at(self, place: Place, moment: int) -> Plan:
        action = await self._read(Action, place.action)
        plan = Plan.of(action, place, is_deprecated=self._is_deprecated(action))
        made_of = [place.action, *(package.fqn for package in place.packages)]
        # Whoever invalidated in between knows something newer than what was read.
        if self._is_fresh(made_of, moment):
            if len(self._users) > 3 * PLANS_KEPT:  # most of them of plans long gone
                self._users.clear()
                self._plans.clear()
            self._keep(self._plans, place.named, plan)
            for name in made_of:
                self._users[str(name)].add(place.named)
        return plan

    def _is_deprecated(self, action: Action) -> bool:
        if self._manifest is None:
            return False
        runtime = self._manifest.runtimes.get(action.exec.kind)
        return runtime is not None and runtime.deprecated

    def _is_fresh(self, names: Iterable[FullyQualifiedEntityName], moment: int) -> bool:
        return all(
            self._forgotten.get(str(name), self._floor) <= moment for name in names
        )

    def _keep(
        self,
        kept: dict[FullyQualifiedEntityName, _Kept[V]],
        fqn: FullyQualifiedEntityName,
        value: V,
    ) -> None:
        if len(kept) >= PLANS_KEPT:
            kept.pop(next(iter(kept)))
        kept[fqn] = _Kept(value, self._clock.monotonic_s() + PLAN_AGE_S)

    async def _read(self, kind: type[E], name: FullyQualifiedEntityName) -> E:
        key = (kind, name)
        task = self._loading.get(key)
        if task is None:
            task = asyncio.ensure_future(self._entities.get(kind, name))
            self._loading[key] = task
            task.add_done_callback(lambda done: self._read_ended(key, done))
        return await asyncio.shield(task)

    def _read_ended(
        self, key: tuple[type, FullyQualifiedEntityName], task: asyncio.Task[Any]
    ) -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled():
            task.exception()  # each waiter gets it; nobody waiting is no news
