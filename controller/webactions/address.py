"""Where a web request goes: ``/api/v1/web/{ns}/{package}/{action}[.ext][/{rest}]``.

Each segment is decoded once; what is left over is handed on as it was sent.  Also which
host names are ours.  Source: mediaTranscoderForName and routes in WebActions.scala.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from chasen.entities import FullyQualifiedEntityName
from chasen.errors import BadInput, NoDocument

PREFIX = b"/api/v1/web/"
DEFAULT_PACKAGE = "default"
NO_ROUTE = "The requested resource could not be found."
NAME_BYTES_MAX = 1024  # 256 characters, all of them encoded, and an extension

# A client that collapses these would mean another address than the one it sends.
_DOTS = re.compile(rb"[/\\]\.{1,2}(?:[/\\]|$)")


class Extension(StrEnum):
    """How a result becomes a response."""

    HTTP = ".http"
    JSON = ".json"
    HTML = ".html"
    SVG = ".svg"
    TEXT = ".text"


@dataclass(frozen=True, slots=True)
class Address:
    """The action that is meant, and how it shall answer."""

    fqn: FullyQualifiedEntityName
    extension: Extension


def parse(path: bytes) -> tuple[Address, str]:
    """Answer the address in a raw path, and what follows it, still encoded.

    Raises:
        NoDocument: too short, or no name could look like that.
    """
    parts = path.removeprefix(PREFIX).split(b"/", 3)
    if len(parts) < 3 or not all(parts[:3]):
        raise NoDocument(NO_ROUTE)
    address = _address(*parts[:3])
    if len(parts) == 3:
        return address, ""
    rest = b"/" + parts[3]
    plain = unquote_to_bytes(rest) if b"%" in rest else rest
    if not rest.isascii() or (b"." in plain and _DOTS.search(plain)):
        raise NoDocument
    return address, rest.decode("ascii")


@lru_cache(maxsize=4096)
def _address(namespace: bytes, package: bytes, segment: bytes) -> Address:
    names = [_decoded(part) for part in (namespace, package, segment)]
    name, extension = _split(names[2])
    try:
        fqn = FullyQualifiedEntityName.of(
            names[0], name, None if names[1] == DEFAULT_PACKAGE else names[1]
        )
    except BadInput:
        raise NoDocument from None
    return Address(fqn, extension)


def _decoded(segment: bytes) -> str:
    if len(segment) > NAME_BYTES_MAX:
        raise NoDocument
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise NoDocument from None


def _split(segment: str) -> tuple[str, Extension]:
    """Any other suffix belongs to the name."""
    for extension in Extension:
        if segment.endswith(extension):
            return segment.removesuffix(extension), extension
    return segment, Extension.HTTP


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names of this house: of its API, and perhaps one for web actions alone."""

    api: str | None = None
    web: str | None = None

    @classmethod
    def of(cls, api: str, web: str) -> Hosts:
        """Answer the names in what the operator has set: URLs or ``name[:port]``."""
        return cls(*(host_name(text.encode()) or None for text in (api, web)))

    def are_ours(self, header: bytes) -> bool:
        """Answer whether a request for this ``Host`` is meant for us.

        Addresses and names that public DNS cannot hold are: no stranger can point
        them here.  Of the others, only those that the operator has named, and
        ``{namespace}.`` before them.
        """
        name = host_name(header)
        if name is None or _is_local(name):
            return True
        return any(
            name == ours or name.endswith(f".{ours}")
            for ours in (self.api, self.web)
            if ours
        )

    def is_for_web(self, header: bytes) -> bool:
        """Answer whether pages under this name share it with nothing else."""
        return self.web is not None and host_name(header) == self.web


_LOCAL = (".localhost", ".local", ".internal", ".test", ".home.arpa", ".lan")


@lru_cache(maxsize=512)
def host_name(header: bytes) -> str | None:
    """Answer the name in ``name[:port]`` or in a URL; None for an address."""
    text = header.decode("latin-1").lower().rpartition("://")[2].partition("/")[0]
    if text.startswith("["):
        return None
    name = text.partition(":")[0].removesuffix(".")
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return name
    return None


def _is_local(name: str) -> bool:
    return "." not in name or name.endswith(_LOCAL)
