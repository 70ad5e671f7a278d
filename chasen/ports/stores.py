"""The store ports.  Their docstrings are the contract that ``tests/contract`` proves.

Any method may raise StoreUnavailable, at the latest after STORE_TIMEOUT_S: callers turn
it into a 503, so it must come soon.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from chasen.entities import (
    Activation,
    ActivationId,
    Entity,
    EntityPath,
    FullyQualifiedEntityName,
    Identity,
    Subject,
    UserLimits,
)

E = TypeVar("E", bound=Entity)

STORE_TIMEOUT_S = 2.5  # a store that is down must be a 503 within three seconds


@dataclass(frozen=True, slots=True)
class Page:
    """A window on a list; bounds are epoch milliseconds, inclusive."""

    skip: int = 0
    limit: int = 200
    since_ms: int | None = None
    upto_ms: int | None = None


class EntityStore(Protocol):
    """Actions, triggers, rules, packages by fully qualified name: one key space."""

    async def get(self, kind: type[E], name: FullyQualifiedEntityName) -> E:
        """Answer the entity as it stands.

        Raises: NoDocument; WrongCollection when another kind has this name;
        CorruptDocument when it cannot be read.
        """
        ...

    async def put(self, entity: E) -> E:
        """Write; answer it with its new revision.  Durable when it returns.

        A revision of None creates.  Raises: DocumentExists when created over something
        of the same kind, WrongCollection over another kind, DocumentConflict when the
        revision is not the stored one (or the document is gone).
        """
        ...

    async def delete(self, entity: Entity) -> None:
        """Remove this revision.  Raises: NoDocument, DocumentConflict."""
        ...

    async def list(
        self, kind: type[E], path: EntityPath, page: Page, *, shared: bool = False
    ) -> Sequence[E]:
        """Answer the newest first (by ``updated_ms``), ties by name.

        A path without a package lists the whole namespace, packaged ones included;
        one with a package lists that package.  ``shared``, for packages only, leaves
        out those that are not ``is_shared``.
        """
        ...

    async def count(
        self, kind: type[Entity], path: EntityPath, *, shared: bool = False
    ) -> int:
        """Answer how many ``list`` would give without a window."""
        ...


class CodeStore(Protocol):
    """Action code under its digest (``code_digest``); never overwritten in place."""

    async def put(self, code: str) -> str:
        """Store the code (up to 48 MiB), answer its digest; twice is the same."""
        ...

    async def get(self, digest: str) -> str:
        """Raises: NoDocument."""
        ...


class ActivationStore(Protocol):
    """Records of activations, one for each id, in time buckets by the id's first half.

    ``name`` filters by ``Activation.path``: "action" or "package/action".
    """

    async def store(self, records: Sequence[Activation]) -> None:
        """Store all of them; durable when it returns.

        An id that has a record keeps it, and that is no error, with one exception: a
        placeholder is replaced by a record that is none.  An ``unstored`` record is
        passed over.
        """
        ...

    async def known(
        self, ids: Iterable[tuple[str, ActivationId]]
    ) -> frozenset[ActivationId]:
        """Answer which of these (namespace, id) have a record, placeholder or not."""
        ...

    async def get(self, namespace: str, activation_id: ActivationId) -> Activation:
        """Raises: NoDocument."""
        ...

    async def list(
        self, namespace: str, name: str | None, page: Page, *, docs: bool = False
    ) -> Sequence[Activation]:
        """Answer the newest first by ``start_ms``; without ``docs`` the records may
        lack ``logs`` and ``response.result``."""
        ...

    async def count(self, namespace: str, name: str | None, page: Page) -> int:
        """Ignores skip and limit, honours since and upto."""
        ...

    async def expire(self, before_ms: int) -> int:
        """Remove whole time buckets that end before this instant.

        Answers how many buckets (or records, where there are no buckets) went.
        """
        ...


class AuthStore(Protocol):
    """Subjects, their namespaces and limits.  Keys are known by hash only."""

    async def identity_by_key(self, uuid: str, key: str) -> Identity:
        """Answer who has this key.

        Compares in constant time, also for an unknown uuid.  Raises: Unauthenticated
        for an unknown uuid, a wrong key and a blocked subject alike.
        """
        ...

    async def identity_by_namespace(self, namespace: str) -> Identity:
        """Raises: NoDocument, also when the owner is blocked."""
        ...

    async def subject(self, name: str) -> Subject:
        """Raises: NoDocument."""
        ...

    async def subjects(self, *, after: str = "", limit: int = 200) -> Sequence[Subject]:
        """Answer the next subjects behind this name, in the order of their names."""
        ...

    async def put_subject(self, subject: Subject) -> Subject:
        """Write as ``EntityStore.put`` does.

        Raises: DocumentConflict; DocumentExists when one of its namespaces (by name or
        uuid) already belongs to another subject.
        """
        ...

    async def delete_subject(self, subject: Subject) -> None:
        """Raises: NoDocument, DocumentConflict."""
        ...

    async def limits(self, namespace: str) -> UserLimits | None:
        """None when the namespace has the house's defaults."""
        ...

    async def put_limits(self, namespace: str, limits: UserLimits | None) -> None:
        """Replace; None removes."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    """All stores of one address."""

    entities: EntityStore
    code: CodeStore
    activations: ActivationStore
    auth: AuthStore
