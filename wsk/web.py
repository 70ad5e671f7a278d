"""The annotations behind --web and --web-secure."""

import secrets
from typing import Any

from wsk.entities import annotation
from wsk.errors import MISUSE, arguments_error
from wsk.jsontext import Number
from wsk.session import Session

WEB = "web-export"
RAW = "raw-http"
FINAL = "final"
SECRET = "require-whisk-auth"  # noqa: S105 - the annotation's name
SECRET_LIMIT = 2**53  # the largest integer that every JSON reader keeps exact

_MODES = {
    "yes": (True, False, True),
    "true": (True, False, True),
    "raw": (True, True, True),
    "no": (False, False, False),
    "false": (False, False, False),
}


def mode(text: str) -> dict[str, bool]:
    """The three annotations of a --web value.

    Raises:
        WskError: it is none of the five.
    """
    try:
        export, raw, final = _MODES[text.lower()]
    except KeyError:
        raise arguments_error(
            f"Invalid argument '{text}' for --web flag. "
            "Valid input consist of 'yes', 'true', 'raw', 'false', or 'no'.",
            MISUSE,
        ) from None
    return {WEB: export, RAW: raw, FINAL: final}


def annotate(session: Session, annotations: dict[str, Any], existing: Any) -> list[str]:
    """Add what --web and --web-secure ask for; answer the annotations to delete.

    `existing` is the action as it is stored; None when it is being created.

    Raises:
        WskError: a value is not understood, or a secret without a web action.
    """
    call = session.call
    deleted: list[str] = []
    if call.given("web"):
        modes = mode(call.text("web"))
        if existing is not None:
            annotations = _keep(annotations, existing)
        annotations.update(modes)
    if call.given("web-secure"):
        _secure(session, annotations, existing, deleted)
    return deleted


def _keep(annotations: dict[str, Any], existing: Any) -> dict[str, Any]:
    """An update of --web resends what is there, unless -a says otherwise."""
    stored = {
        item["key"]: item.get("value")
        for item in existing.get("annotations") or []
        if isinstance(item, dict) and "key" in item
    }
    if annotations:
        stored = {key: stored[key] for key in (SECRET,) if key in stored}
    for key, value in stored.items():
        annotations.setdefault(key, value)
    return annotations


def _secure(
    session: Session, annotations: dict[str, Any], existing: Any, deleted: list[str]
) -> None:
    is_web = annotations.get(WEB)
    if is_web is None and existing is not None:
        is_web = annotation(existing, WEB)
    if is_web is not True:
        raise arguments_error(
            "The --web-secure option is only valid when the --web option is enabled.",
            MISUSE,
        )
    text = session.call.text("web-secure")
    stored = annotation(existing, SECRET) if existing is not None else None
    if text.lower() == "true":
        is_number = isinstance(stored, Number)
        annotations[SECRET] = stored if is_number else secrets.randbelow(SECRET_LIMIT)
    elif text.lower() == "false":
        annotations.pop(SECRET, None)
        if existing is None:
            annotations[SECRET] = False
        else:
            deleted.append(SECRET)
    else:
        annotations[SECRET] = text
