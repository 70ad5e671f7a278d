"""Zip archives: the central directory decides, and every other reading must agree."""

from __future__ import annotations

import zlib

from tree import CHUNK_BYTES, MEMBER_LIMIT, Refused, Tree, decoded, number

TYPING = False
if TYPING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    Entry = dict[str, Any]

# Where an end record has its entries, directory size and directory offset.
ENDING = ((10, 2), (12, 4), (16, 4))


def _zip_end(data: bytes) -> tuple[int, int, int]:
    """Answer (directory offset, its size, entries) from the one end record."""
    if data[:4] not in (b"PK\3\4", b"PK\5\6", b"PK\7\x08") and b"PK\5\6" not in data:
        raise Refused("not a zip archive")
    ends = []
    at = data.find(b"PK\5\6", max(0, len(data) - 22 - 0xFFFF))
    while at >= 0:
        if at + 22 + number(data, at + 20, 2) == len(data):
            ends.append(at)
        at = data.find(b"PK\5\6", at + 1)
    if not ends:
        raise Refused("truncated")
    if len(ends) > 1:
        raise Refused("ambiguous, it has two end records")
    end = ends[0]
    entries, size, offset = (number(data, end + at, n) for at, n in ENDING)
    if entries > MEMBER_LIMIT:
        raise Refused(f"more than {MEMBER_LIMIT} entries")
    if number(data, end + 8, 2) != entries or number(data, end + 4, 4):
        raise Refused("ambiguous, it spans several disks")
    if offset + size != end:
        raise Refused("ambiguous, its directory is not where its end record says")
    return offset, size, entries


def unpack_zip(data: bytes, tree: Tree) -> None:
    """Put a zip's members into the tree.

    Raises:
        Refused: the reason is its text.
    """
    offset, size, count = _zip_end(data)
    entries = []
    at = offset
    for _ in range(count):
        if data[at : at + 4] != b"PK\1\2" or at + 46 > offset + size:
            raise Refused("truncated, its directory ends early")
        lengths = [number(data, at + where, 2) for where in (28, 30, 32)]
        raw = data[at + 46 : at + 46 + lengths[0]]
        extra = data[at + 46 + lengths[0] : at + 46 + lengths[0] + lengths[1]]
        entries.append(_zip_entry(data, at, raw, extra))
        at += 46 + sum(lengths)
    if at != offset + size:
        raise Refused("ambiguous, its directory has more than it announces")
    _check_spans(entries, offset)
    tree.expect(sum(entry["size"] for entry in entries))
    for entry in entries:
        _unpack_entry(data, entry, tree)


def _zip_entry(data: bytes, at: int, raw: bytes, extra: bytes) -> Entry:
    flags, method = number(data, at + 8, 2), number(data, at + 10, 2)
    name = decoded(raw)
    if flags & 0x2041 or method not in (0, 8):
        raise Refused(f"unsupported compression of {name!r}")
    packed, size, start = (number(data, at + where, 4) for where in (20, 24, 42))
    size, packed, start = _wide(extra, size, packed, start)
    local = data[start : start + 30]
    if local[:4] != b"PK\3\4":
        raise Refused(f"corrupt entry {name!r}")
    begin = start + 30 + number(local, 26, 2) + number(local, 28, 2)
    if data[start + 30 : start + 30 + number(local, 26, 2)] != raw:
        raise Refused(f"ambiguous, {name!r} has two names")
    return {
        "name": name,
        "stored": method == 0,
        "crc": number(data, at + 16, 4),
        "size": size,
        "start": start,
        "begin": begin,
        "end": begin + packed,
        # Only Unix leaves a mode; from elsewhere it is a plain file or a folder.
        "mode": number(data, at + 40, 2) if data[at + 5] in (3, 19) else 0,
    }


def _wide(extra: bytes, *narrow: int) -> Sequence[int]:
    """Answer the numbers, those of 0xFFFFFFFF taken from the zip64 field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = number(extra, at, 2), number(extra, at + 2, 2)
        if kind == 1:
            field, wide = extra[at + 4 : at + 4 + length], []
            for value in narrow:
                if value == 0xFFFFFFFF and len(field) >= 8:
                    value, field = number(field, 0, 8), field[8:]
                wide.append(value)
            return wide
        at += 4 + length
    return narrow


def _check_spans(entries: list[Entry], limit: int) -> None:
    # Entries that share bytes are how a small zip becomes a big tree.
    free = 0
    for entry in sorted(entries, key=lambda entry: entry["start"]):
        if entry["start"] < free or entry["end"] > limit:
            raise Refused(f"overlapping entry {entry['name']!r}")
        free = entry["end"]


def _unpack_entry(data: bytes, entry: Entry, tree: Tree) -> None:
    name, kind = entry["name"], entry["mode"] & 0o170000
    if kind not in (0, 0o100000, 0o040000, 0o120000):
        raise Refused(f"special file {name!r}")
    if name.endswith("/") or kind == 0o040000:
        if entry["size"]:
            raise Refused(f"corrupt entry {name!r}")
        tree.place(name, folder=True)
        return
    path = tree.place(name)
    chunks = _checked(data, entry)
    if kind == 0o120000:
        if entry["size"] > 4096:
            raise Refused("links leaving the archive are not allowed")
        target = b"".join(chunks).decode("utf-8", "surrogateescape")
        tree.link(path, target)
        return
    tree.write(path, chunks, executable=bool(entry["mode"] & 0o111))


def _checked(data: bytes, entry: Entry) -> Iterator[bytes | memoryview]:
    """Yield an entry's content; it must be as long and sum up as the directory says."""
    crc = size = 0
    for chunk in _expanded(data, entry):
        size += len(chunk)
        if size > entry["size"]:
            break
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if size != entry["size"] or crc != entry["crc"]:
        raise Refused(f"corrupt entry {entry['name']!r}")


def _expanded(data: bytes, entry: Entry) -> Iterator[bytes | memoryview]:
    packed = memoryview(data)[entry["begin"] : entry["end"]]
    if entry["stored"]:
        for at in range(0, len(packed), CHUNK_BYTES):
            yield packed[at : at + CHUNK_BYTES]
        return
    inflate = zlib.decompressobj(-15)
    try:
        for at in range(0, len(packed), CHUNK_BYTES):
            rest = packed[at : at + CHUNK_BYTES]
            while rest and not inflate.eof:
                yield inflate.decompress(rest, CHUNK_BYTES)
                rest = inflate.unconsumed_tail
        while not inflate.eof:
            chunk = inflate.decompress(b"", CHUNK_BYTES)
            if not chunk:
                break
            yield chunk
    except zlib.error as error:
        raise Refused(f"corrupt entry {entry['name']!r}: {error}") from error
    if not inflate.eof or inflate.unused_data:
        raise Refused(f"corrupt entry {entry['name']!r}")
