"""Firing a trigger: a message first, then its rules.

The 202 leaves when the bus has the fire with the rules chosen at that moment.  Whoever
reads the topic (the controllers divide it, and take over from a dead one) invokes the
rules under derived ids, stores the trigger's record under the fire's id, and only then
settles the message; doing it twice makes the same ids.  Source: Triggers.scala, without
its way back through the front door; the rights and throttle it gets there are asked for
here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import orjson

from chasen import faults, jsontext
from chasen.bus import topics
from chasen.entities import (
    Activation,
    ActivationId,
    ActivationResponse,
    FullyQualifiedEntityName,
    Identity,
    Outcome,
    Status,
    Trigger,
    derive_activation_id,
)
from chasen.errors import BusUnavailable, ChasenError, Unavailable
from chasen.messages import Fire
from chasen.ports.bus import MessageBus
from chasen.ports.clock import Clock
from chasen.ports.stores import ActivationStore
from controller.entitlement.entitlement import Entitlement
from controller.entitlement.identities import Identities
from controller.invocation.invoke import Invocations
from controller.invocation.plan import Plan
from controller.invocation.resolve import Resolver
from controller.ports import Among

log = logging.getLogger("controller.fire")

T = TypeVar("T")

RETRY_S = 1.0
AGE_MAX_MS = 900_000  # a rule that found no invoker for so long is given up
FRESH_MS = 5_000  # a fire older than this may have been in other hands before


class Fires:
    """Accepts fires, and carries them out."""

    def __init__(
        self,
        *,
        bus: MessageBus,
        clock: Clock,
        resolver: Resolver,
        entitlement: Entitlement,
        invocations: Invocations,
        activations: ActivationStore,
        identities: Identities,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._resolver = resolver
        self._entitlement = entitlement
        self._invocations = invocations
        self._activations = activations
        self._identities = identities

    async def accept(
        self,
        identity: Identity,
        trigger: Trigger,
        payload: bytes,
        *,
        headers: Mapping[str, str],
        transid: str,
    ) -> ActivationId | None:
        """Answer the fire's id once the bus has it; None when no rule is active.

        Raises:
            MalformedContent: not a JSON object.  BusUnavailable, with the id when the
            bus may have it.
        """
        if payload:
            jsontext.decode_object(payload)
        rules = trigger.rules or {}
        if all(rule.status is not Status.ACTIVE for rule in rules.values()):
            return None
        if fault := self._bus.fault():
            raise BusUnavailable(f"The message bus is not reachable: {fault}")
        among = self._invocations.among()
        fire = Fire(
            activation_id=self._clock.fresh_id(),
            transid=transid,
            trigger=str(trigger.fqn),
            version=str(trigger.version),
            namespace=identity.namespace,
            namespace_uuid=identity.namespace_uuid,
            subject=identity.subject,
            accepted_ms=self._clock.now_ms(),
            parameters={each.key: each.value for each in trigger.parameters.items}
            | {"__ow_headers": dict(headers)},
            rules=[
                {
                    "rule": name,
                    "action": str(rule.action),
                    "active": rule.status is Status.ACTIVE,
                }
                for name, rule in rules.items()
            ],
            among=[list(among.invokers), list(among.full)] if among else None,
            unstored=not identity.limits.store_activations,
            body=payload,
        )
        try:
            await self._bus.post(topics.FIRES, fire.encode())
        except BusUnavailable:
            raise BusUnavailable(activation_id=fire.activation_id) from None
        faults.point("C6")
        return fire.activation_id

    async def carry_out(self, fire: Fire) -> None:
        """Invoke the rules and store the record; returns when it is stored."""
        arguments = orjson.dumps(
            fire.parameters | (orjson.loads(fire.body) if fire.body else {})
        )
        done = await self._done_before(fire)
        lines = [await self._obey(fire, rule, arguments, done) for rule in fire.rules]
        faults.point("C8")
        record = _record(fire, lines)
        while True:
            try:
                await self._activations.store([record])
                break
            except Unavailable:
                await asyncio.sleep(RETRY_S)
        faults.point("C9")

    async def _done_before(self, fire: Fire) -> frozenset[ActivationId]:
        """Answer which rules somebody obeyed already, if this fire is not fresh.

        An old fire comes again when a controller died over it.
        """
        if self._clock.now_ms() - fire.accepted_ms < FRESH_MS:
            return frozenset()
        ids = [(fire.namespace, _child_id(fire, rule)) for rule in fire.rules]
        while True:
            try:
                return await self._activations.known(ids)
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    async def _obey(
        self,
        fire: Fire,
        rule: dict[str, Any],
        arguments: bytes,
        done: frozenset[ActivationId],
    ) -> str:
        """Answer the line of the record that tells what became of this rule."""
        told: dict[str, Any] = {"rule": rule["rule"], "action": rule["action"]}
        if not rule["active"]:
            error = (
                f"Rule '{rule['rule']}' is inactive, action '{rule['action']}' "
                "was not activated."
            )
            return _line(1, error=error, **told)
        child = _child_id(fire, rule)
        if child in done:
            return _line(0, activationId=child, **told)
        try:
            identity, plan = await self._patiently(
                fire, lambda: self._resolve(fire, rule)
            )
            # As a request of its own would be; once, however long the rest takes.
            self._entitlement.admit_invocation(identity)
            payload = plan.arguments(arguments)
            await self._patiently(
                fire, lambda: self._send(fire, identity, plan, payload, child)
            )
        except Unavailable as error:
            return _line(3, error=str(error), **told)
        except ChasenError as error:
            return _line(1, error=str(error), **told)
        faults.point("C7")
        return _line(0, activationId=child, **told)

    async def _patiently(self, fire: Fire, step: Callable[[], Awaitable[T]]) -> T:
        """The fire was accepted: wait for a bus, a store or a free invoker.

        Raises what the step raises, and Unavailable when the fire has grown old.
        """
        while True:
            try:
                return await step()
            except Unavailable:
                if self._clock.now_ms() - fire.accepted_ms > AGE_MAX_MS:
                    raise
                await asyncio.sleep(RETRY_S)

    async def _resolve(self, fire: Fire, rule: dict[str, Any]) -> tuple[Identity, Plan]:
        identity = await self._identities.of_namespace(fire.namespace)
        fqn = FullyQualifiedEntityName.parse(rule["action"])
        plan = await self._resolver.plan(fqn, identity)
        await self._invocations.check(identity, plan)
        return identity, plan

    async def _send(
        self,
        fire: Fire,
        identity: Identity,
        plan: Plan,
        arguments: bytes,
        child: ActivationId,
    ) -> None:
        pending = self._invocations.publish(
            identity,
            plan,
            arguments,
            blocking=False,
            transid=fire.transid,
            activation_id=child,
            depth=fire.depth + 1,
            among=Among(*fire.among) if fire.among else None,
        )
        await self._invocations.confirm(pending)


def _child_id(fire: Fire, rule: dict[str, Any]) -> ActivationId:
    return derive_activation_id(fire.activation_id, "rule", rule["rule"])


def _line(status_code: int, **facts: Any) -> str:
    line = {"statusCode": status_code, "success": status_code == 0, **facts}
    return orjson.dumps(line).decode()


def _record(fire: Fire, lines: list[str]) -> Activation:
    return Activation(
        activation_id=fire.activation_id,
        namespace=fire.namespace,
        name=fire.trigger.rpartition("/")[2],
        version=fire.version,
        subject=fire.subject,
        start_ms=fire.accepted_ms,
        response=ActivationResponse(
            Outcome.SUCCESS, fire.body or b"{}", len(fire.body)
        ),
        logs=tuple(lines),
        unstored=fire.unstored,
    )
