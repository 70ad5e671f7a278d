"""Subjects and limits as documents, and the decision who may come in.

Shared by every adapter; finding the subject of a key or a namespace is theirs.
"""

from __future__ import annotations

from typing import Any

from chasen.entities import (
    Identity,
    Namespace,
    Subject,
    UserLimits,
    key_hash,
    key_matches,
)
from chasen.errors import DocumentExists, NoDocument, Unauthenticated
from chasen.stores.documents import (
    ENTITY_TYPE,
    Document,
    corrupt_unless_readable,
    taken,
)

# Compared with when nobody has this uuid, so that a miss takes as long as a hit.
_NOBODYS_HASH = key_hash("")


def subject_document(subject: Subject) -> Document:
    """``{"entityType": "subject", "subject", "blocked", "namespaces": [{"name",
    "uuid", "keyHash", "sealedKey"}]}``"""
    return {
        ENTITY_TYPE: "subject",
        "subject": subject.name,
        "blocked": subject.blocked,
        "namespaces": [
            {
                "name": each.name,
                "uuid": each.uuid,
                "keyHash": each.key_hash,
                "sealedKey": each.sealed_key,
            }
            for each in subject.namespaces
        ],
    }


def decode_subject(document: Document, revision: str) -> Subject:
    """Answer the subject; CorruptDocument when anything does not fit."""
    with corrupt_unless_readable():
        return Subject(
            taken(document, "subject", str),
            tuple(map(_decode_namespace, taken(document, "namespaces", list))),
            taken(document, "blocked", bool),
            revision,
        )


def _decode_namespace(document: Document) -> Namespace:
    members = (
        taken(document, key, str) for key in ("name", "uuid", "keyHash", "sealedKey")
    )
    return Namespace(*members)


def decode_limits(document: dict[str, Any]) -> UserLimits:
    with corrupt_unless_readable():
        return UserLimits.from_json(document)


def distinct_or_refused(subject: Subject) -> None:
    """Raise DocumentExists when two of its own namespaces share a name or uuid."""
    names = {each.name for each in subject.namespaces}
    uuids = {each.uuid.lower() for each in subject.namespaces}
    if not len(names) == len(uuids) == len(subject.namespaces):
        raise DocumentExists("Two namespaces of a subject need two names and uuids.")


def admit(owner: Subject | None, uuid: str, key: str) -> tuple[Subject, Namespace]:
    """Answer whose key this is and for which namespace.

    Raises:
        Unauthenticated: nobody's uuid, a wrong key, a blocked subject.
    """
    namespaces = owner.namespaces if owner else ()
    found = next((n for n in namespaces if n.uuid.lower() == uuid.lower()), None)
    matches = key_matches(key, found.key_hash if found else _NOBODYS_HASH)
    if owner is None or found is None or owner.blocked or not matches:
        raise Unauthenticated
    return owner, found


def identity_in(
    owner: Subject | None, namespace: str, limits: UserLimits | None
) -> Identity:
    """Answer the identity of the namespace's owner; NoDocument: none, or blocked."""
    namespaces = owner.namespaces if owner and not owner.blocked else ()
    for each in namespaces:
        if owner and each.name == namespace:
            return identity_of(owner, each, limits)
    raise NoDocument


def identity_of(
    owner: Subject, namespace: Namespace, limits: UserLimits | None
) -> Identity:
    held = (limits or UserLimits()).clamped()
    return Identity(owner.name, namespace.name, namespace.uuid, held)
