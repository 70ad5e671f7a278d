"""Who is calling: from the Authorization header to an identity, remembered shortly.

The cache goes by the raw header bytes (0.1 us against 0.65 us for decoding and a store
read for looking up).  Who blocks a subject or changes its limits tells everybody; the
cache is short all the same, so that it holds within two seconds if nobody was told.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection

from chasen.entities import AuthKey, Identity
from chasen.errors import Throttled, Unauthenticated
from chasen.ports.clock import Clock
from chasen.ports.stores import AuthStore

REMEMBERED_S = 1.5
REMEMBERED_MAX = 10_000

MISSING = (
    "The resource requires authentication, which was not supplied with the request"
)

FAILURES_PER_MINUTE = 20  # of one address; guessing 512 bits is hopeless, but noisy


class Identities:
    """Looks identities up, and slows down who guesses."""

    def __init__(self, auth: AuthStore, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock
        self._known: dict[bytes, tuple[Identity, float]] = {}
        self._owners: dict[str, tuple[Identity, float]] = {}
        self._failures: dict[str, int] = {}
        self._minute = 0

    def known(self, authorization: bytes | None) -> Identity | None:
        """Answer the identity if it is at hand; never waits."""
        found = self._known.get(authorization) if authorization else None
        if found is None or found[1] < self._clock.monotonic_s():
            return None
        return found[0]

    async def of_header(self, authorization: bytes | None, address: str) -> Identity:
        """Answer who sent this header.

        Raises:
            Unauthenticated: none, malformed, unknown, wrong or blocked.  Throttled:
            too many failures from this address.  StoreUnavailable.
        """
        found = self.known(authorization)
        if found is not None:
            return found
        if not authorization:
            raise Unauthenticated(MISSING)
        self._slow_down(address)
        try:
            key = _auth_key(authorization)
            identity = await self._auth.identity_by_key(key.uuid, key.key)
        except Unauthenticated:
            self._failures[address] = self._failures.get(address, 0) + 1
            raise Unauthenticated from None
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known[authorization] = (identity, self._until_s())
        return identity

    async def of_namespace(self, namespace: str) -> Identity:
        """Answer the owner; raises NoDocument, StoreUnavailable."""
        found = self._owners.get(namespace)
        if found is not None and found[1] >= self._clock.monotonic_s():
            return found[0]
        identity = await self._auth.identity_by_namespace(namespace)
        if len(self._owners) >= REMEMBERED_MAX:
            self._owners.clear()
        self._owners[namespace] = (identity, self._until_s())
        return identity

    def forget(self, namespaces: Collection[str]) -> None:
        """Look these up again: their keys, rights or limits have changed."""
        for namespace in namespaces:
            self._owners.pop(namespace, None)
        self._known = {
            header: found
            for header, found in self._known.items()
            if found[0].namespace not in namespaces
        }

    def _until_s(self) -> float:
        return self._clock.monotonic_s() + REMEMBERED_S

    def _slow_down(self, address: str) -> None:
        now_ms = self._clock.now_ms()
        if now_ms // 60_000 != self._minute:
            self._minute, self._failures = now_ms // 60_000, {}
        if self._failures.get(address, 0) >= FAILURES_PER_MINUTE:
            raise Throttled(
                "Too many failed logins from this address in the last minute.",
                retry_after_s=-(-(60_000 - now_ms % 60_000) // 1000),
            )


def _auth_key(authorization: bytes) -> AuthKey:
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        raise Unauthenticated
    try:
        return AuthKey.parse(base64.b64decode(encoded, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated from None
