"""Gzipped tar archives, read member by member as they are inflated."""

from __future__ import annotations

import zlib

from tree import CHUNK_BYTES, MEMBER_LIMIT, Refused, Tree, decoded

TYPING = False
if TYPING:
    from collections.abc import Iterator

TAR_HEADER_LIMIT_BYTES = 64 << 10  # a name, however long, is no more than this


class _Gunzipped:
    """The bytes of a gzip file, member after member, read as they are needed."""

    def __init__(self, data: bytes) -> None:
        self._inflate = zlib.decompressobj(31)
        self._rest = memoryview(data)
        self._ready = b""

    def read(self, size: int) -> bytes:
        """Answer exactly size bytes.

        Raises:
            Refused: there are not so many.
        """
        got = []
        while size > 0:
            if not self._ready:
                self._ready = self._more()
            got.append(self._ready[:size])
            self._ready = self._ready[size:]
            size -= len(got[-1])
        return got[0] if len(got) == 1 else b"".join(got)

    def _more(self) -> bytes:
        while True:
            if self._inflate.eof:
                self._rest = memoryview(bytes(self._inflate.unused_data) + self._rest)
                if bytes(self._rest[:2]) != b"\x1f\x8b":
                    raise Refused("truncated")
                self._inflate = zlib.decompressobj(31)
            source = self._inflate.unconsumed_tail
            if not source:
                source, self._rest = self._rest[:CHUNK_BYTES], self._rest[CHUNK_BYTES:]
            try:
                chunk = self._inflate.decompress(source, CHUNK_BYTES)
            except zlib.error as error:
                raise Refused(f"corrupt gzip data: {error}") from error
            if chunk:
                return chunk
            if not source and not self._inflate.eof:
                raise Refused("truncated")


def unpack_tar(data: bytes, tree: Tree) -> None:
    """Put a gzipped tar's members into the tree.

    Raises:
        Refused: the reason is its text.
    """
    source = _Gunzipped(data)
    named: dict[str, str] = {}
    count = 0
    while any(header := source.read(512)):
        count += 1
        if count > 3 * MEMBER_LIMIT:  # long names come as entries of their own
            raise Refused(f"more than {MEMBER_LIMIT} entries")
        _check_tar_header(header, first=count == 1)
        kind = header[156:157]
        size = _tar_size(header[124:136])
        if kind in (b"L", b"K", b"x", b"g"):
            if size > TAR_HEADER_LIMIT_BYTES:
                raise Refused("illegal name, its header is too long")
            named |= _tar_extension(kind, _tar_content(source, size))
            continue
        if named.get("size", "").isdigit():
            size = int(named["size"])
        _unpack_tar_member(source, header, kind, size, named, tree)
        named = {}


def _check_tar_header(header: bytes, *, first: bool) -> None:
    wanted = header[148:156].strip(b" \0")
    total = sum(header[:148]) + 8 * 32 + sum(header[156:])
    if not wanted or wanted.strip(b"01234567") or int(wanted, 8) != total:
        raise Refused("not a tar archive" if first else "corrupt tar header")


def _tar_size(field: bytes) -> int:
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise Refused("corrupt tar header")
    return int(digits or b"0", 8)


def _tar_content(source: _Gunzipped, size: int) -> bytes:
    return source.read(size + -size % 512)[:size]


def _tar_extension(kind: bytes, content: bytes) -> dict[str, str]:
    if kind in (b"L", b"K"):
        text = decoded(content.split(b"\0", 1)[0])
        return {"path" if kind == b"L" else "linkpath": text}
    if kind == b"g":
        return {}
    fields = {}
    while content:
        length = content.split(b" ", 1)[0]
        if not length.isdigit() or not 0 < int(length) <= len(content):
            raise Refused("corrupt tar header")
        record = content[len(length) + 1 : int(length) - 1]
        key, _, value = record.partition(b"=")
        fields[decoded(key)] = decoded(value)
        content = content[int(length) :]
    if any(key.startswith("GNU.sparse") for key in fields):
        raise Refused("special file, sparse")
    return fields


def _unpack_tar_member(
    source: _Gunzipped,
    header: bytes,
    kind: bytes,
    size: int,
    named: dict[str, str],
    tree: Tree,
) -> None:
    prefix = (
        header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
    )
    name = decoded(header[:100].split(b"\0", 1)[0])
    name = named.get("path") or (decoded(prefix) + "/" + name if prefix else name)
    executable = bool(_tar_size(header[100:108]) & 0o111)
    if kind == b"5" or (kind in (b"0", b"\0") and name.endswith("/")):
        tree.place(name, folder=True)
    elif kind in (b"0", b"\0"):
        tree.expect(tree.written_bytes + size)
        tree.write(tree.place(name), _tar_file(source, size), executable=executable)
        source.read(-size % 512)
    elif kind == b"2":
        target = named.get("linkpath") or decoded(header[157:257].split(b"\0", 1)[0])
        tree.link(tree.place(name), target)
    elif kind == b"1":
        raise Refused("links leaving the archive are not allowed")
    else:
        raise Refused(f"special file {name!r}")


def _tar_file(source: _Gunzipped, size: int) -> Iterator[bytes]:
    while size:
        chunk = source.read(min(size, CHUNK_BYTES))
        size -= len(chunk)
        yield chunk
