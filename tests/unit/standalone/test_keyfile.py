"""Keys come from files and stdin, never from the command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from chasen.errors import BadInput, ChasenError
from standalone.admin.keyfile import key_from

KEY = f"0b5b6d3e-9f3e-4c5e-8e57-6d0a4a0b6c11:{'k' * 64}"


def test_a_key_comes_from_a_private_file_or_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "alice.key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))

    assert key_from(str(file)) == KEY
    assert key_from("-") == KEY


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "alice.key"
    file.write_text(KEY)
    file.chmod(0o644)

    with pytest.raises(ChasenError, match="chmod 600"):
        key_from(str(file))


@pytest.mark.parametrize("text", [KEY, KEY.upper(), f"{KEY[:36]}:short", "k" * 64])
def test_a_key_as_an_argument_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadInput, match="not taken as an argument") as refused:
        key_from(text)
    assert text not in str(refused.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        key_from(str(tmp_path / "none.key"))
