"""wsk sdk install: downloads are unpacked only when every path is harmless."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.recorded import RecordedServer

from wsk.errors import WskError
from wsk.sdk import unpack_zip


def archive(*entries: tuple[str, str, str]) -> bytes:
    """A gzip tar of (name, kind, content or target)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, kind, text in entries:
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if kind == "file":
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
                continue
            entry.type = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE,
                          "fifo": tarfile.FIFOTYPE}[kind]  # fmt: skip
            entry.linkname = text
            tar.addfile(entry)
    return buffer.getvalue()


def test_the_docker_skeleton_is_downloaded(guest: Wsk, server: RecordedServer) -> None:
    data = archive(
        ("dockerSkeleton/Dockerfile", "file", "#\nFROM openwhisk/dockerskeleton\n"),
        ("dockerSkeleton/buildAndPush.sh", "file", "#!/bin/sh\n"),
    )
    server.answer("GET", "/blackbox.tar.gz", 200, raw=data)

    ran = guest("sdk", "install", "docker")
    again = guest("sdk", "install", "docker")

    text = "The docker skeleton is now installed at the current directory.\n"
    assert ran == (text, "", 0)
    assert "Authorization" not in server.requests[0].headers
    assert os.access("dockerSkeleton/buildAndPush.sh", os.X_OK)
    assert again.err == (
        "error: The directory 'dockerSkeleton' already exists.  Delete it and retry.\n"
    )
    assert again.code == 1


def test_the_skeleton_is_there_without_a_server(wsk: Wsk) -> None:
    assert wsk("sdk", "install", "DOCKER", "--offline").code == 0

    lines = Path("dockerSkeleton/Dockerfile").read_text().splitlines()
    assert lines[1] == "FROM openwhisk/dockerskeleton"
    assert os.access("dockerSkeleton/buildAndPush.sh", os.X_OK)


def test_an_unreachable_host_exits_1(guest: Wsk) -> None:
    ran = guest("sdk", "install", "docker", "--apihost", "http://127.0.0.1:1")

    assert 'Get "http://127.0.0.1:1/blackbox.tar.gz' in ran.err
    assert ran.code == 1
    assert guest("sdk", "install", "ios").code == 1


@pytest.mark.parametrize(
    "entry",
    [
        ("../x", "file", "x"), ("a/../../x", "file", "x"), ("/tmp/x", "file", "x"),
        ("C:\\x", "file", "x"), ("a\\..\\..\\x", "file", "x"), ("l", "link", "/etc"),
        ("l", "hard", "a"), ("f", "fifo", ""), ("a\nb", "file", "x"),
    ],
)  # fmt: skip
def test_archives_that_reach_out_are_refused_whole(
    guest: Wsk, server: RecordedServer, entry: tuple[str, str, str]
) -> None:
    """B098: nothing is written, not even what came before."""
    before = sorted(Path.cwd().rglob("*"))
    data = archive(("good.txt", "file", "good"), entry)
    server.answer("GET", "/blackbox.tar.gz", 200, raw=data)

    ran = guest("sdk", "install", "docker")

    assert ran.code == 1
    assert "in archive" in ran.err
    assert sorted(Path.cwd().rglob("*")) == before


def test_what_is_no_archive_is_refused(guest: Wsk, server: RecordedServer) -> None:
    server.answer("GET", "/blackbox.tar.gz", 200, raw=b"<html>")

    ran = guest("sdk", "install", "docker")

    assert "the archive cannot be read" in ran.err
    assert ran.code == 1


def test_a_zip_with_a_link_is_refused(home: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        made.writestr(entry, "/etc/passwd")

    with pytest.raises(WskError, match="is a link"):
        unpack_zip(buffer.getvalue())


def test_bash_completion_is_written_to_a_file(wsk: Wsk) -> None:
    ran = wsk("sdk", "install", "bashauto")

    assert "(wsk_cli_bash_completion.sh) is installed" in ran.out
    text = Path("wsk_cli_bash_completion.sh").read_text()
    assert "bash completion for wsk" in text.splitlines()[0]
