"""What has to hold of a sequence when it is stored.

Source: Actions.scala, checkSequenceActionLimits; section 6.1 of the contract.
"""

from __future__ import annotations

from chasen.entities import (
    Action,
    FullyQualifiedEntityName,
    Identity,
    Parameters,
    Privilege,
    SequenceExec,
)
from chasen.entities.limits import SEQUENCE_LENGTH_MAX
from chasen.errors import BadInput, NoDocument, WrongCollection
from chasen.ports.stores import EntityStore
from controller.entitlement.place import find_place

TOO_MANY = "Too many actions in the sequence."
EMPTY = "No component specified for the sequence."
CIRCULAR = "Sequence may not refer to itself."
MISSING = "Sequence component does not exist."
ACTIONS = "_actions"

Components = tuple[FullyQualifiedEntityName, ...]


def component_parameters(components: Components) -> Parameters:
    """Answer the one parameter of a sequence: its components, for clients to see."""
    return Parameters.of({ACTIONS: [f"/{each}" for each in components]})


class SequenceCheck:
    """One look at one sequence; each name is looked up once, however often it occurs.

    Two steps, because OpenWhisk asks for rights before it asks what is there.
    """

    def __init__(self, entities: EntityStore, components: Components) -> None:
        self._entities = entities
        self._components = components
        self._places: dict[FullyQualifiedEntityName, FullyQualifiedEntityName] = {}
        self._parts: dict[FullyQualifiedEntityName, Components | None] = {}

    async def entitled(self, identity: Identity) -> None:
        """Raises NotAuthorized unless the caller may read all components."""
        if len(self._components) > SEQUENCE_LENGTH_MAX:
            raise BadInput(TOO_MANY)
        for name in dict.fromkeys(self._components):
            await self._place(name, identity)

    async def sound(self, fqn: FullyQualifiedEntityName) -> None:
        """Raises BadInput unless it has components that exist, not too many in all,
        and does not lead back to itself."""
        if not self._components:
            raise BadInput(EMPTY)
        await self._count(self._components, fqn, 0)

    async def _count(
        self, components: Components, root: FullyQualifiedEntityName, depth: int
    ) -> int:
        """Answer how many actions will run, nested sequences counted by theirs."""
        if depth > SEQUENCE_LENGTH_MAX:
            raise BadInput(CIRCULAR)  # two writers closed a circle at the same time
        total = 0
        for name in components:
            action = await self._place(name, None)
            if action == root:
                raise BadInput(CIRCULAR)
            parts = await self._parts_of(action)
            total += 1 if parts is None else await self._count(parts, root, depth + 1)
            if total > SEQUENCE_LENGTH_MAX:
                raise BadInput(TOO_MANY)
        return total

    async def _place(
        self, name: FullyQualifiedEntityName, identity: Identity | None
    ) -> FullyQualifiedEntityName:
        if name not in self._places:
            try:
                place = await find_place(
                    self._entities.get, name, identity, Privilege.READ
                )
            except (NoDocument, WrongCollection):
                raise BadInput(MISSING) from None
            self._places[name] = place.action
        return self._places[name]

    async def _parts_of(self, name: FullyQualifiedEntityName) -> Components | None:
        """Answer the components of a sequence, None for any other action."""
        if name not in self._parts:
            try:
                executable = (await self._entities.get(Action, name)).exec
            except (NoDocument, WrongCollection):
                raise BadInput(MISSING) from None
            is_sequence = isinstance(executable, SequenceExec)
            self._parts[name] = executable.components if is_sequence else None
        return self._parts[name]
