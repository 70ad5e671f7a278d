"""Archives for tests: honest ones, and the parts to make dishonest ones of."""

from __future__ import annotations

import io
import tarfile
import zipfile


def zip_of(members: dict[str, str | bytes], *, stored: bool = False) -> bytes:
    """Make a zip; a name that ends in a slash is a folder."""
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def zip_with(*entries: tuple[zipfile.ZipInfo, str | bytes]) -> bytes:
    """Make a zip of entries whose headers the caller has made."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in entries:
            archive.writestr(info, content)
    return out.getvalue()


def unix_entry(name: str, mode: int) -> zipfile.ZipInfo:
    """A zip entry's header with a Unix mode."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def tar_of(members: dict[str, str | bytes]) -> bytes:
    """Make a tar.gz of files."""
    return tar_with(
        *(
            (
                tar_entry(name),
                content if isinstance(content, bytes) else content.encode(),
            )
            for name, content in members.items()
        )
    )


def tar_with(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Make a tar.gz of entries whose headers the caller has made."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for info, content in entries:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_entry(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info
