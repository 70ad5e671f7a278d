"""Swagger files for `wsk api create --config-file`: JSON, or YAML by its suffix."""

import json
import os
from typing import Any

from wsk import jsontext
from wsk.errors import GENERAL, MISUSE, WskError

PREFIX = "Unable to parse swagger file: "


def _fault(text: str, exit_code: int = GENERAL) -> WskError:
    return WskError(PREFIX + text, exit_code, usage=True)


def read_swagger(path: str) -> str:
    """The document as one JSON string, checked for what a gateway needs.

    Raises:
        WskError: it cannot be read, parsed, or lacks a part.
    """
    if not os.path.isfile(path):
        text = f"File '{path}' is not a valid file or it does not exist"
        raise _fault(f"Error reading swagger file '{path}': {text}", MISUSE)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise _fault(f"Error reading swagger file '{path}': {reason}") from error
    document = _parsed(path, text)
    _check(document)
    return jsontext.compact(document)


def _parsed(path: str, text: str) -> Any:
    if path.lower().endswith((".yaml", ".yml")):
        from wsk.yamlread import load

        try:
            # a trip through JSON turns Python's numbers into literals
            return jsontext.loads(json.dumps(load(text)))
        except (ValueError, TypeError) as error:
            text = f"Unable to parse YAML configuration file: {error}"
            raise _fault(text) from error
    try:
        return jsontext.loads(text)
    except ValueError as error:
        raise _fault(f"Error parsing swagger file '{path}': {error}") from error


def _check(document: Any) -> None:
    needed = ("basePath", "info", "paths", "swagger")
    if not isinstance(document, dict) or not all(document.get(key) for key in needed):
        raise _fault(
            "Swagger file is invalid (missing basePath, info, paths, or swagger fields)"
        )
    if not str(document["basePath"]).startswith("/"):
        raise _fault("Swagger file basePath must start with a leading slash (/)")
