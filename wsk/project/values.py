"""Values in manifests: ${VARIABLES} of the environment, and typed inputs."""

import os
import re
from collections.abc import Mapping
from typing import Any

_VARIABLE = re.compile(r"\$\$(\{\w+\}|\w+)|\$\{(\w+)\}|\$([A-Za-z_]\w*)")

ZEROES: dict[str, Any] = {
    "string": "", "integer": 0, "int": 0, "float": 0.0, "number": 0, "boolean": False,
    "bool": False, "json": {}, "object": {}, "array": [], "list": [],
}  # fmt: skip
_PYTHON: dict[str, Any] = {
    "string": str, "integer": int, "int": int, "float": (int, float),
    "number": (int, float), "boolean": bool, "bool": bool, "json": (dict, list),
    "object": dict, "array": list, "list": list,
}  # fmt: skip
_TYPED_KEYS = {
    "type",
    "description",
    "value",
    "default",
    "required",
    "status",
    "schema",
}


class Unset(ValueError):
    """A variable of the environment that is not there."""


def interpolate(value: Any, environ: Mapping[str, str] = os.environ) -> Any:
    """Put variables into the strings of a value; `$${X}` stays `${X}`.

    What a variable holds is not looked into again.

    Raises:
        Unset: a variable is not set.
    """
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _variable(found, environ), value)
    if isinstance(value, list):
        return [interpolate(item, environ) for item in value]
    if isinstance(value, dict):
        return {key: interpolate(item, environ) for key, item in value.items()}
    return value


def _variable(found: re.Match[str], environ: Mapping[str, str]) -> str:
    if found[1]:
        return f"${found[1]}"
    name = found[2] or found[3]
    if name not in environ:
        raise Unset(f"the variable {name} is not set")
    return environ[name]


def is_typed(value: Any) -> bool:
    """Is this {type: ..., value: ...} rather than an object to pass on?"""
    return (
        isinstance(value, dict)
        and set(value) <= _TYPED_KEYS
        and ("type" in value or "value" in value or "default" in value)
    )


def resolve(name: str, value: Any, override: Any = None) -> Any:
    """The value that an input stands for.

    Raises:
        ValueError: required and missing, or of another type than it says.
    """
    if is_typed(value):
        return _resolve_typed(name, value, override)
    if override is not None:
        return override
    if isinstance(value, str) and value in ZEROES:
        return ZEROES[value]  # `name: string` declares, and gives nothing
    return value


def _resolve_typed(name: str, value: dict[str, Any], override: Any) -> Any:
    kind = value.get("type")
    if kind is not None and kind not in ZEROES:
        raise ValueError(f"{name}: the type '{kind}' is none of {', '.join(ZEROES)}")
    for candidate in (override, value.get("value"), value.get("default")):
        if candidate is not None and candidate != "":
            _check_type(name, kind, candidate)
            return candidate
    if value.get("required") is True:
        raise ValueError(f"{name}: a value is required")
    return value.get("value", ZEROES.get(str(kind), ""))


def _check_type(name: str, kind: Any, value: Any) -> None:
    wanted = _PYTHON.get(str(kind))
    if wanted is None:
        return
    is_bool = isinstance(value, bool)
    fits = isinstance(value, wanted) and (not is_bool or kind in ("boolean", "bool"))
    if not fits:
        shown = type(value).__name__
        raise ValueError(f"{name}: {kind} is expected, not {shown} ({value!r})")
