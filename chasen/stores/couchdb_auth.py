"""Subjects, namespaces and limits in CouchDB.

A subject is one document.  What must be unique, a namespace's name and its uuid, is a
document of its own (a claim) whose id is that name, since nothing else is unique in
CouchDB; the claim leads to the subject.  A claim counts only as long as the subject
lists what is claimed, so a writer that dies half-way leaves nothing that lets anybody
in.  Everything is found by id: right at once after a put, and no view is asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from chasen.entities import Identity, Subject, UserLimits
from chasen.errors import (
    DocumentConflict,
    DocumentExists,
    NoDocument,
    StoreUnavailable,
)
from chasen.stores import subjects
from chasen.stores.couchdb_database import CouchDatabase, deletion
from chasen.stores.documents import (
    ENTITY_TYPE,
    Document,
    corrupt_unless_readable,
    encode_document,
)

# A claim is made before its subject is written; one this old without a subject
# belongs to a writer that is no more.
CLAIM_PENDING_MS = 60_000
LIMITS_ATTEMPTS = 8


class CouchAuthStore:
    def __init__(self, database: CouchDatabase) -> None:
        self._database = database

    async def identity_by_key(self, uuid: str, key: str) -> Identity:
        owner, claim, limits = await self._owner(_uuid_id(uuid))
        owner, namespace = subjects.admit(owner, uuid, key)
        if claim.get("namespace") != namespace.name:
            limits = await self.limits(namespace.name)
        return subjects.identity_of(owner, namespace, limits)

    async def identity_by_namespace(self, namespace: str) -> Identity:
        owner, _, limits = await self._owner(_namespace_id(namespace))
        return subjects.identity_in(owner, namespace, limits)

    async def subject(self, name: str) -> Subject:
        found = await self._database.get(_subject_id(name))
        if found is None:
            raise NoDocument
        return subjects.decode_subject(found, found["_rev"])

    async def subjects(self, *, after: str = "", limit: int = 200) -> Sequence[Subject]:
        rows = await self._database.range(
            _subject_id(after), "subject0", limit=limit + 1
        )
        found = [row["doc"] for row in rows if row["id"] != _subject_id(after)]
        return [subjects.decode_subject(each, each["_rev"]) for each in found[:limit]]

    async def put_subject(self, subject: Subject) -> Subject:
        subjects.distinct_or_refused(subject)
        stored = await self._database.get(_subject_id(subject.name))
        if stored and subject.revision is None:
            raise DocumentExists
        if (stored or {}).get("_rev") != subject.revision:
            raise DocumentConflict
        old = subjects.decode_subject(stored, stored["_rev"]) if stored else None
        held = _claims(old) if old else {}
        wanted = _claims(subject)
        given_up = await self._revisions(held.keys() - wanted.keys())
        taken = await self._claim(subject.name, wanted, held)
        document = subjects.subject_document(subject)
        head = {"_id": _subject_id(subject.name)}
        if subject.revision:
            head["_rev"] = subject.revision
        reply = await self._database.save(encode_document(head | document))
        if reply.status == 409:
            found = await self._database.get(_subject_id(subject.name))
            if found and reply.is_repeated and document.items() <= found.items():
                return subjects.decode_subject(found, found["_rev"])
            await self._release(taken)
            raise DocumentConflict if subject.revision else DocumentExists
        if not reply.is_success:
            raise reply.unexpected()
        await self._release(given_up)
        return subjects.decode_subject(document, reply.json()["rev"])

    async def delete_subject(self, subject: Subject) -> None:
        identifier = _subject_id(subject.name)
        stored = await self._database.get(identifier)
        if stored is None:
            raise NoDocument
        if stored["_rev"] != subject.revision:
            raise DocumentConflict
        held = _claims(subjects.decode_subject(stored, stored["_rev"]))
        given_up = await self._revisions(held)
        reply = await self._database.save(deletion(identifier, stored["_rev"]))
        if reply.status == 409 and not reply.is_repeated:
            raise DocumentConflict
        if not reply.is_success and reply.status != 409:
            raise reply.unexpected()
        await self._release(given_up)

    async def limits(self, namespace: str) -> UserLimits | None:
        found = await self._database.get(_limits_id(namespace))
        return subjects.decode_limits(found) if found else None

    async def put_limits(self, namespace: str, limits: UserLimits | None) -> None:
        identifier = _limits_id(namespace)
        for _ in range(LIMITS_ATTEMPTS):
            stored = await self._database.get(identifier)
            if stored is None and limits is None:
                return
            head = {"_id": identifier} | (
                {"_rev": stored["_rev"]} if stored is not None else {}
            )
            if limits is None:
                body: Document = {"_deleted": True}
            else:
                body = {ENTITY_TYPE: "limits", "namespace": namespace}
                body |= limits.to_json()
            reply = await self._database.save(encode_document(head | body))
            if reply.is_success:
                return
            if reply.status != 409:
                raise reply.unexpected()
        raise StoreUnavailable

    # Claims --------------------------------------------------------------------------

    async def _owner(
        self, claim_id: str
    ) -> tuple[Subject | None, Document, UserLimits | None]:
        """Answer whom the claim leads to, the claim, and the namespace's limits."""
        claim = await self._database.get(claim_id)
        if claim is None:
            return None, {}, None
        with corrupt_unless_readable():
            subject_id = _subject_id(claim["subject"])
            limits_id = _limits_id(claim["namespace"])
        rows = await self._database.get_all([subject_id, limits_id])
        limits = (
            subjects.decode_limits(rows[limits_id]["doc"])
            if limits_id in rows
            else None
        )
        if subject_id not in rows:
            return None, claim, limits
        document = rows[subject_id]["doc"]
        return subjects.decode_subject(document, document["_rev"]), claim, limits

    async def _claim(
        self, subject: str, wanted: dict[str, Document], held: dict[str, Document]
    ) -> dict[str, str]:
        """Take what is not held yet; answer the revisions of what was taken.

        A claim that is there already, but ours, is written again: whoever gave it up
        and is about to delete it then misses.  They are taken in the order of their
        ids, so that of several who want the same one gets all of it.
        """
        rows = await self._database.get_all(list(wanted))
        fresh: dict[str, Document] = {}
        for identifier, claim in sorted(wanted.items()):
            row = rows.get(identifier)
            if row and not await self._is_free(identifier, row["doc"], subject):
                raise DocumentExists
            is_kept = identifier in held and claim == held[identifier]
            if row and is_kept and claim.items() <= row["doc"].items():
                continue
            head = {"_id": identifier} | ({"_rev": row["value"]["rev"]} if row else {})
            fresh[identifier] = head | claim | {"since": _now_ms()}
        taken: dict[str, str] = {}
        for identifier, document in fresh.items():
            revision = await self._take(document)
            if revision is None:
                await self._release(taken)
                raise DocumentExists
            taken[identifier] = revision
        return taken

    async def _take(self, claim: Document) -> str | None:
        """Answer the claim's revision, or None when somebody was quicker."""
        reply = await self._database.save(encode_document(claim))
        if reply.is_success:
            return reply.json()["rev"]
        if reply.status != 409:
            raise reply.unexpected()
        stored = await self._database.get(claim["_id"])
        body = {key: value for key, value in claim.items() if key != "_rev"}
        if stored and reply.is_repeated and body.items() <= stored.items():
            return stored["_rev"]  # it was we, at the first attempt
        return None

    async def _is_free(self, identifier: str, claim: Document, subject: str) -> bool:
        owner = claim.get("subject")
        if owner == subject:
            return True
        stored = await self._database.get(_subject_id(str(owner)))
        if stored:
            listed = _claims(subjects.decode_subject(stored, stored["_rev"]))
            if identifier in listed:
                return False
        return claim.get("since", 0) + CLAIM_PENDING_MS < _now_ms()

    async def _revisions(self, identifiers: Any) -> dict[str, str]:
        rows = await self._database.get_all(sorted(identifiers))
        return {key: row["value"]["rev"] for key, row in rows.items()}

    async def _release(self, revisions: dict[str, str]) -> None:
        """Delete these claims unless somebody has written them since."""
        if revisions:
            await self._database.save_all(
                [deletion(*each) for each in revisions.items()]
            )


def _claims(subject: Subject) -> dict[str, Document]:
    """Answer the claims that a subject needs, by document id."""
    claims: dict[str, Document] = {}
    for each in subject.namespaces:
        body = {"subject": subject.name, "namespace": each.name}
        claims[_namespace_id(each.name)] = {ENTITY_TYPE: "namespace"} | body
        claims[_uuid_id(each.uuid)] = {ENTITY_TYPE: "uuid"} | body
    return claims


def _subject_id(name: str) -> str:
    return f"subject/{name}"


def _namespace_id(name: str) -> str:
    return f"namespace/{name}"


def _uuid_id(uuid: str) -> str:
    return f"uuid/{uuid.lower()}"


def _limits_id(namespace: str) -> str:
    return f"limits/{namespace}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
