"""Who calls: subjects, their namespaces and keys, and the identity a request carries.

Keys are never kept in the clear: the SHA-256 finds an identity, the sealed form gives
the key back to those who may have it (``chasen/seal.py``).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum

from chasen.entities.limits import UserLimits
from chasen.errors import BadInput, Unauthenticated

SUBJECT_LENGTH_MIN = 5
KEY_LENGTH = 64
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{64}", re.ASCII)


class Privilege(StrEnum):
    """What a caller wants to do to an entity."""

    READ = "READ"
    PUT = "PUT"
    DELETE = "DELETE"
    ACTIVATE = "ACTIVATE"


@dataclass(frozen=True, slots=True)
class AuthKey:
    """``uuid:key``; its ``repr`` never shows the secret half."""

    uuid: str
    key: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> AuthKey:
        """Answer the pair; any defect is an unknown user, as in OpenWhisk."""
        uuid, _, key = text.partition(":")
        if not _UUID.fullmatch(uuid) or not _KEY.fullmatch(key):
            raise Unauthenticated
        return cls(uuid.lower(), key)

    @property
    def compact(self) -> str:
        return f"{self.uuid}:{self.key}"


def key_hash(key: str) -> str:
    """Answer what is stored of a key; its 64 random characters need no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def key_matches(key: str, stored_hash: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(key_hash(key), stored_hash)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace as its owner holds it; the uuid is also the key's public half."""

    name: str
    uuid: str
    key_hash: str = field(repr=False)
    sealed_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """A person or program, with the namespaces it owns."""

    name: str
    namespaces: tuple[Namespace, ...] = ()
    blocked: bool = False
    revision: str | None = None

    def __post_init__(self) -> None:
        if len(self.name) < SUBJECT_LENGTH_MIN:
            raise BadInput("Subject name must be at least 5 characters")
        if any(each.name.startswith("_") for each in self.namespaces):
            raise BadInput("namespace names may not begin with '_'")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling, for which namespace, within which limits."""

    subject: str
    namespace: str
    namespace_uuid: str
    limits: UserLimits = field(default_factory=UserLimits)
    rights: frozenset[Privilege] = frozenset(Privilege)
