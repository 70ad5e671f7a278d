"""One row of the table: what an operation is, and who may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller.api.description.schemas import Schema


class Right(StrEnum):
    """Who may: everybody, everybody with a key, or the namespace's owner by a right."""

    NONE = "none"
    KEY = "key"
    READ = "READ"
    PUT = "PUT"
    DELETE = "DELETE"
    ACTIVATE = "ACTIVATE"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    ``answers`` are statuses with what they carry (a schema; None: no body; a text: its
    media type), ``errors`` those that carry an Error.  ``route`` is FastAPI's path
    where it differs; ``hot`` says that the hot path takes it.  ``shared``: a published
    package opens it to everybody who has a key.
    """

    method: str
    path: str
    name: str
    summary: str
    right: Right
    answers: Mapping[int, Schema | str | None]
    errors: tuple[int, ...] = ()
    query: tuple[str, ...] = ()
    body: str | None = None
    body_required: bool = True
    route: str = ""
    hot: bool = False
    shared: bool = False

    @property
    def routed(self) -> str:
        return self.route or self.path
