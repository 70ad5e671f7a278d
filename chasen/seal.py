"""Sealing keys: the server key in a file of its own, and what is locked with it.

Beside it lies the operator's token, for the house's own HTTP API.

The store holds only sealed keys, so a copy of the store alone opens nothing.  AES-256
in GCM, by the ``cryptography`` package.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chasen.errors import ChasenError

_NONCE_BYTES = 12
_VERSION = "1."


class SealBroken(ChasenError):
    sentence = "A stored key was sealed with another server key."


class Seal:
    """Seals and opens short secrets.  Its ``repr`` shows nothing."""

    def __init__(self, server_key: bytes) -> None:
        self._cipher = AESGCM(server_key)

    def seal(self, secret: str, context: str = "") -> str:
        """Answer text that opens only in the same context."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), context.encode())
        return _VERSION + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, context: str = "") -> str:
        """Raises SealBroken when key or context are not those that sealed it."""
        try:
            raw = base64.b64decode(sealed.removeprefix(_VERSION))
            opened = self._cipher.decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error
        return opened.decode()


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; refuse to replace one.

    Raises:
        FileExistsError: somebody was faster.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # atomic, and fails when the path exists
    finally:
        draft.unlink()


def read_secret(path: Path) -> bytes:
    """Read such a file; refuse one that others can read.

    Raises:
        ChasenError: with a sentence that tells how to mend it.
    """
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ChasenError(f"{path} is readable by others. Run: chmod 600 {path}")
    return path.read_bytes()


def open_seal(path: Path) -> Seal:
    """Answer the seal of the server key in this file, made at first use."""
    if not path.exists():
        try:
            write_secret(path, base64.b64encode(AESGCM.generate_key(256)) + b"\n")
        except FileExistsError:
            pass  # another program of the house made it at the same moment
    return Seal(base64.b64decode(read_secret(path)))


def operator_token(key_file: Path) -> str:
    """Answer what opens the operator port, made at first use beside the server key."""
    path = operator_token_file(key_file)
    if not path.exists():
        try:
            write_secret(path, f"{secrets.token_urlsafe(32)}\n".encode())
        except FileExistsError:
            pass  # another program of the house made it at the same moment
    return read_secret(path).decode().strip()


def operator_token_file(key_file: Path) -> Path:
    return key_file.with_name("operator.token")


def operator_proof(token: str, nonce: str) -> str:
    """Answer what only who knows the token can say about this nonce."""
    return hmac.new(token.encode(), f"operator {nonce}".encode(), "sha256").hexdigest()
