"""The rules of creating, changing and deleting packages and bindings.

Source: Packages.scala, WhiskPackage.scala; section 10 of the OpenWhisk contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from chasen.entities import (
    Action,
    EntityPath,
    FullyQualifiedEntityName,
    Identity,
    Package,
    Parameters,
    SemVer,
)
from chasen.errors import (
    BadInput,
    Circular,
    NoDocument,
    NotEmpty,
    WrongCollection,
)
from chasen.ports.clock import Clock
from chasen.ports.stores import EntityStore, Page
from chasen.seal import Seal
from controller.catalog.common import (
    Announcer,
    check_parameter_sizes,
    existing,
    first,
    next_version,
)
from controller.catalog.locks import lock
from controller.entitlement.place import package_path, readable_package

DEFAULT_PACKAGE = "default"  # how web addresses name the actions without a package
BINDING = "binding"
PAGE = 200

RESERVED = "Package name 'default' is reserved."
NO_TARGET = "Binding references a package that does not exist."
TARGET_IS_BINDING = "Cannot bind to another package binding."
TARGET_IS_NO_PACKAGE = "Cannot bind to a resource that is not a package."
IS_PACKAGE = "Resource is a package and cannot be converted into a binding."


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePut:
    """The body of a PUT; None is a field that was not given."""

    binding: FullyQualifiedEntityName | None = None
    parameters: Parameters | None = None
    annotations: Parameters | None = None
    version: SemVer | None = None
    publish: bool | None = None


@dataclass(frozen=True, slots=True)
class PackageContents:
    """A package with all its parameters, and the actions that are reached by it."""

    package: Package
    actions: Sequence[Action]


class Packages:
    """Creates, reads, changes and deletes packages and bindings."""

    def __init__(
        self,
        *,
        entities: EntityStore,
        clock: Clock,
        announcer: Announcer,
        seal: Seal | None,
    ) -> None:
        self._entities = entities
        self._clock = clock
        self._announcer = announcer
        self._seal = seal

    async def put(
        self,
        identity: Identity,
        fqn: FullyQualifiedEntityName,
        given: PackagePut,
        *,
        overwrite: bool,
    ) -> Package:
        """Create or change; a package never becomes a binding, nor the other way.

        Raises:
            BadInput, TooLarge, NotAuthorized (provider), WrongCollection,
            DocumentExists, DocumentConflict, StoreUnavailable.
        """
        check_parameter_sizes(
            given.parameters, given.annotations, identity.limits.parameters_bytes
        )
        if fqn.name == DEFAULT_PACKAGE:
            raise BadInput(RESERVED)
        if given.binding is not None:
            await self._check_target(identity, given.binding)
        old = await existing(self._entities, Package, fqn, overwrite=overwrite)
        if old is not None and old.binding is None and given.binding is not None:
            raise WrongCollection(IS_PACKAGE)
        stored = await self._entities.put(self._changed(fqn, old, given))
        await self._announcer.changed(fqn)
        return stored

    async def _check_target(
        self, identity: Identity, target: FullyQualifiedEntityName
    ) -> None:
        try:
            found = await readable_package(self._entities.get, target, identity, target)
        except NoDocument:
            raise BadInput(NO_TARGET) from None
        except WrongCollection:
            raise WrongCollection(TARGET_IS_NO_PACKAGE) from None
        if found.binding is not None:
            raise BadInput(TARGET_IS_BINDING)

    def _changed(
        self, fqn: FullyQualifiedEntityName, old: Package | None, given: PackagePut
    ) -> Package:
        base = old or Package(fqn=fqn)
        binding = given.binding or base.binding
        annotations = first(given.annotations, base.annotations).without([BINDING])
        if binding is not None:
            told = {"namespace": binding.namespace, "name": binding.name}
            annotations = annotations.merged(Parameters.of({BINDING: told}))
        parameters = first(given.parameters, base.parameters)
        return replace(
            base,
            version=given.version or next_version(old),
            publish=first(given.publish, base.publish),
            annotations=annotations,
            parameters=lock(self._seal, fqn.namespace, parameters),
            updated_ms=self._clock.now_ms(),
            binding=binding,
        )

    async def get(
        self, identity: Identity, fqn: FullyQualifiedEntityName
    ) -> PackageContents:
        """Answer the package; a binding with its provider's parameters and actions.

        Raises:
            NotAuthorized: private, or missing elsewhere.  NoDocument, WrongCollection:
            the caller's own.  Circular: a binding to itself.
        """
        package = await readable_package(self._entities.get, fqn, identity, fqn)
        if package.binding is None:
            return PackageContents(package, await self._actions(fqn))
        if package.binding == fqn:
            raise Circular(
                f"Package binding '{fqn.name}' contains a circular reference."
            )
        provider = await readable_package(
            self._entities.get, package.binding, identity, fqn
        )
        merged = provider.parameters.merged(package.parameters)
        return PackageContents(
            replace(package, parameters=merged), await self._actions(provider.fqn)
        )

    async def provider(
        self, identity: Identity, fqn: FullyQualifiedEntityName
    ) -> Package:
        """Answer the package whose actions are listed under this name.

        Raises as ``get``.
        """
        package = await readable_package(self._entities.get, fqn, identity, fqn)
        if package.binding is None:
            return package
        return await readable_package(
            self._entities.get, package.binding, identity, fqn
        )

    async def delete(self, fqn: FullyQualifiedEntityName, *, force: bool) -> Package:
        """Delete; ``force`` deletes the package's actions first.

        Raises:
            NotEmpty: it has actions, and nobody said ``force``.
        """
        package = await self._entities.get(Package, fqn)
        if package.binding is None:
            path = package_path(fqn)
            count = await self._entities.count(Action, path)
            if count and not force:
                entities = "1 entity" if count == 1 else f"{count} entities"
                raise NotEmpty(
                    f"Package not empty (contains {entities}). Set force param or "
                    "delete package contents."
                )
            if count:
                await self._empty(path)
        await self._entities.delete(package)
        await self._announcer.changed(fqn)
        return package

    async def _empty(self, path: EntityPath) -> None:
        """Delete the actions; raises DocumentConflict when somebody writes one."""
        while found := await self._entities.list(Action, path, Page(limit=PAGE)):
            for action in found:
                with suppress(NoDocument):
                    await self._entities.delete(action)
            await self._announcer.changed(*(action.fqn for action in found))

    async def _actions(self, fqn: FullyQualifiedEntityName) -> Sequence[Action]:
        path, found = package_path(fqn), []
        while True:
            page = Page(skip=len(found), limit=PAGE)
            more = await self._entities.list(Action, path, page)
            found.extend(more)
            if len(more) < PAGE:
                return found
