"""Hostile and broken archives: refused with the reason, and nothing outside touched."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from contract.runtimes.archives import (
    tar_entry,
    tar_of,
    tar_with,
    unix_entry,
    zip_of,
    zip_with,
)
from contract.runtimes.started import Started

MAIN = {
    "python": ("__main__.py", "def main(args):\n    return {'ok': 1}\n"),
    "nodejs": ("index.js", "exports.main = () => ({ ok: 1 })\n"),
}
LINKS = "links leaving the archive are not allowed"
MIB = 1 << 20
PREFIX = "The action failed during initialization: archive refused: "


@pytest.fixture(params=["python", "nodejs"])
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def runtime(start: Callable[..., Started], family: str) -> Started:
    return start(family, "inband")


def refusal(runtime: Started, archive: bytes) -> str:
    """Answer the reason; check the form of the answer and that time is bounded."""
    outside = digest(runtime.folder)
    begin = time.monotonic()
    answer = runtime.init(archive)
    assert time.monotonic() - begin < 10
    assert answer.status == 502
    assert answer.error.startswith(PREFIX), answer.error
    assert digest(runtime.folder) == outside, "something was written outside"
    reason = answer.error.removeprefix(PREFIX)
    assert reason in runtime.stderr
    return reason


def digest(folder: Path) -> str:
    """Answer what stands in a folder, the action's own and the socket left out."""
    seen = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_relative_to(folder / "action") or not path.is_file():
            continue
        seen.update(f"{path}\0".encode() + path.read_bytes())
    return seen.hexdigest()


def with_main(family: str) -> tuple[zipfile.ZipInfo, str]:
    name, content = MAIN[family]
    return unix_entry(name, 0o100644), content


def hidden_member(name: str, family: str) -> bytes:
    """A zip with a name that zipfile would not write."""
    stand_in = "N" * len(name.encode())
    archive = zip_with(with_main(family), (zipfile.ZipInfo(stand_in), "x"))
    return archive.replace(stand_in.encode(), name.encode())


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_an_honest_archive_is_unpacked(
    runtime: Started, family: str, pack: Callable[..., bytes]
) -> None:
    name, content = MAIN[family]
    deep = "a/" * 30 + "file"
    long = "d" * 120 + "/" + "n" * 200 + ".txt"
    others = {deep: "deep", long: "long", "ü/é.txt": "é", "big": "x" * MIB}
    members = {name: content, **others}
    assert runtime.init(pack(members)).status == 200
    assert runtime.run().json == {"ok": 1}
    for path, text in others.items():
        assert (runtime.action_folder / path).read_text() == text


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_folders_may_be_named_or_not(
    runtime: Started, family: str, pack: Callable[..., bytes]
) -> None:
    name, content = MAIN[family]
    members = {
        "./": "",
        "a/": "",
        "a/b/": "",
        "a/b/c": "1",
        "d/e": "2",
        "./" + name: content,
    }
    if pack is tar_of:
        members = {key: text for key, text in members.items() if key[-1] != "/"}
    assert runtime.init(pack(members)).status == 200
    assert (runtime.action_folder / "d/e").read_text() == "2"


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"", "Missing main/no code to execute."),
        (b"no archive at all", "not a zip archive"),
        (b"\x7fELF" + bytes(100), "not a zip archive"),
        (b"\x1f\x8b" + bytes(30), "corrupt gzip data"),
        (gzip.compress(b"text" * 300), "not a tar archive"),
        (zip_of({}), "no entry point"),
        (zip_of({"a/": "", "b/": ""}), "no entry point"),
    ],
)
def test_b101_what_is_no_archive(runtime: Started, archive: bytes, reason: str) -> None:
    answer = runtime.init(archive)
    assert answer.status in (403, 502)
    assert reason in answer.error


@pytest.mark.parametrize("pack", [zip_of, tar_of])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_b101_truncated(
    runtime: Started, family: str, pack: Callable[..., bytes], share: float
) -> None:
    name, content = MAIN[family]
    archive = pack({name: content, "noise": hashlib.sha256(b"x").digest() * 40})
    assert "truncated" in refusal(runtime, archive[: int(len(archive) * share)])


NAMES = [
    ("../../etc/x", "unsafe path"),
    ("a/../../x", "unsafe path"),
    ("a/../x", "unsafe path"),
    ("/etc/x", "unsafe path"),
    ("C:\\x", "unsafe path"),
    ("C:/x", "unsafe path"),
    ("\\\\host\\x", "unsafe path"),
    ("a\\..\\b", "unsafe path"),
    ("new\nline", "illegal name"),
    ("bell\x07", "illegal name"),
    ("delete\x7f", "illegal name"),
    ("p" * 256, "illegal name"),
    ("a/" * 2048 + "b", "illegal name"),
]


@pytest.mark.parametrize(("name", "reason"), NAMES)
def test_b102_to_b104_names_in_zips(
    runtime: Started, family: str, name: str, reason: str
) -> None:
    assert reason in refusal(runtime, hidden_member(name, family))


@pytest.mark.parametrize(("name", "reason"), NAMES[2::4])
def test_b118_names_in_tars(
    runtime: Started, family: str, name: str, reason: str
) -> None:
    main, content = MAIN[family]
    archive = tar_with((tar_entry(main), content.encode()), (tar_entry(name), b"x"))
    assert reason in refusal(runtime, archive)


def test_b104_a_name_with_nul(runtime: Started, family: str) -> None:
    assert "illegal name" in refusal(runtime, hidden_member("a\0b", family))


TARGETS = ["/etc/passwd", "../x", "a/../../x", "..", "sub/../../x", "a\\b", ""]


@pytest.mark.parametrize("target", TARGETS)
def test_b105_links_that_leave_a_zip(
    runtime: Started, family: str, target: str
) -> None:
    link = (unix_entry("link", 0o120777), target)
    assert refusal(runtime, zip_with(with_main(family), link)) == LINKS


@pytest.mark.parametrize("target", TARGETS[:2])
def test_b105_links_that_leave_a_tar(
    runtime: Started, family: str, target: str
) -> None:
    main, content = MAIN[family]
    link = tar_entry("link", tarfile.SYMTYPE, target)
    archive = tar_with((tar_entry(main), content.encode()), (link, b""))
    assert refusal(runtime, archive) == LINKS


def test_b105_a_file_through_a_link(runtime: Started, family: str) -> None:
    archive = zip_with(
        with_main(family),
        (unix_entry("sub/file", 0o100644), "x"),
        (unix_entry("link", 0o120777), "sub"),
        (unix_entry("link/planted", 0o100644), "x"),
    )
    assert refusal(runtime, archive) == LINKS
    assert not (runtime.action_folder / "sub/planted").exists()


def test_b105_a_link_above_another_link_cannot_leave(
    runtime: Started, family: str
) -> None:
    archive = zip_with(
        with_main(family),
        (unix_entry("deep/here", 0o120777), "."),
        (unix_entry("out", 0o120777), "deep/here/../../x"),
    )
    assert refusal(runtime, archive) == LINKS


def test_b105_hard_links(runtime: Started, family: str) -> None:
    main, content = MAIN[family]
    link = tar_entry("link", tarfile.LNKTYPE, main)
    archive = tar_with((tar_entry(main), content.encode()), (link, b""))
    assert refusal(runtime, archive) == LINKS


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_links_inside_are_fine(runtime: Started, family: str, kind: str) -> None:
    main, content = MAIN[family]
    links = {"lib64": "lib", "bin/tool": "../lib/tool.js", "lib/again": "tool.js"}
    if kind == "zip":
        archive = zip_with(
            with_main(family),
            (unix_entry("lib/tool.js", 0o100755), "x"),
            *((unix_entry(name, 0o120777), target) for name, target in links.items()),
        )
    else:
        archive = tar_with(
            (tar_entry(main), content.encode()),
            (tar_entry("lib/tool.js", mode=0o755), b"x"),
            *(
                (tar_entry(name, tarfile.SYMTYPE, target), b"")
                for name, target in links.items()
            ),
        )
    assert runtime.init(archive).status == 200
    for path in ("lib64/tool.js", "bin/tool", "lib/again"):
        assert (runtime.action_folder / path).read_text() == "x"


@pytest.mark.parametrize(
    "mode", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK]
)
def test_b106_special_files_in_zips(runtime: Started, family: str, mode: int) -> None:
    entry = (unix_entry("dev", mode | 0o666), "")
    assert "special file" in refusal(runtime, zip_with(with_main(family), entry))


@pytest.mark.parametrize(
    "kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE]
)
def test_b106_special_files_in_tars(runtime: Started, family: str, kind: bytes) -> None:
    main, content = MAIN[family]
    info = tar_entry("dev")
    # addfile would write no content for them; the type byte is put in afterwards.
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        info.type = kind
        archive.addfile(info)
        archive.addfile(tar_entry(main), io.BytesIO(content.encode()))
    assert "special file" in refusal(runtime, gzip.compress(raw.getvalue()))


def test_b106_strange_bits_are_cleared(runtime: Started, family: str) -> None:
    archive = zip_with(with_main(family), (unix_entry("tool", 0o106755), "x"))
    assert runtime.init(archive).status == 200
    mode = stat.S_IMODE((runtime.action_folder / "tool").stat().st_mode)
    assert mode & 0o7022 == 0
    assert mode & 0o100


def resident_kb(runtime: Started) -> int:
    status = Path(f"/proc/{runtime.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_b107_a_bomb_is_stopped(
    runtime: Started, family: str, pack: Callable[..., bytes]
) -> None:
    name, content = MAIN[family]
    archive = pack({name: content, "zeros": bytes(70 * MIB)})
    runtime.connect().close()
    before = resident_kb(runtime)
    assert f"expands beyond {64 * MIB} bytes" in refusal(runtime, archive)
    assert resident_kb(runtime) - before < 64 * 1024
    if pack is zip_of:
        assert not (runtime.action_folder / "zeros").exists()


def forged(archive: bytes, name: str, at: int, form: str, value: int) -> bytes:
    """Change a field of the central directory's entry of that name."""
    start = 0
    while True:
        start = archive.index(b"PK\1\2", start)
        if archive[start + 46 :].startswith(name.encode()):
            size = struct.calcsize(form)
            head, tail = archive[: start + at], archive[start + at + size :]
            return head + struct.pack(form, value) + tail
        start += 1


@pytest.mark.parametrize("size", [1, 70 * MIB - 1, 0xFFFFFFFE])
def test_b107_b111_a_bomb_that_lies_about_its_size(
    runtime: Started, family: str, size: int
) -> None:
    name, content = MAIN[family]
    honest = zip_of({name: content, "zeros": bytes(70 * MIB)})
    runtime.connect().close()
    before = resident_kb(runtime)
    reason = refusal(runtime, forged(honest, "zeros", 24, "<I", size))
    assert "expands beyond" in reason or "corrupt entry" in reason
    assert resident_kb(runtime) - before < 64 * 1024


def test_b108_overlapping_entries(runtime: Started, family: str) -> None:
    name, content = MAIN[family]
    archive = zip_of({name: content, "aaaa": "x" * 500, "bbbb": "x" * 500})
    first = archive.index(b"PK\3\4", 10)
    second = archive.index(b"PK\3\4", first + 10)
    # Both directory entries now name the same local entry.
    lying = forged(archive, "bbbb", 42, "<I", first)
    assert second > first
    reason = refusal(runtime, lying)
    assert "ambiguous" in reason or "overlapping" in reason


def quoted_overlap(name: str, content: str) -> bytes:
    """Entries each of which quotes the next one's header as stored deflate data."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = kernel.compress(bytes(4 * MIB)) + kernel.flush()
    plain, crc = bytes(4 * MIB), zlib.crc32(bytes(4 * MIB))
    files = b"f0001", b"f0000"
    inner = struct.pack(
        "<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(packed), len(plain), 5, 0
    )
    inner += files[1] + packed
    quote = struct.pack(
        "<BHH", 0, len(inner) - len(packed), 0xFFFF ^ (len(inner) - len(packed))
    )
    outer_plain = inner[: len(inner) - len(packed)] + plain
    outer_packed = len(quote) + len(inner)
    outer_crc = zlib.crc32(outer_plain)
    outer = struct.pack(
        "<4s5H3I2H",
        *(b"PK\3\4", 20, 0, 8, 0, 0, outer_crc, outer_packed, len(outer_plain), 5, 0),
    )
    body = outer + files[0] + quote + inner
    main = content.encode()
    entry = struct.pack(
        "<4s5H3I2H",
        *(
            b"PK\3\4",
            20,
            0,
            0,
            0,
            0,
            zlib.crc32(main),
            len(main),
            len(main),
            len(name),
            0,
        ),
    )
    start = len(body)
    body += entry + name.encode() + main
    members = [
        (files[0], 8, outer_crc, outer_packed, len(outer_plain), 0),
        (files[1], 8, crc, len(packed), len(plain), len(outer) + 5 + len(quote)),
        (name.encode(), 0, zlib.crc32(main), len(main), len(main), start),
    ]
    directory = b"".join(
        struct.pack(
            "<4s6H3I5H2I",
            *(b"PK\1\2", 20, 20, 0, method, 0, 0, total, packed_size, size),
            *(len(file), 0, 0, 0, 0, 0, at),
        )
        + file
        for file, method, total, packed_size, size, at in members
    )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 3, 3, len(directory), len(body), 0)
    return body + directory + end


def test_b108_quoted_overlap(runtime: Started, family: str) -> None:
    archive = quoted_overlap(*MAIN[family])
    with zipfile.ZipFile(io.BytesIO(archive)) as honest:
        assert len(honest.namelist()) == 3, "a real reader takes it for a zip"
    assert "overlapping entry" in refusal(runtime, archive)


def test_b109_a_nested_archive_is_a_plain_file(runtime: Started, family: str) -> None:
    name, content = MAIN[family]
    inner = zip_of({"inner": "x"})
    assert runtime.init(zip_of({name: content, "inner.zip": inner})).status == 200
    assert (runtime.action_folder / "inner.zip").read_bytes() == inner


@pytest.mark.parametrize("count", [10_001, 70_000])
def test_b110_too_many_entries(runtime: Started, count: int) -> None:
    archive = zip_of(dict.fromkeys((f"f{i}" for i in range(count)), ""), stored=True)
    assert refusal(runtime, archive) == "more than 10000 entries"


def test_b110_too_many_entries_in_a_tar(runtime: Started) -> None:
    archive = tar_of(dict.fromkeys((f"f{i}" for i in range(10_001)), ""))
    assert refusal(runtime, archive) == "more than 10000 entries"


def test_b111_a_wrong_checksum(runtime: Started, family: str) -> None:
    name, content = MAIN[family]
    archive = zip_of({name: content, "data": "x" * 100})
    assert "corrupt entry 'data'" in refusal(
        runtime, forged(archive, "data", 16, "<I", 1)
    )


def test_b111_broken_data(runtime: Started, family: str) -> None:
    name, content = MAIN[family]
    archive = bytearray(zip_of({"data": "x" * 3000, name: content}))
    at = archive.index(b"data") + 4
    archive[at : at + 6] = b"\xff" * 6
    assert "corrupt entry 'data'" in refusal(runtime, bytes(archive))


@pytest.mark.parametrize("where", ["comment", "behind", "before"])
def test_b112_two_readings(runtime: Started, family: str, where: str) -> None:
    name, content = MAIN[family]
    archive = zip_of({name: content})
    other = zip_of({name: "evil", "more": ""})
    if where == "comment":
        size = struct.pack("<H", len(other))
        archive = archive[:-2] + size + other
    elif where == "behind":
        archive += other
    else:
        archive = b"#!/bin/sh\n" + archive
    reason = refusal(runtime, archive)
    assert "ambiguous" in reason or "corrupt" in reason


def test_b112_a_local_name_that_differs(runtime: Started, family: str) -> None:
    name, content = MAIN[family]
    archive = zip_of({name: content, "good": "x"}).replace(b"good", b"evil", 1)
    assert "two names" in refusal(runtime, archive)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 97])
def test_b113_other_compressions(runtime: Started, family: str, method: int) -> None:
    name, content = MAIN[family]
    archive = zip_of({name: content, "data": "x"})
    lying = forged(archive, "data", 10, "<H", method)
    assert "unsupported compression" in refusal(runtime, lying)


def test_b113_encrypted_entries(runtime: Started, family: str) -> None:
    name, content = MAIN[family]
    archive = forged(zip_of({name: content, "data": "x"}), "data", 8, "<H", 1)
    assert "unsupported compression" in refusal(runtime, archive)


@pytest.mark.parametrize(
    "names",
    [
        ("same", "SAME"),
        ("A.py", "a.py"),
        ("caf\u00e9", "cafe\u0301"),
        ("both", "both/inside"),
        ("both/inside", "both"),
        ("straße", "STRASSE"),
    ],
)
@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_b114_duplicates(
    runtime: Started, family: str, pack: Callable[..., bytes], names: tuple[str, str]
) -> None:
    main, content = MAIN[family]
    archive = pack({main: content, names[0]: "1", names[1]: "2"})
    assert "duplicate entry" in refusal(runtime, archive)


def test_b118_long_headers_are_bounded(runtime: Started, family: str) -> None:
    main, content = MAIN[family]
    info = tar_entry("x")
    info.pax_headers = {"comment": "c" * 5 * MIB}
    archive = tar_with((tar_entry(main), content.encode()), (info, b""))
    assert "illegal name, its header is too long" in refusal(runtime, archive)


def test_b118_a_size_beyond_measure(runtime: Started, family: str) -> None:
    raw = bytearray(512)
    raw[:4] = b"huge"
    raw[100:108] = b"0000644\0"
    raw[124:136] = b"\x80" + (1 << 63).to_bytes(11, "big")
    raw[156:157] = b"0"
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    assert "expands beyond" in refusal(runtime, gzip.compress(bytes(raw) + bytes(1024)))


def test_b119_a_gzip_of_several_members(runtime: Started, family: str) -> None:
    main, content = MAIN[family]
    raw = gzip.decompress(tar_of({main: content, "data": "x" * 5000}))
    halves = gzip.compress(raw[:700]) + gzip.compress(raw[700:])
    assert runtime.init(halves).status == 200
    assert (runtime.action_folder / "data").read_text() == "x" * 5000


def test_what_is_no_base64_is_refused(runtime: Started) -> None:
    value = {"code": "%%%", "main": "main", "binary": True}
    answer = runtime.post("/init", {"value": value})
    assert answer.status in (400, 502)
    assert answer.error
