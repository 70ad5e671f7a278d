"""The rules of creating, changing and switching rules.

The status of a rule lives in its trigger's document, where a fire finds it without a
second look-up.  Source: Rules.scala.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chasen.entities import (
    Action,
    FullyQualifiedEntityName,
    Identity,
    Parameters,
    Privilege,
    ReducedRule,
    Rule,
    SemVer,
    Status,
    Trigger,
)
from chasen.errors import BadInput, DocumentConflict, NoDocument
from chasen.ports.clock import Clock
from chasen.ports.stores import EntityStore
from controller.catalog.common import (
    Announcer,
    check_parameter_sizes,
    existing,
    next_version,
)
from controller.entitlement.entitlement import Entitlement
from controller.entitlement.place import Place, find_place

TRIES = 20  # at writing a trigger that others write too
PAUSE_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePut:
    """The body of a PUT; None is a field that was not given."""

    trigger: FullyQualifiedEntityName | None = None
    action: FullyQualifiedEntityName | None = None
    annotations: Parameters | None = None
    version: SemVer | None = None
    publish: bool | None = None


class Rules:
    """Creates, reads, switches, changes and deletes rules."""

    def __init__(
        self,
        *,
        entities: EntityStore,
        clock: Clock,
        entitlement: Entitlement,
        announcer: Announcer,
    ) -> None:
        self._entities = entities
        self._clock = clock
        self._entitlement = entitlement
        self._announcer = announcer

    async def put(
        self,
        identity: Identity,
        fqn: FullyQualifiedEntityName,
        given: RulePut,
        *,
        overwrite: bool,
    ) -> tuple[Rule, Status]:
        """Create (active) or change (status kept).

        Raises:
            BadInput: a reference is missing or names nothing.
        """
        check_parameter_sizes(None, given.annotations, identity.limits.parameters_bytes)
        if given.trigger is not None:
            self._entitlement.check(identity, Privilege.READ, given.trigger)
        if given.action is not None:
            await self._place(identity, given.action)
        old = await existing(self._entities, Rule, fqn, overwrite=overwrite)
        trigger_name = given.trigger or (old and old.trigger)
        action_name = given.action or (old and old.action)
        if trigger_name is None or action_name is None:
            raise BadInput("rule requires a valid trigger and a valid action")
        await self._must_exist(Trigger, trigger_name, trigger_name, "trigger")
        place = await self._place(identity, action_name)
        await self._must_exist(Action, place.action, action_name, "action")
        status = await self._status_of(old) if old else Status.ACTIVE
        rule = Rule(
            fqn=fqn,
            version=given.version or next_version(old),
            publish=given.publish
            if given.publish is not None
            else bool(old and old.publish),
            annotations=given.annotations
            if given.annotations is not None
            else (old.annotations if old else Parameters()),
            updated_ms=self._clock.now_ms(),
            revision=old.revision if old else None,
            trigger=trigger_name,
            action=action_name,
        )
        stored = await self._entities.put(rule)
        await self._link(old, stored, status)
        return stored, status

    async def _link(self, old: Rule | None, stored: Rule, status: Status) -> None:
        """Tell the trigger, and the one that the rule had before."""
        if old is not None and old.trigger != stored.trigger:
            await self._relink(old.trigger, stored.fqn, None)
        try:
            reduced = ReducedRule(stored.action, status)
            await self._relink(stored.trigger, stored.fqn, reduced)
        except DocumentConflict:
            if old is None:  # a rule that no trigger knows would never be obeyed
                await self._entities.delete(stored)
            raise

    async def get(self, fqn: FullyQualifiedEntityName) -> tuple[Rule, Status]:
        rule = await self._entities.get(Rule, fqn)
        return rule, await self._status_of(rule)

    async def switch(self, fqn: FullyQualifiedEntityName, status: Status) -> None:
        """Raises NoDocument when a rule without trigger is to be activated."""
        rule = await self._entities.get(Rule, fqn)
        linked = await self._relink(rule.trigger, fqn, ReducedRule(rule.action, status))
        if not linked and status is Status.ACTIVE:
            raise NoDocument("Only rules with existing triggers can be activated")

    async def delete(self, fqn: FullyQualifiedEntityName) -> Rule:
        rule = await self._entities.get(Rule, fqn)
        await self._relink(rule.trigger, fqn, None)
        await self._entities.delete(rule)
        return rule

    async def _status_of(self, rule: Rule) -> Status:
        try:
            trigger = await self._entities.get(Trigger, rule.trigger)
        except NoDocument:
            return Status.INACTIVE
        entry = (trigger.rules or {}).get(str(rule.fqn))
        return entry.status if entry else Status.INACTIVE

    async def _must_exist(
        self,
        kind: type[Action] | type[Trigger],
        name: FullyQualifiedEntityName,
        named: FullyQualifiedEntityName,
        word: str,
    ) -> None:
        """``name`` is the document's, ``named`` what the rule says."""
        try:
            await self._entities.get(kind, name)
        except NoDocument:
            raise BadInput(f"{word} /{named} does not exist") from None

    async def _place(self, identity: Identity, name: FullyQualifiedEntityName) -> Place:
        return await find_place(self._entities.get, name, identity, Privilege.READ)

    async def _relink(
        self,
        trigger_name: FullyQualifiedEntityName,
        rule_name: FullyQualifiedEntityName,
        reduced: ReducedRule | None,
    ) -> bool:
        """Set or remove the rule inside its trigger; answer whether there is one.

        Raises:
            DocumentConflict: others wrote the trigger again and again.
        """
        for _ in range(TRIES):
            try:
                trigger = await self._entities.get(Trigger, trigger_name)
            except NoDocument:
                return False
            changed = _with_rule(trigger.rules, str(rule_name), reduced)
            if changed == trigger.rules:
                return True
            try:
                await self._entities.put(replace(trigger, rules=changed))
            except DocumentConflict:
                await asyncio.sleep(PAUSE_S)
                continue
            await self._announcer.changed(trigger_name)
            return True
        raise DocumentConflict


def _with_rule(
    rules: Mapping[str, ReducedRule] | None, name: str, reduced: ReducedRule | None
) -> Mapping[str, Any] | None:
    if reduced is not None:
        return {**(rules or {}), name: reduced}
    if rules is None or name not in rules:
        return rules
    return {each: rule for each, rule in rules.items() if each != name}
