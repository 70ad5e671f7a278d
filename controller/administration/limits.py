"""Limits of a namespace as an operator sets them.

Which there are, what they mean and how they are stored is ``UserLimits``.
"""

from __future__ import annotations

from typing import Any

from chasen.entities import UserLimits, namespace_name
from chasen.entities.limits import LIMIT_NAMES
from chasen.errors import BadInput, MalformedContent, NoDocument
from chasen.ports.stores import AuthStore
from controller.administration.subjects import Announce, tell_nobody

NUMBER_MAX = 1_000_000_000


class NamespaceLimits:
    """Sets, reads and removes them."""

    def __init__(self, auth: AuthStore, announce: Announce = tell_nobody) -> None:
        self._auth = auth
        self._announce = announce

    async def set(self, namespace: str, given: dict[str, Any]) -> None:
        """Change the limits that are given; None gives one back to the house."""
        name = namespace_name(namespace.strip())
        _check(given)
        stored = await self._auth.limits(name) or UserLimits()
        try:
            limits = UserLimits.from_json(stored.to_json() | given)
        except MalformedContent as error:
            # One line: the other belongs to requests.
            raise BadInput(str(error).rpartition("\n")[2]) from None
        await self._auth.put_limits(name, limits)
        await self._announce(name)

    async def get(self, namespace: str) -> dict[str, Any] | None:
        """Answer what differs from the house's defaults; None when nothing does."""
        found = await self._auth.limits(namespace)
        return found.to_json() or None if found else None

    async def delete(self, namespace: str) -> None:
        """Raises NoDocument when there are none."""
        if await self._auth.limits(namespace) is None:
            raise NoDocument(f'there are no limits for "{namespace}"')
        await self._auth.put_limits(namespace, None)
        await self._announce(namespace)


def _check(given: dict[str, Any]) -> None:
    if not given:
        raise BadInput("name at least one limit to set")
    for name, value in given.items():
        if name not in LIMIT_NAMES:
            raise BadInput(f"there is no limit called {name[:64]!r}")
        if isinstance(value, int) and value > NUMBER_MAX:
            raise BadInput(f"{name} must be at most {NUMBER_MAX}")
