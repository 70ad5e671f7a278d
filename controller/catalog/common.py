"""What creating and changing have in common, whatever the entity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from chasen.bus import topics
from chasen.entities import Entity, FullyQualifiedEntityName, Parameters, SemVer
from chasen.errors import BusUnavailable, DocumentExists, NoDocument, TooLarge
from chasen.messages import Invalidation
from chasen.ports.bus import MessageBus
from chasen.ports.stores import EntityStore

E = TypeVar("E", bound=Entity)


async def existing(
    entities: EntityStore,
    kind: type[E],
    fqn: FullyQualifiedEntityName,
    *,
    overwrite: bool,
) -> E | None:
    """Answer what a PUT will change, None when it will create.

    Raises:
        DocumentExists: there is one, and the caller did not ask to overwrite it.
    """
    try:
        found = await entities.get(kind, fqn)
    except NoDocument:
        return None
    if not overwrite:
        raise DocumentExists
    return found


def next_version(old: Entity | None) -> SemVer:
    return old.version.next() if old else SemVer()


def first(*values: Any) -> Any:
    """Answer the first that is not None; there is one."""
    return next(value for value in values if value is not None)


def check_parameter_sizes(
    parameters: Parameters | None, annotations: Parameters | None, limit_bytes: int
) -> None:
    """Raises TooLarge, naming which."""
    for what, given in (("parameters", parameters), ("annotations", annotations)):
        if given is not None and given.size_bytes > limit_bytes:
            raise TooLarge(what, given.size_bytes, limit_bytes)


class Announcer:
    """Tells every controller, this one first, what was written or deleted."""

    def __init__(
        self, bus: MessageBus, controller: str, forget: Callable[[list[str]], None]
    ) -> None:
        self._bus = bus
        self._controller = controller
        self._forget = forget

    async def changed(self, *names: FullyQualifiedEntityName) -> None:
        """Return when the bus has the news, so that no reply overtakes it.

        The write has happened; when the bus is down, plans age out by themselves.
        """
        told = [str(name) for name in names]
        self._forget(told)
        message = Invalidation(controller=self._controller, names=told)
        try:
            await self._bus.post(
                topics.CACHE_INVALIDATION, message.encode(), durable=False
            )
        except BusUnavailable:
            return
