"""Safe by default: loopback, generated keys, and no secret where others look."""

from __future__ import annotations

import base64
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from fixtures.house import BIN, EmbeddedProcess

LOOPBACK = "0100007F"  # as the kernel writes 127.0.0.1; 10.88.x.y ends with 580A


def listeners(pid: int) -> list[str]:
    """Local addresses that this process listens on, from the kernel's own table."""
    inodes = {
        link.name
        for descriptor in Path(f"/proc/{pid}/fd").iterdir()
        if (link := Path(str(descriptor.readlink()))).name.startswith("socket:")
    }
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.append(fields[1].partition(":")[0])
    return found


def test_the_embedded_house_keeps_its_secrets(tmp_path: Path) -> None:
    process = EmbeddedProcess(tmp_path)
    printed = process.start()
    assert process.process is not None
    try:
        key = process.admin("user", "get", "guest").strip()
        assert key in printed, "shown at the first start"
        heard = set(listeners(process.process.pid))
        # As root there is also a relay on the bridge that only actions are on.
        assert {each for each in heard if not each.endswith("580A")} == {LOOPBACK}
        secret = key.partition(":")[2]
        hidden = (secret, base64.b64encode(key.encode()).decode())
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = place.read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            assert not any(each in words for each in hidden), place
    finally:
        assert process.stop() == 0
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(each.encode() in content for each in hidden), path
    data = tmp_path / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "keys" / "server.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((data / "chasen.db").stat().st_mode) == 0o600


def test_a_second_start_keeps_data_and_shows_no_key(tmp_path: Path) -> None:
    process = EmbeddedProcess(tmp_path)
    process.start()
    user = process.house().user()
    user.put_action("hello", "def main(a): return {'said': 'hello'}")
    identifier = user.invoke("hello").json()["activationId"]
    user.record(identifier)
    assert process.stop(signal.SIGINT) == 0

    printed = process.start()
    try:
        assert "admin user get guest" in printed
        assert process.admin("user", "get", "guest").strip() not in printed
        assert user.invoke("hello", result="true").json() == {"said": "hello"}
        assert user.record(identifier)["response"]["success"] is True
    finally:
        user.client.close()
        assert process.stop() == 0


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    first = EmbeddedProcess(tmp_path)
    first.start()
    (tmp_path / "second").mkdir()
    second = EmbeddedProcess(tmp_path / "second", api_port=first.api_port)
    try:
        done = subprocess.run(
            [BIN / "chasen", "up"],
            env=second.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert str(first.api_port) in done.stderr
    finally:
        assert first.stop() == 0


@pytest.mark.parametrize("words", [["--help"], ["up", "--help"], ["admin", "--help"]])
def test_every_command_explains_itself(words: list[str]) -> None:
    done = subprocess.run([BIN / "chasen", *words], capture_output=True, text=True)

    assert done.returncode == 0
    assert done.stdout.startswith("usage: chasen")


def test_wrong_settings_are_all_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "chasen", "up"],
        env={"PATH": "/usr/bin:/bin", "CHASEN_LISTEN": "x", "CHASEN_TYPO": "1"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert done.returncode == 1
    assert "CHASEN_LISTEN" in done.stderr
    assert "CHASEN_TYPO" in done.stderr
    assert "Traceback" not in done.stderr
