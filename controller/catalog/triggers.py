"""The rules of creating and changing triggers.  Source: Triggers.scala."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chasen.entities import (
    EntityPath,
    FullyQualifiedEntityName,
    Identity,
    Parameters,
    SemVer,
    Trigger,
)
from chasen.errors import BadInput
from chasen.ports.clock import Clock
from chasen.ports.stores import EntityStore
from controller.catalog.common import (
    Announcer,
    check_parameter_sizes,
    existing,
    next_version,
)
from controller.catalog.locks import refuse_locks


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerPut:
    """The body of a PUT; None is a field that was not given."""

    parameters: Parameters | None = None
    annotations: Parameters | None = None
    version: SemVer | None = None
    publish: bool | None = None


class Triggers:
    """Creates, reads, changes and deletes triggers."""

    def __init__(
        self, *, entities: EntityStore, clock: Clock, announcer: Announcer
    ) -> None:
        self._entities = entities
        self._clock = clock
        self._announcer = announcer

    async def put(
        self,
        identity: Identity,
        fqn: FullyQualifiedEntityName,
        given: TriggerPut,
        *,
        overwrite: bool,
    ) -> Trigger:
        """Create or change; the rules inside are always kept."""
        check_parameter_sizes(
            given.parameters, given.annotations, identity.limits.parameters_bytes
        )
        refuse_locks(given.parameters)
        old = await existing(self._entities, Trigger, fqn, overwrite=overwrite)
        if old is None:
            _check_feed(given.annotations or Parameters())
        base = old or Trigger(fqn=fqn)
        stored = await self._entities.put(
            replace(
                base,
                version=given.version or next_version(old),
                publish=base.publish if given.publish is None else given.publish,
                annotations=base.annotations
                if given.annotations is None
                else given.annotations,
                parameters=base.parameters
                if given.parameters is None
                else given.parameters,
                updated_ms=self._clock.now_ms(),
            )
        )
        await self._announcer.changed(fqn)
        return stored

    async def get(self, fqn: FullyQualifiedEntityName) -> Trigger:
        return await self._entities.get(Trigger, fqn)

    async def delete(self, fqn: FullyQualifiedEntityName) -> Trigger:
        trigger = await self._entities.get(Trigger, fqn)
        await self._entities.delete(trigger)
        await self._announcer.changed(fqn)
        return trigger


def _check_feed(annotations: Parameters) -> None:
    if "feed" not in annotations:
        return
    feed = annotations.get("feed")
    try:
        if not isinstance(feed, str) or not feed.strip("/"):
            raise BadInput
        for part in feed.strip("/").split("/"):
            EntityPath.parse(part)
    except BadInput:
        raise BadInput("Feed name is not valid") from None
