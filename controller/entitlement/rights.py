"""Whose something is, and whether everybody may use it.  Pure.

Existence is never told to strangers: what is missing and what is private read alike.
Source: PackageCollection.scala, Collection.implicitRights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chasen.entities import FullyQualifiedEntityName, Identity, Privilege
from chasen.errors import NotAuthorized


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing on the way to what is wanted: its owner passes, or everybody."""

    namespace: str
    is_open: bool = False


def refusal(named: FullyQualifiedEntityName | str) -> NotAuthorized:
    """Answer the error that names the resource as the caller named it."""
    return NotAuthorized(
        f"The supplied authentication is not authorized to access '{named}'."
    )


def check_gates(
    identity: Identity,
    privilege: Privilege,
    named: FullyQualifiedEntityName,
    gates: Iterable[Gate],
) -> None:
    """Raises NotAuthorized unless the identity passes all of them."""
    if privilege not in identity.rights:
        raise refusal(named)
    for gate in gates:
        if not gate.is_open and gate.namespace != identity.namespace:
            raise refusal(named)
