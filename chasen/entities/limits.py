"""Limits of actions, namespaces and the whole house: bounds, defaults, checks.

Source: ActionLimits.scala, UserLimits.scala; figures are OpenWhisk's defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    if value != int(value):
        raise MalformedContent(f"requirement failed: {title} must be whole number")
    return int(value)


@dataclass(frozen=True, slots=True)
class UserLimits:
    """What a namespace may do; None in a stored document means the house's default."""

    invocations_per_minute: int = INVOCATIONS_PER_MINUTE
    concurrent_invocations: int = CONCURRENT_INVOCATIONS
    fires_per_minute: int = FIRES_PER_MINUTE
    allowed_kinds: tuple[str, ...] = ()
    store_activations: bool = True
    memory_mb: tuple[int, int] = (MEMORY_MB_MIN, MEMORY_MB_MAX)
    timeout_ms: tuple[int, int] = (TIMEOUT_MS_MIN, TIMEOUT_MS_MAX)
    logs_mb: tuple[int, int] = (LOGS_MB_MIN, LOGS_MB_MAX)
    concurrency: tuple[int, int] = (CONCURRENCY_MIN, CONCURRENCY_MAX)

    def to_json(self) -> dict[str, Any]:
        """The stored limits document: only what differs from the defaults."""
        stock = UserLimits()
        return {
            key: getattr(self, field)
            for field, key in _USER_FIELDS.items()
            if getattr(self, field) != getattr(stock, field)
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> UserLimits:
        """Answer the limits in a stored document; unknown fields are kept out."""
        taken: dict[str, Any] = {}
        for field, key in _USER_FIELDS.items():
            value = document.get(key)
            if value is not None:
                taken[field] = tuple(value) if isinstance(value, list) else value
        return cls(**taken)


_USER_FIELDS = {
    "invocations_per_minute": "invocationsPerMinute",
    "concurrent_invocations": "concurrentInvocations",
    "fires_per_minute": "firesPerMinute",
    "allowed_kinds": "allowedKinds",
    "store_activations": "storeActivations",
}
