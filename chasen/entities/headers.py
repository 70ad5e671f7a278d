"""Headers of an action's response that never reach a client.

They belong to the connection, to the gateway or to the house: obeyed, they would serve
files of the gateway's, stall a reply or frame it twice.  The controller drops them; the
invoker names them in the record, so that their author need not wonder.
"""

from __future__ import annotations

from typing import Any

import orjson

NAMES_TOLD = 32

_DROPPED = frozenset(
    {
        "alt-svc",
        "clear-site-data",
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "server",
        "strict-transport-security",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-request-id",
    }
)
_DROPPED_PREFIXES = ("x-accel-", "x-openwhisk-", "proxy-")


def is_dropped(name: str) -> bool:
    """Answer for a name in lower case."""
    return name in _DROPPED or name.startswith(_DROPPED_PREFIXES)


def dropped_headers(result: bytes | None) -> list[str]:
    """Answer the names in ``{"headers": {...}}`` (or in its ``error``) to be dropped.

    A result without that member, the usual one, is not even decoded.
    """
    if result is None or b'"headers"' not in result:
        return []
    value: Any = orjson.loads(result)
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        value = value["error"]
    headers = value.get("headers") if isinstance(value, dict) else None
    if not isinstance(headers, dict):
        return []
    dropped = {name.lower()[:64] for name in headers if is_dropped(name.lower())}
    return sorted(dropped)[:NAMES_TOLD]
