"""Names and identifiers: entity names, paths, fully qualified names, activation ids.

Everything is validated once, at birth, and is plain data afterwards.
Source: EntityPath.scala, EntityName.scala, FullyQualifiedEntityName.scala; ids are our
own: 48 bits of milliseconds, so that a store can tell the time bucket from the id, and
80 bits of chance or hash.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import NewType

from chasen.errors import BadInput, MalformedContent

EntityName = NewType("EntityName", str)
ActivationId = NewType("ActivationId", str)

NAME_LIMIT = 256
_NAME = re.compile(r"\w|\w[\w@ .&-]{0,254}[\w@.&-]", re.ASCII)
_HEX = frozenset("0123456789abcdef")

OWN_NAMESPACE = "_"  # in a request: "the namespace of my credentials"


def entity_name(text: str) -> EntityName:
    """Answer the text as a name.

    Raises:
        BadInput: with OpenWhisk's own words, the misspelling included.
    """
    if len(text) > NAME_LIMIT:
        raise BadInput(
            f"Name segement longer than allowed: {len(text)} > {NAME_LIMIT}."
        )
    if not _NAME.fullmatch(text):
        raise BadInput("The name of the entity contains illegal characters.")
    return EntityName(text)


def namespace_name(text: str) -> str:
    """Answer the text as a namespace's name; ``BadInput`` as for entity names."""
    if len(text) > NAME_LIMIT:
        raise BadInput(f"Namespace longer than allowed: {len(text)} > {NAME_LIMIT}.")
    if not _NAME.fullmatch(text):
        raise BadInput("The namespace contains illegal characters.")
    return text


@dataclass(frozen=True, slots=True, order=True)
class EntityPath:
    """Where an entity lives: ``ns`` or ``ns/package``."""

    namespace: str
    package: str | None = None

    def __str__(self) -> str:
        if self.package is None:
            return self.namespace
        return f"{self.namespace}/{self.package}"

    @classmethod
    def parse(cls, text: str) -> EntityPath:
        parts = text.strip("/").split("/")
        if len(parts) > 2:
            raise BadInput("The name of the entity contains illegal characters.")
        namespace = namespace_name(parts[0])
        return cls(namespace, entity_name(parts[1]) if len(parts) == 2 else None)


@dataclass(frozen=True, slots=True, order=True)
class FullyQualifiedEntityName:
    """``ns/name`` or ``ns/package/name``; also the document's id.

    ``qualifier`` names one stored version or alias of an action; None is the newest.
    """

    path: EntityPath
    name: EntityName
    qualifier: str | None = None

    def __str__(self) -> str:
        return f"{self.path}/{self.name}"

    @property
    def namespace(self) -> str:
        return self.path.namespace

    @classmethod
    def of(cls, namespace: str, name: str, package: str | None = None):
        """Answer the name made of raw segments, each of them validated."""
        path = EntityPath(
            namespace_name(namespace), entity_name(package) if package else None
        )
        return cls(path, entity_name(name))

    @classmethod
    def parse(cls, text: str, *, own_namespace: str | None = None):
        """Answer the name for ``[/]ns[/package]/name``; ``_`` is the caller's own.

        Raises:
            MalformedContent: fewer than two segments, or more than three.
        """
        parts = text.removeprefix("/").split("/")
        if not 2 <= len(parts) <= 3:
            raise MalformedContent(
                "requirement failed: The fully qualified name of the entity must "
                "contain at least the namespace and the name of the entity."
            )
        namespace = parts[0]
        if namespace == OWN_NAMESPACE and own_namespace is not None:
            namespace = own_namespace
        return cls.of(namespace, parts[-1], parts[1] if len(parts) == 3 else None)


def activation_id(text: str) -> ActivationId:
    """Answer the text as an activation id; ``BadInput`` in OpenWhisk's words."""
    if len(text) != 32:
        raise BadInput(f"Activation id length is {len(text)} but must be 32.")
    if not _HEX.issuperset(text):
        raise BadInput("The activation id is not valid.")
    return ActivationId(text)


def compose_activation_id(now_ms: int, chance: bytes) -> ActivationId:
    """Answer an id from the time and ten random bytes."""
    return ActivationId(f"{now_ms & 0xFFFFFFFFFFFF:012x}{chance.hex()}")


def derive_activation_id(parent: ActivationId, *parts: str) -> ActivationId:
    """Answer the id that this step of this parent always has.

    Doing something twice makes the same id, so the store's refusal of a second record
    makes it happen once.
    """
    digest = hashlib.sha256("\0".join((parent, *parts)).encode()).hexdigest()
    return ActivationId(parent[:12] + digest[:20])


def activation_time_ms(identifier: ActivationId) -> int:
    """Answer when the activation was accepted, in epoch milliseconds."""
    return int(identifier[:12], 16)


@dataclass(frozen=True, slots=True, order=True)
class SemVer:
    """``MAJOR.MINOR.PATCH``; absent parts read as zero."""

    major: int = 0
    minor: int = 0
    patch: int = 1

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def next(self) -> SemVer:
        return SemVer(self.major, self.minor, self.patch + 1)

    @classmethod
    def parse(cls, value: object) -> SemVer:
        """Raises MalformedContent for anything but one to three plain numbers."""
        parts = value.split(".") if isinstance(value, str) else []
        digits = all(re.fullmatch(r"0|[1-9]\d{0,8}", part, re.ASCII) for part in parts)
        if not 1 <= len(parts) <= 3 or not digits:
            raise MalformedContent("semantic version malformed")
        numbers = [int(part) for part in parts] + [0, 0]
        version = cls(*numbers[:3])
        if version == cls(0, 0, 0):
            raise MalformedContent("semantic version malformed")
        return version
