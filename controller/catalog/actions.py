"""The rules of creating and changing actions.

Source: Actions.scala, WhiskAction.scala; section 5 of the OpenWhisk contract.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chasen.entities import (
    Action,
    ActionLimits,
    Executable,
    FullyQualifiedEntityName,
    Identity,
    Package,
    Parameters,
    Privilege,
    RuntimesManifest,
    SemVer,
    SequenceExec,
)
from chasen.entities.limits import CODE_BYTES_MAX
from chasen.errors import BadInput, NoDocument, TooLarge
from chasen.messages import Delivery
from chasen.ports.clock import Clock
from chasen.ports.stores import CodeStore, EntityStore
from chasen.seal import Seal
from controller.catalog.common import (
    Announcer,
    check_parameter_sizes,
    existing,
    first,
    next_version,
)
from controller.catalog.executables import GivenExec, check_supported
from controller.catalog.locks import lock
from controller.catalog.sequences import SequenceCheck, component_parameters
from controller.entitlement.entitlement import Entitlement
from controller.entitlement.place import Place, find_place, package_of

DELIVERY = "delivery"
IN_BINDING = "Operation not permitted on package binding."


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPut:
    """The body of a PUT; None is a field that was not given."""

    exec: GivenExec | None = None
    parameters: Parameters | None = None
    annotations: Parameters | None = None
    dropped_annotations: tuple[str, ...] = ()
    limits: dict[str, Any] | None = None
    version: SemVer | None = None
    publish: bool | None = None

    def check_sizes(self, parameters_max: int) -> None:
        """Raises TooLarge, in OpenWhisk's order: code, parameters, annotations."""
        if self.exec is not None and self.exec.size_bytes > CODE_BYTES_MAX:
            raise TooLarge("exec", self.exec.size_bytes, CODE_BYTES_MAX)
        check_parameter_sizes(self.parameters, self.annotations, parameters_max)


@dataclass(frozen=True, slots=True)
class FoundAction:
    """An action as it is reached by a name: with its packages' parameters."""

    action: Action
    place: Place


class Actions:
    """Creates, reads, changes and deletes actions."""

    def __init__(
        self,
        *,
        entities: EntityStore,
        code: CodeStore,
        clock: Clock,
        entitlement: Entitlement,
        announcer: Announcer,
        manifest: RuntimesManifest,
        seal: Seal | None,
    ) -> None:
        self._entities = entities
        self._code = code
        self._clock = clock
        self._entitlement = entitlement
        self._announcer = announcer
        self._manifest = manifest
        self._seal = seal

    async def put(
        self,
        identity: Identity,
        fqn: FullyQualifiedEntityName,
        given: ActionPut,
        *,
        overwrite: bool,
    ) -> Action:
        """Create the action, or change it when ``overwrite`` says so.

        Raises:
            TooLarge, BadInput, NotAuthorized (kind, components), NoDocument (package),
            DocumentExists, WrongCollection, DocumentConflict, StoreUnavailable.
        """
        given.check_sizes(identity.limits.parameters_bytes)
        _check_delivery(given.annotations)
        check_limits(identity, given.limits)
        sequence = None
        if given.exec is not None:
            self._entitlement.check_kind(identity, given.exec.kind)
            if given.exec.components is not None:
                sequence = SequenceCheck(self._entities, given.exec.components)
                await sequence.entitled(identity)
        await self._package_holds(fqn)
        old = await existing(self._entities, Action, fqn, overwrite=overwrite)
        action = self._changed(fqn, old, given)
        if sequence is not None:
            await sequence.sound(fqn)
        if given.exec is not None and given.exec.code is not None:
            await self._code.put(given.exec.code)
        stored = await self._entities.put(action)
        await self._announcer.changed(fqn)
        return stored

    def _changed(
        self, fqn: FullyQualifiedEntityName, old: Action | None, given: ActionPut
    ) -> Action:
        executable = given.exec.stored() if given.exec else (old and old.exec)
        if executable is None:
            raise BadInput("exec undefined")
        check_supported(executable.kind, self._manifest)
        limits = old.limits if old else ActionLimits()
        if given.limits is not None:
            limits = ActionLimits.from_json(given.limits, limits)
        annotations = old.annotations if old else Parameters()
        annotations = annotations.without(given.dropped_annotations)
        annotations = annotations.merged(given.annotations or Parameters())
        if old is None and "provide-api-key" not in annotations:
            annotations = annotations.merged(Parameters.of({"provide-api-key": False}))
        parameters = _parameters(executable, old, given)
        return Action(
            fqn=fqn,
            version=given.version or next_version(old),
            publish=first(given.publish, old and old.publish, False),
            annotations=annotations.merged(Parameters.of({"exec": executable.kind})),
            updated_ms=self._clock.now_ms(),
            revision=old.revision if old else None,
            exec=executable,
            parameters=lock(self._seal, fqn.namespace, parameters),
            limits=limits,
        )

    async def get(
        self, identity: Identity, fqn: FullyQualifiedEntityName
    ) -> FoundAction:
        """Answer the action that this name leads to.

        Raises:
            NotAuthorized, NoDocument, WrongCollection, StoreUnavailable.
        """
        place = await find_place(self._entities.get, fqn, identity, Privilege.READ)
        action = await self._entities.get(Action, place.action)
        merged = place.merged(action.parameters)
        return FoundAction(replace(action, parameters=merged), place)

    async def code_of(self, action: Action) -> str | None:
        """Answer the code that belongs to the action, None when it has none."""
        digest = action.exec.digest
        if digest is None:
            return None
        try:
            return await self._code.get(digest)
        except NoDocument:
            return ""

    async def owned(self, fqn: FullyQualifiedEntityName) -> Action:
        """Answer the action as it is stored, for its owner to delete."""
        await self._package_holds(fqn)
        return await self._entities.get(Action, fqn)

    async def delete(self, action: Action) -> None:
        await self._entities.delete(action)
        await self._announcer.changed(action.fqn)

    async def _package_holds(self, fqn: FullyQualifiedEntityName) -> None:
        """Raises NoDocument without the package, BadInput when it is a binding."""
        name = package_of(fqn)
        if name is None:
            return
        package = await self._entities.get(Package, name)
        if package.binding is not None:
            raise BadInput(IN_BINDING)


def _check_delivery(annotations: Parameters | None) -> None:
    """Raises BadInput for a promise that nobody could keep."""
    wanted = annotations.get(DELIVERY) if annotations else None
    if wanted is not None and wanted not in tuple(Delivery):
        allowed = " or ".join(f"'{each}'" for each in Delivery)
        raise BadInput(f"The annotation '{DELIVERY}' must be {allowed}.")


def check_limits(identity: Identity, given: dict[str, Any] | None) -> None:
    """Raises MalformedContent, BadInput for what the body says of limits."""
    if given is None:
        return
    named = frozenset(key for key, value in given.items() if value is not None)
    ActionLimits.from_json(given).check(identity.limits, given=named)


def _parameters(
    executable: Executable, old: Action | None, given: ActionPut
) -> Parameters:
    """Answer the parameters; those of a sequence are its components, always."""
    if isinstance(executable, SequenceExec):
        return component_parameters(executable.components)
    if given.parameters is not None:
        return given.parameters
    if old is None or isinstance(old.exec, SequenceExec):
        return Parameters()
    return old.parameters
