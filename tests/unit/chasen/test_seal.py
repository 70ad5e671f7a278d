"""Sealed keys, and the file that opens them."""

import os
from pathlib import Path

import pytest

from chasen.errors import ChasenError
from chasen.seal import SealBroken, open_seal, write_secret


def test_a_sealed_key_opens_with_the_same_file_only(tmp_path: Path) -> None:
    sealed = open_seal(tmp_path / "keys" / "server.key").seal("secret")

    assert "secret" not in sealed
    assert open_seal(tmp_path / "keys" / "server.key").open(sealed) == "secret"
    with pytest.raises(SealBroken):
        open_seal(tmp_path / "other.key").open(sealed)
    with pytest.raises(SealBroken):
        open_seal(tmp_path / "other.key").open("1.nonsense")


def test_the_key_file_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "server.key"
    open_seal(path)

    assert path.stat().st_mode & 0o777 == 0o600
    os.chmod(path, 0o644)
    with pytest.raises(ChasenError, match=r"readable by others. Run: chmod 600"):
        open_seal(path)


def test_a_secret_is_never_replaced(tmp_path: Path) -> None:
    write_secret(tmp_path / "key", b"first")

    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "key", b"second")

    assert (tmp_path / "key").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["key"], "no draft is left"
