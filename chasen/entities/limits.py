"""Limits of actions, namespaces and the whole house: bounds, defaults, checks.

Source: ActionLimits.scala, UserLimits.scala; figures are OpenWhisk's defaults.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from chasen.errors import BadInput, MalformedContent

MIB = 1024 * 1024

TIMEOUT_MS_MIN, TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX = 100, 60_000, 300_000
MEMORY_MB_MIN, MEMORY_MB_DEFAULT, MEMORY_MB_MAX = 128, 256, 512
LOGS_MB_MIN, LOGS_MB_DEFAULT, LOGS_MB_MAX = 0, 10, 10
CONCURRENCY_MIN, CONCURRENCY_DEFAULT, CONCURRENCY_MAX = 1, 1, 1

CODE_BYTES_MAX = 48 * MIB
PARAMETERS_BYTES_MAX = MIB
PAYLOAD_BYTES_MAX = MIB
RESULT_BYTES_MAX = MIB
BLOCKING_WAIT_MS_MAX = 60_000
PAGE_DEFAULT, PAGE_MAX = 30, 200
SEQUENCE_LENGTH_MAX = 50

INVOCATIONS_PER_MINUTE = 60
CONCURRENT_INVOCATIONS = 30
FIRES_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class ActionLimits:
    """What one activation of an action may use."""

    timeout_ms: int = TIMEOUT_MS_DEFAULT
    memory_mb: int = MEMORY_MB_DEFAULT
    logs_mb: int = LOGS_MB_DEFAULT
    concurrency: int = CONCURRENCY_DEFAULT
    instances: int | None = None

    def to_json(self) -> dict[str, int]:
        """``{"timeout": ms, "memory": MB, "logs": MB, "concurrency": n}``."""
        shown = {
            "timeout": self.timeout_ms,
            "memory": self.memory_mb,
            "logs": self.logs_mb,
            "concurrency": self.concurrency,
        }
        return (
            shown if self.instances is None else shown | {"instances": self.instances}
        )

    @classmethod
    def from_json(cls, value: Any, base: ActionLimits | None = None) -> ActionLimits:
        """Answer ``base`` (or the defaults) overlaid by the fields in ``value``.

        Raises:
            MalformedContent: a field that is not a whole number.
        """
        base = base or cls()
        if not isinstance(value, dict):
            raise MalformedContent("limits malformed")
        taken = {}
        for field, (key, title) in _FIELDS.items():
            if value.get(key) is not None:
                taken[field] = _whole_number(value[key], title)
        if taken.get("instances", 0) < 0:
            raise MalformedContent(
                "requirement failed: Action container concurrency must be greater "
                "than or equal to 0."
            )
        return cls(**{name: taken.get(name, getattr(base, name)) for name in _FIELDS})

    def check(self, bounds: UserLimits, *, given: frozenset[str]) -> None:
        """Raise BadInput when one of the ``given`` fields is out of bounds.

        ``given`` holds names as in JSON; what was stored earlier is not judged again.
        """
        for key, value, low, high, text, unit in (
            ("memory", self.memory_mb, *bounds.memory_mb, "memory size", " MB"),
            ("timeout", self.timeout_ms, *bounds.timeout_ms, "duration", _MS),
            ("logs", self.logs_mb, *bounds.logs_mb, "log size", " MB"),
            ("concurrency", self.concurrency, *bounds.concurrency, "concurrency", ""),
        ):
            if key not in given:
                continue
            if value > high:
                raise BadInput(
                    f"requirement failed: {text} {value}{unit} exceeds allowed "
                    f"threshold of {high}{unit}"
                )
            if value < low:
                raise BadInput(
                    f"requirement failed: {text} {value}{unit} below allowed "
                    f"threshold of {low}{unit}"
                )
        if "instances" in given and self.instances is not None:
            if self.instances > bounds.concurrent_invocations:
                raise BadInput(
                    "Max action instance concurrency must not exceed your namespace "
                    f"concurrency of {bounds.concurrent_invocations}."
                )


_MS = " milliseconds"
_FIELDS = {
    "timeout_ms": ("timeout", "time limit"),
    "memory_mb": ("memory", "memory limit"),
    "logs_mb": ("logs", "log limit"),
    "concurrency": ("concurrency", "intra concurrency limit"),
    "instances": ("instances", "instance concurrency limit"),
}


def _whole_number(value: Any, title: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedContent(f"{title} malformed")
    if not math.isfinite(value) or value != int(value):
        raise MalformedContent(f"requirement failed: {title} must be whole number")
    return int(value)


@dataclass(frozen=True, slots=True)
class UserLimits:
    """What a namespace may do: the house's defaults where nothing else was said.

    As stored, a value may lie beyond the house's bounds; ``clamped`` is what holds.
    Pairs are (lowest, highest).  None: the house has no such limit of its own.
    """

    invocations_per_minute: int = INVOCATIONS_PER_MINUTE
    concurrent_invocations: int = CONCURRENT_INVOCATIONS
    fires_per_minute: int = FIRES_PER_MINUTE
    allowed_kinds: tuple[str, ...] = ()
    store_activations: bool = True
    memory_mb: tuple[int, int] = (MEMORY_MB_MIN, MEMORY_MB_MAX)
    timeout_ms: tuple[int, int] = (TIMEOUT_MS_MIN, TIMEOUT_MS_MAX)
    logs_mb: tuple[int, int] = (LOGS_MB_MIN, LOGS_MB_MAX)
    concurrency: tuple[int, int] = (CONCURRENCY_MIN, CONCURRENCY_MAX)
    parameters_bytes: int = PARAMETERS_BYTES_MAX
    payload_bytes: int = PAYLOAD_BYTES_MAX
    truncation_bytes: int = RESULT_BYTES_MAX
    warm_containers: int | None = None
    warm_containers_kept: str | None = None  # a duration, for who schedules by it
    action_instances: int | None = None

    def clamped(self) -> UserLimits:
        """Answer the limits as they hold: never beyond those of the house."""
        stock = UserLimits()
        pairs = {
            field: (
                max(getattr(self, field)[0], getattr(stock, field)[0]),
                min(getattr(self, field)[1], getattr(stock, field)[1]),
            )
            for field in _PAIRS
        }
        sizes = {
            field: min(getattr(self, field), getattr(stock, field)) for field in _SIZES
        }
        return replace(self, **pairs, **sizes)

    def to_json(self) -> dict[str, Any]:
        """The stored limits document: only what differs from the defaults.

        ``{"invocationsPerMinute": 1, "maxActionMemory": MB, "maxPayloadSize": "1 KB",
        "allowedKinds": [...], ...}``, in the order of OpenWhisk's documents.
        """
        stock = UserLimits()
        shown: dict[str, Any] = {}
        for field in _PLAIN:
            if getattr(self, field) != getattr(stock, field):
                shown[_PLAIN[field]] = getattr(self, field)
        for field, suffix in _PAIRS.items():
            for index, word in enumerate(("min", "max")):
                value = getattr(self, field)[index]
                if value != getattr(stock, field)[index]:
                    shown[f"{word}Action{suffix}"] = value
        for field, key in _SIZES.items():
            if getattr(self, field) != getattr(stock, field):
                shown[key] = size_text(getattr(self, field))
        if "allowedKinds" in shown:
            shown["allowedKinds"] = list(self.allowed_kinds)
        return shown

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> UserLimits:
        """Answer the limits in a document; null and unknown members are left out.

        Raises:
            MalformedContent: a member of the wrong type, named.
        """
        stock = cls()
        taken: dict[str, Any] = {}
        for field, key in _PLAIN.items():
            if document.get(key) is not None:
                taken[field] = _plain(field, key, document[key])
        for field, suffix in _PAIRS.items():
            taken[field] = tuple(
                bound if document.get(key) is None else _count(key, document[key])
                for key, bound in zip(
                    (f"minAction{suffix}", f"maxAction{suffix}"),
                    getattr(stock, field),
                    strict=True,
                )
            )
        for field, key in _SIZES.items():
            if document.get(key) is not None:
                taken[field] = size_bytes(key, document[key])
        return cls(**taken)

    def shown(self) -> dict[str, Any]:
        """What ``GET limits`` tells: the values that hold, optional ones if given."""
        held = self.clamped()
        low_high = {
            f"{word}Action{suffix}": getattr(held, field)[index]
            for field, suffix in _PAIRS.items()
            for index, word in enumerate(("min", "max"))
        }
        extra = {
            key: value for key, value in held.to_json().items() if key in _SHOWN_IF_SET
        }
        return {
            "invocationsPerMinute": held.invocations_per_minute,
            "concurrentInvocations": held.concurrent_invocations,
            "firesPerMinute": held.fires_per_minute,
            **low_high,
            "maxParameterSize": size_text(held.parameters_bytes),
            "maxActionInstances": held.concurrent_invocations,
            **extra,
        }


_PLAIN = {
    "invocations_per_minute": "invocationsPerMinute",
    "fires_per_minute": "firesPerMinute",
    "concurrent_invocations": "concurrentInvocations",
    "allowed_kinds": "allowedKinds",
    "store_activations": "storeActivations",
    "warm_containers": "warmedContainerKeepingCount",
    "warm_containers_kept": "warmedContainerKeepingTimeout",
    "action_instances": "maxActionInstances",
}
_PAIRS = {
    "memory_mb": "Memory",
    "logs_mb": "Logs",
    "timeout_ms": "Timeout",
    "concurrency": "Concurrency",
}
_SIZES = {
    "parameters_bytes": "maxParameterSize",
    "payload_bytes": "maxPayloadSize",
    "truncation_bytes": "truncationSize",
}
_SHOWN_IF_SET = frozenset(
    {
        "allowedKinds",
        "storeActivations",
        "maxPayloadSize",
        "truncationSize",
        "warmedContainerKeepingCount",
        "warmedContainerKeepingTimeout",
    }
)
LIMIT_NAMES = (
    *_PLAIN.values(),
    *(f"{word}Action{suffix}" for suffix in _PAIRS.values() for word in ("min", "max")),
    *_SIZES.values(),
)
_UNITS = {"B": 1, "KB": 1024, "MB": MIB, "GB": 1024 * MIB}
_SIZE = re.compile(r"(\d{1,9}) ?(B|KB|MB|GB|K|M|G)", re.IGNORECASE | re.ASCII)


def size_bytes(key: str, value: Any) -> int:
    """Answer the bytes in "100 B", "1 MB"; raises MalformedContent."""
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise MalformedContent(f"{key} must be a size like '100 B', '2 KB' or '1 MB'")
    unit = found[2].upper()
    return int(found[1]) * _UNITS[unit if unit.endswith("B") else f"{unit}B"]


def size_text(size: int) -> str:
    """Answer the size in the largest unit that loses nothing: 1048576 -> "1 MB"."""
    for unit in ("GB", "MB", "KB"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]} {unit}"
    return f"{size} B"


def _plain(field: str, key: str, value: Any) -> Any:
    if field == "store_activations":
        if not isinstance(value, bool):
            raise MalformedContent(f"{key} must be true or false")
        return value
    if field == "allowed_kinds":
        if not isinstance(value, list) or not all(isinstance(it, str) for it in value):
            raise MalformedContent(f"{key} must be a list of kinds")
        return tuple(value)
    if field == "warm_containers_kept":
        if not isinstance(value, str):
            raise MalformedContent(f"{key} must be a duration")
        return value
    return _count(key, value)


def _count(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MalformedContent(f"{key} must be a whole number, 0 or more")
    return value
