"""How an action runs: code of a kind, an image of the user's, or other actions in turn.

Code itself lies in the code store under its digest and is never overwritten in place;
an executable only refers to it.  Source: Exec.scala.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar

from chasen.entities.names import FullyQualifiedEntityName

BLACKBOX = "blackbox"
SEQUENCE = "sequence"

_BASE64 = re.compile(
    r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)"
)


def is_binary(code: str) -> bool:
    """Answer whether OpenWhisk would take the code for base64; it goes by syntax."""
    trimmed = code.strip()
    return (
        bool(trimmed)
        and len(trimmed) % 4 == 0
        and (_BASE64.fullmatch(trimmed) is not None)
    )


def code_digest(code: str) -> str:
    """Answer the name under which this code is stored."""
    return hashlib.sha256(code.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CodeExec:
    """Code of a kind that the runtimes manifest knows."""

    kind: str
    digest: str
    size_bytes: int
    binary: bool
    main: str | None = None


@dataclass(frozen=True, slots=True)
class BlackBoxExec:
    """An image of the user's, with or without code to inject."""

    image: str
    digest: str | None = None
    size_bytes: int = 0
    binary: bool = False
    main: str | None = None

    @property
    def kind(self) -> str:
        return BLACKBOX


@dataclass(frozen=True, slots=True)
class SequenceExec:
    """Other actions, one after the other; it has no code of its own.

    The components are as the user named them: a binding in between is looked through
    when the sequence runs, not when it is stored.
    """

    components: tuple[FullyQualifiedEntityName, ...]

    digest: ClassVar[str | None] = None
    size_bytes: ClassVar[int] = 0
    binary: ClassVar[bool] = False
    main: ClassVar[str | None] = None

    @property
    def kind(self) -> str:
        return SEQUENCE


Executable = CodeExec | BlackBoxExec | SequenceExec
