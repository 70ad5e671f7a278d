"""Entities as the original client prints them: fixed keys in a fixed order.

Keys that are unknown are dropped, empty ones omitted; free-form values inside are
sorted. Programs ask for `-o json`, which shows what the server sent instead.
"""

from collections.abc import Callable
from typing import Any

from wsk.errors import GENERAL, WskError
from wsk.jsontext import integer

ACTION = (
    "namespace", "name", "version", "exec", "annotations", "delAnnotations",
    "parameters", "limits", "error", "code", "publish", "updated",
)  # fmt: skip
EXEC = ("kind", "code", "image", "init", "main", "components", "binary")
LIMITS = ("timeout", "memory", "logs", "concurrency")
PACKAGE = (
    "namespace", "name", "version", "publish", "annotations", "parameters", "binding",
    "actions", "feeds", "updated",
)  # fmt: skip
TRIGGER = (
    "namespace", "name", "version", "activationId", "annotations", "parameters",
    "limits", "publish", "rules", "updated",
)  # fmt: skip
RULE = (
    "namespace", "name", "version", "annotations", "status", "trigger", "action",
    "publish", "updated",
)  # fmt: skip
ACTIVATION = (
    "namespace", "name", "version", "subject", "activationId", "cause", "start", "end",
    "duration", "statusCode", "response", "logs", "annotations", "publish",
)  # fmt: skip
RESPONSE = ("status", "statusCode", "success", "result")

STATUS_CODES = {
    "success": 0,
    "application error": 1,
    "action developer error": 2,
    "developer error": 2,
    "whisk internal error": 3,
    "internal error": 3,
}
# what a list shows for a status code
STATUS_TEXTS = ("success", "application error", "developer error", "internal error")

# what a missing field prints when it is asked for by name
_ABSENT: dict[str, Any] = {
    "namespace": "", "name": "", "version": "", "error": "", "code": 0, "updated": 0,
    "activationId": "", "status": "", "cause": "", "subject": "", "start": 0, "end": 0,
    "duration": 0, "statusCode": 0,
}  # fmt: skip


def in_order(value: Any) -> Any:
    """Sort the keys of free-form data at every level."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [in_order(item) for item in value]
    return value


def _pairs(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [
        {"key": item.get("key", ""), "value": in_order(item.get("value"))}
        for item in value
        if isinstance(item, dict)
    ]


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == "0"


def _chosen(value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """The known keys, in order, without the empty ones."""
    if not isinstance(value, dict):
        return {}
    shown: dict[str, Any] = {}
    for key in keys:
        if key in value and not _is_empty(value[key]):
            shape = _SHAPES.get(key)
            shown[key] = shape(value[key]) if shape else in_order(value[key])
    return shown


def exec_(value: Any) -> dict[str, Any]:
    shown = _chosen(value, EXEC)
    if isinstance(value, dict) and value.get("code") == "":
        shown = _chosen({**value, "code": " "}, EXEC) | {"code": ""}
    return shown


def action(value: Any) -> dict[str, Any]:
    return _chosen(value, ACTION)


def _actions(value: Any) -> list[Any]:
    return [action(item) for item in value] if isinstance(value, list) else []


def _limits(value: Any) -> dict[str, Any]:
    return _chosen(value, LIMITS)


def _binding(value: Any) -> dict[str, Any]:
    return _chosen(value, ("namespace", "name"))


_SHAPES: dict[str, Callable[[Any], Any]] = {
    "exec": exec_,
    "annotations": _pairs,
    "parameters": _pairs,
    "limits": _limits,
    "binding": _binding,
    "actions": _actions,
    "feeds": _actions,
}


def package(value: Any) -> dict[str, Any]:
    return _chosen(value, PACKAGE)


def trigger(value: Any) -> dict[str, Any]:
    return _chosen(value, TRIGGER)


def rule(value: Any) -> dict[str, Any]:
    return _chosen(value, RULE)


def activation(value: Any) -> dict[str, Any]:
    """A record; only `cause` and `publish` may be missing from it."""
    source = value if isinstance(value, dict) else {}
    response = source.get("response")
    response = response if isinstance(response, dict) else {}
    status = str(response.get("status", ""))
    number = STATUS_CODES.get(status, integer(source.get("statusCode")))
    shown: dict[str, Any] = {}
    for key in ACTIVATION:
        if key == "statusCode":
            shown[key] = number
        elif key == "response":
            shown[key] = {
                "status": status,
                "statusCode": number,
                "success": bool(response.get("success", False)),
            }
            if "result" in response:
                shown[key]["result"] = in_order(response["result"])
        elif key == "annotations":
            shown[key] = _pairs(source.get(key))
        elif key in source:
            shown[key] = in_order(source[key])
        elif key not in ("cause", "publish"):
            shown[key] = _ABSENT.get(key)
    return shown


def field_name(text: str, keys: tuple[str, ...], *, exit_code: int = GENERAL) -> str:
    """The key that a FIELD argument means.

    Raises:
        WskError: there is no such field.
    """
    for key in keys:
        if key.lower() == text.lower():
            return key
    usage = keys is ACTION
    raise WskError(f"Invalid field filter '{text}'.", exit_code, usage=usage)


def field(shown: dict[str, Any], name: str) -> Any:
    return shown.get(name, _ABSENT.get(name))


def annotation(value: Any, key: str) -> Any:
    """The value of an annotation, or None."""
    found = value.get("annotations") if isinstance(value, dict) else None
    return lookup(found, key)


def lookup(pairs: Any, key: str) -> Any:
    if not isinstance(pairs, list):
        return None
    for item in pairs:
        if isinstance(item, dict) and item.get("key") == key:
            return item.get("value")
    return None


def to_pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]
