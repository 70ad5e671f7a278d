"""JSON by the C parts of the json package alone, or by the package where they differ.

Importing the package takes 8 ms on a slow core, for its regular expressions: a cold
start would wait for them.
"""

from __future__ import annotations

TYPING = False
if TYPING:  # the typing module costs 5 ms, and only a checker reads it
    from collections.abc import Callable
    from typing import Any

    Codec = tuple[Callable[[str], Any], Callable[[Any], str]]


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class _ScannerOptions:
    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse_constant)


def _refuse_value(value: object) -> Any:
    kind = type(value).__name__
    raise TypeError(f"Object of type {kind} is not JSON serializable")


def _c_codec() -> Codec:
    from _json import encode_basestring, make_encoder, make_scanner

    scan = make_scanner(_ScannerOptions)  # type: ignore[arg-type]
    encode = make_encoder(
        None, _refuse_value, encode_basestring, None, ":", ",", False, False, False
    )

    def loads(text: str) -> Any:
        text = text.strip(" \t\n\r")
        try:
            value, end = scan(text, 0)
        except (StopIteration, SystemError, ValueError):
            # The C part alone cannot say what is wrong: that is the package's part.
            return _package_codec()[0](text)
        if end != len(text):
            raise ValueError(f"there is more behind the JSON value, at {end}")
        return value

    def dumps(value: Any) -> str:
        return "".join(encode(value, 0))

    if loads('{"a":[1.5,null]}') != {"a": [1.5, None]} or dumps(["é"]) != '["é"]':
        raise ImportError("the C parts of json have changed")
    return loads, dumps


def _package_codec() -> Codec:
    import json

    def loads(text: str) -> Any:
        return json.loads(text, parse_constant=_refuse_constant)

    def dumps(value: Any) -> str:
        return json.dumps(
            value, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        )

    return loads, dumps


try:
    loads, dumps = _c_codec()
except Exception:  # another Python than CPython, or a later one
    loads, dumps = _package_codec()


def as_text(value: Any) -> str:
    """Answer a variable's text: strings as they are, null is empty, others as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else dumps(value)
