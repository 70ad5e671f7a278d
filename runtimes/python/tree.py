"""The folder that an archive fills, and the rules for what may be put into it.

Counts real bytes, writes nothing through a link, makes links last.
"""

from __future__ import annotations

import os
from unicodedata import normalize

TYPING = False
if TYPING:
    from collections.abc import Iterable

UNPACKED_LIMIT_BYTES = 512 << 20
UNPACKED_FLOOR_BYTES = 64 << 20  # below this no ratio is suspicious
UNPACKED_RATIO = 20
MEMBER_LIMIT = 10_000
CHUNK_BYTES = 64 << 10


class Refused(Exception):
    """The archive breaks a rule; the text says which."""


class Tree:
    """A directory that fills up, and the rules for what may be put into it."""

    def __init__(self, root: str, packed_bytes: int) -> None:
        self.root = root
        budget = max(UNPACKED_FLOOR_BYTES, UNPACKED_RATIO * packed_bytes)
        self.limit_bytes = min(UNPACKED_LIMIT_BYTES, budget)
        self.written_bytes = 0
        self.members = 0
        self.files = 0
        self._spelled: dict[
            str, str
        ] = {}  # what two file systems may take for one name -> its path
        self._folders = {""}
        self._links: list[tuple[str, str]] = []

    def expect(self, size: int) -> None:
        """Refuse early what announces itself as too much."""
        if size > self.limit_bytes:
            raise Refused(f"expands beyond {self.limit_bytes} bytes")

    def place(self, name: str, *, folder: bool = False) -> str:
        """Answer where a member goes, relative to the root ('' for the root).

        Raises:
            Refused: its name is not one that we write to, or is taken.
        """
        self.members += 1
        if self.members > MEMBER_LIMIT:
            raise Refused(f"more than {MEMBER_LIMIT} entries")
        path = "/".join(_safe_parts(name))
        if not path:
            if folder:
                return path
            raise Refused(f"illegal name {name!r}")
        parents = path.split("/")
        for depth in range(1, len(parents) + folder):
            self._claim("/".join(parents[:depth]), folder=True)
        if not folder:
            self._claim(path, folder=False)
        return path

    def _claim(self, path: str, *, folder: bool) -> None:
        if folder and path in self._folders:
            return
        key = path.casefold()
        if not path.isascii():
            key = normalize("NFC", normalize("NFC", path).casefold())
        if key in self._spelled:
            if folder and any(path == link for link, _ in self._links):
                raise Refused("links leaving the archive are not allowed")
            raise Refused(f"duplicate entry {path!r}")
        self._spelled[key] = path
        if folder:
            self._folders.add(path)
            os.mkdir(f"{self.root}/{path}", 0o755)

    def write(
        self, path: str, chunks: Iterable[bytes | memoryview], *, executable: bool
    ) -> None:
        """Write a file from chunks of bytes, counting what really comes."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        mode = 0o755 if executable else 0o644
        file = os.open(f"{self.root}/{path}", flags, mode)
        try:
            for chunk in chunks:
                self.written_bytes += len(chunk)
                self.expect(self.written_bytes)
                while chunk:
                    chunk = chunk[os.write(file, chunk) :]
        finally:
            os.close(file)
        self.files += 1

    def link(self, path: str, target: str) -> None:
        """Note a symbolic link; it is made last, so nothing is written through it.

        Only leading '..' are taken: counted from the link's real folder they cannot
        leave the root, and what follows them goes down, at most through other links
        of which the same holds.
        """
        parts = target.split("/")
        ups = 0
        while ups < len(parts) and parts[ups] == "..":
            ups += 1
        if (
            not target
            or target.startswith("/")
            or "\\" in target
            or "\0" in target
            or len(target) > 4096
            or ".." in parts[ups:]
            or ups > path.count("/")
        ):
            raise Refused("links leaving the archive are not allowed")
        self._links.append((path, target))

    def finish(self) -> None:
        """Make the links, and see that there is something in the tree at all."""
        for path, target in self._links:
            os.symlink(target, f"{self.root}/{path}")
        if not self.files:
            raise Refused("no entry point")


def _safe_parts(name: str) -> list[str]:
    if len(name.encode("utf-8", "surrogateescape")) > 4096:
        raise Refused("illegal name, longer than 4096 bytes")
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise Refused(f"illegal name {name!r}")
    drive = name[1:2] == ":" and name[0].isalpha()
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or drive or ".." in parts:
        raise Refused(f"unsafe path {name!r}")
    for part in parts:
        if len(part.encode("utf-8", "surrogateescape")) > 255:
            raise Refused(f"illegal name {name[:60]!r}..., a part exceeds 255 bytes")
    return [part for part in parts if part not in ("", ".")]


def number(data: bytes, at: int, size: int) -> int:
    """Answer a little-endian number of so many bytes."""
    return int.from_bytes(data[at : at + size], "little")


def decoded(raw: bytes) -> str:
    """Answer a name as UTF-8, or byte by byte if it is not."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
