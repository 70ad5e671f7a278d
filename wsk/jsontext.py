"""JSON whose numbers keep the digits they were written with.

The CLI passes documents through: 12345678901234567890, 1.50 and 1E5 must leave as
they came, so numbers are `Number` strings and no float is ever made. The standard
library's decoder does the parsing; the writers are ours because its encoder quotes
every string, `Number` included.
"""

import json
from json.encoder import encode_basestring  # type: ignore[attr-defined]
from typing import Any


class Number(str):
    """A number as its literal."""

    __slots__ = ()


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


_decoder = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=_refuse
)


def loads(text: str | bytes) -> Any:
    """Parse one document.

    Raises:
        ValueError: not JSON, not UTF-8 or nested too deeply; the text says where.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        return _decoder.decode(text)
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None


def integer(value: Any, default: int = 0) -> int:
    """Read a number that ought to be whole; anything else is the default."""
    if isinstance(value, bool) or value is None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        try:
            return int(float(value))
        except (TypeError, ValueError, OverflowError):
            return default


def _string(text: str) -> str:
    quoted = encode_basestring(text)
    if "\u2028" in quoted or "\u2029" in quoted:
        quoted = quoted.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return quoted


def _scalar(value: Any) -> str | None:
    match value:
        case None:
            return "null"
        case True:
            return "true"
        case False:
            return "false"
        case Number():
            return str(value)
        case str():
            return _string(value)
        case int() | float():
            return repr(value)
    return None


def pretty(value: Any, *, indent: int = 4, sort: bool = True) -> str:
    """Write for eyes: four blanks a level, `{}` and `[]` inline."""
    pieces: list[str] = []
    _write(value, "\n", " " * indent, sort, pieces)
    return "".join(pieces)


def _write(value: Any, line: str, step: str, sort: bool, pieces: list[str]) -> None:
    text = _scalar(value)
    if text is not None:
        pieces.append(text)
        return
    is_object = isinstance(value, dict)
    opening, closing = ("{", "}") if is_object else ("[", "]")
    if not value:
        pieces.append(opening + closing)
        return
    inner = line + step
    names: list[Any] = sorted(value) if is_object and sort else list(value)
    separator = opening + inner
    for name in names:
        pieces.append(separator)
        if is_object:
            pieces.append(_string(name) + ": ")
        _write(value[name] if is_object else name, inner, step, sort, pieces)
        separator = "," + inner
    pieces.append(line + closing)


def compact(value: Any) -> str:
    """Write for the wire, keys in the order given."""
    text = _scalar(value)
    if text is not None:
        return text
    if isinstance(value, dict):
        members = (f"{_string(key)}:{compact(item)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    return "[" + ",".join(compact(item) for item in value) + "]"


def plain(value: Any) -> Any:
    """Turn literals into Python's numbers, where types are compared."""
    if isinstance(value, Number):
        return json.loads(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
