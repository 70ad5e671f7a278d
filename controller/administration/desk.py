"""The one counter where operators are served, whichever way they come.

``chasen admin`` asks here through the operator port, or in its own process when no
house runs.  An operation has a name ("user create") and arguments and gives a value of
JSON; what is printed is the command's affair.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from chasen.errors import BadInput, NoDocument
from chasen.ports.stores import Stores
from chasen.seal import Seal
from controller.administration.contents import Contents, Row
from controller.administration.limits import NamespaceLimits
from controller.administration.subjects import Announce, Subjects, tell_nobody

Arguments = Mapping[str, Any]


class Desk:
    """Carries out operations by name."""

    def __init__(
        self, stores: Stores, seal: Seal, announce: Announce = tell_nobody
    ) -> None:
        self._subjects = Subjects(stores.auth, seal, announce)
        self._limits = NamespaceLimits(stores.auth, announce)
        self._contents = Contents(stores)
        self._operations: dict[str, Callable[[Arguments], Awaitable[Any]]] = {
            "user create": self._create,
            "user delete": self._delete,
            "user keys": lambda given: self._subjects.keys(_text(given, "subject")),
            "user whois": lambda given: self._subjects.whois(_text(given, "key")),
            "user identities": lambda given: self._subjects.identities(
                _text(given, "namespace")
            ),
            "user block": lambda given: self._block(given, True),
            "user unblock": lambda given: self._block(given, False),
            "limits set": self._set_limits,
            "limits get": lambda given: self._limits.get(_text(given, "namespace")),
            "limits delete": lambda given: self._limits.delete(
                _text(given, "namespace")
            ),
        }

    async def call(self, operation: str, arguments: Arguments) -> Any:
        """Answer the operation's value.

        Raises: NoDocument for an unknown operation, BadInput for arguments that do not
        fit, and what the operation raises.
        """
        if operation not in self._operations:
            raise NoDocument(f"there is no operation called {operation[:64]!r}")
        return await self._operations[operation](arguments)

    def rows(self, arguments: Arguments) -> AsyncIterator[Row]:
        """Answer ``db get``, row after row."""
        return self._contents.rows(
            _text(arguments, "database"),
            _text_or_none(arguments, "view"),
            docs=_flag(arguments, "docs"),
        )

    async def _create(self, given: Arguments) -> str:
        return await self._subjects.create(
            _text(given, "subject"),
            _text_or_none(given, "namespace"),
            key=_text_or_none(given, "key"),
            revoke=_flag(given, "revoke"),
        )

    async def _delete(self, given: Arguments) -> None:
        await self._subjects.delete(
            _text(given, "subject"), _text_or_none(given, "namespace")
        )

    async def _block(self, given: Arguments, blocked: bool) -> None:
        await self._subjects.set_blocked(_text(given, "subject"), blocked)

    async def _set_limits(self, given: Arguments) -> None:
        limits = given.get("limits")
        if not isinstance(limits, dict):
            raise BadInput("limits must be an object")
        await self._limits.set(_text(given, "namespace"), limits)


def _text(given: Arguments, name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise BadInput(f"{name} must be a text")
    return value


def _text_or_none(given: Arguments, name: str) -> str | None:
    return None if given.get(name) is None else _text(given, name)


def _flag(given: Arguments, name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise BadInput(f"{name} must be true or false")
    return value
