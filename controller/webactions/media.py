"""Media types: read one, tell text from bytes, compare with what a client accepts.

Source: RFC 9110 sections 8.3 and 12.5.1; what counts as text is akka-http's table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

LENGTH_MAX = 1024  # beyond it, a type is not a type

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\s*({_WORD})/({_WORD})\s*(?:;(.*))?", re.ASCII | re.DOTALL)
_PARAMETER = re.compile(rf'\s*({_WORD})=("[^"\\\x00-\x1f]*"|{_WORD})\s*', re.ASCII)
_TEXTUAL = frozenset(
    {
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/x-javascript",
        "application/x-www-form-urlencoded",
        "application/xml",
    }
)
_DOCUMENTS = frozenset({"text/html", "text/xml", "application/xml"})


@dataclass(frozen=True, slots=True)
class MediaType:
    """``essence`` is ``main/sub`` in lower case, ``parameters`` all but the charset."""

    essence: str
    parameters: tuple[tuple[str, str], ...] = ()
    charset: str | None = None

    @property
    def is_json(self) -> bool:
        return self.essence == "application/json" or self.essence.endswith("+json")

    @property
    def is_text(self) -> bool:
        return (
            self.essence.startswith("text/")
            or self.essence in _TEXTUAL
            or (self.essence.endswith("+xml") and not self.is_image)
            or self.is_json
        )

    @property
    def is_image(self) -> bool:
        return self.essence.startswith("image/")

    @property
    def is_document(self) -> bool:
        """Answer whether a browser would run what is in it."""
        return self.essence in _DOCUMENTS or self.essence.endswith("+xml")

    def __str__(self) -> str:
        """As it is sent: text says that it is UTF-8, JSON always is."""
        shown = self.essence + "".join(f"; {k}={v}" for k, v in self.parameters)
        if self.is_text and not self.is_json:
            shown += "; charset=UTF-8"
        return shown


@lru_cache(maxsize=512)
def parse(value: str) -> MediaType | None:
    """Answer the type, None if this is not one."""
    if len(value) > LENGTH_MAX:
        return None
    found = _TYPE.fullmatch(value)
    if found is None:
        return None
    main, sub, rest = found.groups()
    charset, parameters = None, []
    for part in (rest or "").split(";"):
        if not part.strip():
            continue
        pair = _PARAMETER.fullmatch(part)
        if pair is None:
            return None
        if pair[1].lower() == "charset":
            charset = pair[2].strip('"').lower()
        else:
            parameters.append((pair[1].lower(), pair[2]))
    return MediaType(f"{main}/{sub}".lower(), tuple(parameters), charset)


@lru_cache(maxsize=512)
def accepts(header: str, essence: str) -> bool:
    """Answer whether this ``Accept`` allows that type; the closest range decides.

    A header in which nothing can be read allows everything.
    """
    main = essence.partition("/")[0]
    best, allowed, readable = -1, False, False
    for part in header.split(","):
        found = parse(part)
        if found is None:
            continue
        readable = True
        close = {essence: 2, f"{main}/*": 1, "*/*": 0}.get(found.essence, -1)
        if close > best:
            best, allowed = close, _quality(found) > 0
    return allowed or not readable


def _quality(found: MediaType) -> float:
    for key, value in found.parameters:
        if key == "q":
            try:
                return float(value)
            except ValueError:
                return 1.0
    return 1.0
