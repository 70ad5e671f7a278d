"""Where an action lies: its package, and the package behind a binding.

A name leads to at most two packages: the one it names, and that one's provider.  Rights
are asked on the way, because a package that is missing or private must read the same to
a stranger.  Source: WhiskPackage.scala, Actions.scala, PackageCollection.scala.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from chasen.entities import (
    Entity,
    EntityName,
    EntityPath,
    FullyQualifiedEntityName,
    Identity,
    Package,
    Parameter,
    Parameters,
    Privilege,
)
from chasen.errors import NoDocument, WrongCollection
from controller.entitlement.rights import Gate, check_gates, refusal

E = TypeVar("E", bound=Entity)


class Get(Protocol):
    """``EntityStore.get``, or something before it that remembers."""

    async def __call__(self, kind: type[E], name: FullyQualifiedEntityName) -> E: ...


@dataclass(frozen=True, slots=True)
class Place:
    """``packages`` in the order in which parameters are merged: provider, binding."""

    named: FullyQualifiedEntityName
    action: FullyQualifiedEntityName
    packages: tuple[Package, ...] = ()
    gates: tuple[Gate, ...] = ()

    @property
    def binding(self) -> Package | None:
        """The binding that was passed, None for a direct name."""
        return self.packages[-1] if len(self.packages) == 2 else None

    @property
    def provider(self) -> Package | None:
        """The package that holds the action, None for the default package."""
        return self.packages[0] if self.packages else None

    def parameters(self) -> list[tuple[Parameter, str]]:
        """Answer the packages' parameters, each with the namespace it is from."""
        return [
            (each, package.fqn.namespace)
            for package in self.packages
            for each in package.parameters.items
        ]

    def merged(self, over: Parameters) -> Parameters:
        """Answer the packages' parameters overlaid by these."""
        found = Parameters()
        for package in self.packages:
            found = found.merged(package.parameters)
        return found.merged(over)


def package_of(fqn: FullyQualifiedEntityName) -> FullyQualifiedEntityName | None:
    """Answer the name of the package that holds this, None for the default one."""
    if fqn.path.package is None:
        return None
    return FullyQualifiedEntityName(
        EntityPath(fqn.namespace), EntityName(fqn.path.package)
    )


def package_path(package: FullyQualifiedEntityName) -> EntityPath:
    """Answer where the actions of the package lie."""
    return EntityPath(package.namespace, package.name)


async def find_place(
    get: Get,
    fqn: FullyQualifiedEntityName,
    identity: Identity | None,
    privilege: Privilege,
) -> Place:
    """Answer where the action of this name lies; the action itself is not looked at.

    An identity of None passes everywhere.

    Raises:
        NotAuthorized: the caller may not; also for what is missing elsewhere.
        NoDocument, WrongCollection: no such package of the caller's own.
    """
    name = package_of(fqn)
    if name is None:
        gates = (Gate(fqn.namespace),)
        _pass(identity, privilege, fqn, gates)
        return Place(fqn, fqn, (), gates)
    package = await _package(get, name, identity, fqn)
    gates = (Gate(package.fqn.namespace, package.is_shared),)
    _pass(identity, privilege, fqn, gates)
    if package.binding is None:
        return Place(fqn, fqn, (package,), gates)
    provider = await readable_package(get, package.binding, identity, fqn)
    gates = (*gates, _gate(provider))
    return Place(fqn, _action_in(provider, fqn), (provider, package), gates)


async def readable_package(
    get: Get,
    name: FullyQualifiedEntityName,
    identity: Identity | None,
    named: FullyQualifiedEntityName,
) -> Package:
    """Answer the package if the identity may read it.

    ``named`` is what the caller asked for.  Raises as ``find_place``.
    """
    package = await _package(get, name, identity, named)
    _pass(identity, Privilege.READ, named, (_gate(package),))
    return package


def _action_in(
    package: Package, fqn: FullyQualifiedEntityName
) -> FullyQualifiedEntityName:
    return FullyQualifiedEntityName(package_path(package.fqn), fqn.name, fqn.qualifier)


def _gate(package: Package) -> Gate:
    return Gate(package.fqn.namespace, package.is_shared)


def _pass(
    identity: Identity | None,
    privilege: Privilege,
    named: FullyQualifiedEntityName,
    gates: tuple[Gate, ...],
) -> None:
    if identity is not None:
        check_gates(identity, privilege, named, gates)


async def _package(
    get: Get,
    name: FullyQualifiedEntityName,
    identity: Identity | None,
    named: FullyQualifiedEntityName,
) -> Package:
    is_stranger = identity is not None and identity.namespace != name.namespace
    try:
        return await get(Package, name)
    except NoDocument:
        if is_stranger:
            raise refusal(named) from None
        raise NoDocument(f"The requested resource '{name}' does not exist.") from None
    except WrongCollection:
        if is_stranger:
            raise refusal(named) from None
        raise
