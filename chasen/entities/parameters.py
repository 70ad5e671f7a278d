"""Parameters and annotations: key-values with a merge order, and their sizes.

Source: Parameter.scala.  Values are JSON; keys are unique, the last one wins.  The
value of a locked parameter is sealed text; who opens it is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from chasen.errors import MalformedContent

LOCKED = "aes-256"  # what ``encryption`` says of a locked parameter
_NOT_LOCKED = (None, False, "", "noop")
_NOT_IN_A_VARIABLE = frozenset("=\0")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key-value; ``init`` values reach the environment, not the function.

    ``encryption`` is LOCKED or None.  As given by a user it is a wish; in a stored
    entity the value is sealed.
    """

    key: str
    value: Any
    init: bool = False
    encryption: str | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """An ordered set of parameters (or annotations) with unique keys."""

    items: tuple[Parameter, ...] = ()

    @classmethod
    def from_json(cls, value: Any, what: str = "parameters") -> Parameters:
        """Answer the set for ``[{"key", "value", "init"?, "encryption"?}, ...]``.

        Raises:
            MalformedContent: not such a list.
        """
        if not isinstance(value, list):
            raise MalformedContent(f"{what} malformed!")
        found: dict[str, Parameter] = {}
        for index, each in enumerate(value):
            read = _read(each)
            if read is None:
                raise MalformedContent(f"{what} malformed! (number {index + 1})")
            found[read.key] = read
        return cls(tuple(found.values()))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Parameters:
        return cls(tuple(Parameter(key, value) for key, value in values.items()))

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {"key": each.key, "value": each.value}
            | ({"init": True} if each.init else {})
            | ({"encryption": each.encryption} if each.encryption else {})
            for each in self.items
        ]

    def get(self, key: str, default: Any = None) -> Any:
        for each in self.items:
            if each.key == key:
                return each.value
        return default

    def __contains__(self, key: str) -> bool:
        return any(each.key == key for each in self.items)

    def merged(self, over: Parameters) -> Parameters:
        """Answer self overlaid by ``over``."""
        found = {each.key: each for each in self.items}
        found.update((each.key, each) for each in over.items)
        return Parameters(tuple(found.values()))

    def without(self, keys: Iterable[str]) -> Parameters:
        gone = frozenset(keys)
        return Parameters(tuple(each for each in self.items if each.key not in gone))

    def is_truthy(self, key: str) -> bool:
        """Answer as OpenWhisk does: false, 0, "" and null are false, all else true."""
        value = self.get(key)
        return (
            bool(value)
            if isinstance(value, bool | int | float | str)
            else (value is not None)
        )

    @property
    def size_bytes(self) -> int:
        """UTF-8 bytes of keys plus those of the values' JSON."""
        return sum(
            len(each.key.encode()) + len(orjson.dumps(each.value))
            for each in self.items
        )


def _read(given: Any) -> Parameter | None:
    """Answer the parameter, None when it is malformed."""
    if not isinstance(given, dict) or "value" not in given:
        return None
    key, init, wish = (
        given.get("key"),
        given.get("init", False),
        given.get("encryption"),
    )
    if not isinstance(key, str) or not key or not isinstance(init, bool):
        return None
    if init and not _NOT_IN_A_VARIABLE.isdisjoint(key):
        return None
    if wish in _NOT_LOCKED:
        return Parameter(key, given["value"], init)
    # One scheme is all there is, and each of OpenWhisk's names asks for it.
    if wish is True or (isinstance(wish, str) and wish.startswith("aes-")):
        return Parameter(key, given["value"], init, LOCKED)
    return None
