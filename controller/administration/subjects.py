"""Subjects and their keys: the operations of ``wskadmin user``, in its words.

Wrong arguments raise BadInput, everything else that cannot be done another
ChasenError.  Keys come and go as values; nothing here prints or logs one.
Source: tools/admin/wskadmin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from chasen.entities import AuthKey, Subject, namespace_name
from chasen.errors import (
    BadInput,
    DocumentConflict,
    DocumentExists,
    NoDocument,
    NotAuthorized,
    Unauthenticated,
)
from chasen.ports.stores import AuthStore
from chasen.seal import Seal
from controller.administration.keys import (
    fresh_key,
    given_key,
    key_of,
    namespace_with,
)

SUBJECT_LENGTH_MAX = 256
ATTEMPTS = 5  # at a change that somebody else makes at the same moment

Announce = Callable[..., Awaitable[None]]  # takes names of namespaces


async def tell_nobody(*namespaces: str) -> None:
    """For who opens the store itself: caches forget on their own, within 1.5 s."""


class Subjects:
    """Creates, reads, blocks and deletes."""

    def __init__(
        self, auth: AuthStore, seal: Seal, announce: Announce = tell_nobody
    ) -> None:
        self._auth = auth
        self._seal = seal
        self._announce = announce

    async def create(
        self,
        subject: str,
        namespace: str | None = None,
        *,
        key: str | None = None,
        revoke: bool = False,
    ) -> str:
        """Give the subject this namespace, making the subject if need be.

        ``revoke`` replaces uuid and key of a namespace that is there.  Answers its key.
        """
        name = _subject_name(subject)
        path = _namespace_name(name if namespace is None else namespace)
        pair = fresh_key() if key is None else given_key(key)
        made = namespace_with(path, pair, self._seal)
        for _ in range(ATTEMPTS):
            old = await self._found_or_new(name)
            if old.blocked:
                raise NotAuthorized("The subject you want to edit is blocked")
            is_there = any(each.name == path for each in old.namespaces)
            if is_there and not revoke:
                raise DocumentExists("Namespace already exists")
            others = tuple(each for each in old.namespaces if each.name != path)
            try:
                await self._auth.put_subject(replace(old, namespaces=(*others, made)))
            except DocumentConflict:
                continue
            except DocumentExists as error:
                if old.revision is None and await self._exists(name):
                    continue
                raise await self._not_unique(path, key, error) from error
            await self._announce(path)
            return pair.compact
        raise DocumentConflict

    async def ensure(self, name: str) -> str | None:
        """Make the subject unless it is there; answer its key only when it is new."""
        if await self._exists(name):
            return None
        try:
            return await self.create(name)
        except DocumentExists:
            return None  # another program of the house was quicker

    async def delete(self, subject: str, namespace: str | None = None) -> None:
        """Remove the subject, or one of its namespaces; their limits first.

        What the namespaces hold stays in the store, as in OpenWhisk.
        """
        name = _filled(subject, "Subject must not be empty")
        wanted = namespace and _filled(namespace, "Namespace must not be empty")
        for _ in range(ATTEMPTS):
            old = await self._found(name)
            gone = [n.name for n in old.namespaces if wanted in (None, n.name)]
            if wanted is not None and not gone:
                raise NoDocument(f'Namespace "{wanted}" does not exist for "{name}"')
            for each in gone:
                await self._auth.put_limits(each, None)
            kept = tuple(each for each in old.namespaces if each.name not in gone)
            try:
                if wanted is None:
                    await self._auth.delete_subject(old)
                else:
                    await self._auth.put_subject(replace(old, namespaces=kept))
            except DocumentConflict:
                continue
            await self._announce(*gone)
            return
        raise DocumentConflict

    async def keys(self, subject: str) -> list[tuple[str, str]]:
        """Answer (namespace, ``uuid:key``) of all its namespaces."""
        found = await self._found(subject.strip())
        return [(each.name, key_of(each, self._seal)) for each in found.namespaces]

    async def whois(self, key: str) -> tuple[str, str] | None:
        """Answer subject and namespace of the key; None when nobody has it."""
        try:
            pair = AuthKey.parse(key)
            found = await self._auth.identity_by_key(pair.uuid, pair.key)
        except Unauthenticated:
            return None
        return found.subject, found.namespace

    async def identities(self, namespace: str) -> list[tuple[str, str]]:
        """Answer (``uuid:key``, subject) of who owns the namespace; [] when blocked."""
        try:
            identity = await self._auth.identity_by_namespace(namespace)
            owner = await self._auth.subject(identity.subject)
        except NoDocument:
            return []
        return [
            (key_of(each, self._seal), owner.name)
            for each in owner.namespaces
            if each.name == namespace
        ]

    async def set_blocked(self, subject: str, blocked: bool) -> None:
        for _ in range(ATTEMPTS):
            old = await self._found(subject)
            try:
                await self._auth.put_subject(replace(old, blocked=blocked))
            except DocumentConflict:
                continue
            await self._announce(*(each.name for each in old.namespaces))
            return
        raise DocumentConflict

    # Looking -------------------------------------------------------------------------

    async def _found(self, name: str) -> Subject:
        try:
            return await self._auth.subject(name)
        except NoDocument:
            raise NoDocument(f'there is no subject "{name}"') from None

    async def _found_or_new(self, name: str) -> Subject:
        try:
            return await self._auth.subject(name)
        except NoDocument:
            return Subject(name)

    async def _exists(self, name: str) -> bool:
        return (await self._found_or_new(name)).revision is not None

    async def _not_unique(
        self, namespace: str, key: str | None, error: DocumentExists
    ) -> DocumentExists:
        """Answer which of name and uuid is somebody else's."""
        try:
            await self._auth.identity_by_namespace(namespace)
        except NoDocument:
            if key is not None:
                return DocumentExists("authorization id is not unique")
        return DocumentExists("Namespace is not unique")


def _subject_name(text: str) -> str:
    name = Subject(text.strip()).name  # at least 5 characters
    if name.startswith("_") or not name.isprintable() or len(name) > SUBJECT_LENGTH_MAX:
        raise BadInput(
            "Subject name must be printable, at most 256 characters, and may not "
            "begin with '_'"
        )
    return name


def _namespace_name(text: str) -> str:
    name = namespace_name(_filled(text, "Namespace must not be empty"))
    if name.startswith("_"):
        raise BadInput("namespace names may not begin with '_'")
    return name


def _filled(text: str, sentence: str) -> str:
    if not text.strip():
        raise BadInput(sentence)
    return text.strip()
