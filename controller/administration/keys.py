"""Making keys, and reading those that an operator brings along."""

from __future__ import annotations

import re
import secrets
import string
import uuid

from chasen.entities import AuthKey, Namespace, key_hash
from chasen.entities.identity import KEY_LENGTH
from chasen.errors import BadInput
from chasen.seal import Seal

_ALPHABET = string.ascii_letters + string.digits
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def fresh_key() -> AuthKey:
    """Answer 122 random bits to be found by, and 64 random characters to prove it."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH))
    return AuthKey(str(uuid.uuid4()), secret)


def given_key(text: str) -> AuthKey:
    """Answer the pair in ``uuid:key``; BadInput says which half does not fit."""
    identifier, _, key = text.partition(":")
    if not _UUID.fullmatch(identifier):
        raise BadInput("authorization id is not a valid UUID")
    if len(key) < KEY_LENGTH:
        raise BadInput("authorization key must be at least 64 characters long")
    if len(key) > KEY_LENGTH:
        # wskadmin stores it, and then it never lets anybody in.
        raise BadInput("authorization key must be exactly 64 characters long")
    if not _PRINTABLE.fullmatch(key):
        raise BadInput("authorization key must be printable ASCII without spaces")
    return AuthKey(identifier.lower(), key)


def namespace_with(name: str, key: AuthKey, seal: Seal) -> Namespace:
    return Namespace(name, key.uuid, key_hash(key.key), seal.seal(key.key))


def new_namespace(name: str, seal: Seal) -> tuple[Namespace, AuthKey]:
    """Answer a namespace with a fresh key, and the key itself."""
    key = fresh_key()
    return namespace_with(name, key, seal), key


def key_of(namespace: Namespace, seal: Seal) -> str:
    """Answer ``uuid:key``; raises SealBroken."""
    return f"{namespace.uuid}:{seal.open(namespace.sealed_key)}"
