"""Keys are compared in constant time, and shown by nobody."""

from __future__ import annotations

import ast
from pathlib import Path

import chasen
from chasen.entities import AuthKey, Namespace, key_hash, key_matches

SOURCES = sorted(Path(chasen.__file__).parents[1].glob("c*/**/*.py"))
SECRET = ("key_hash", "keyHash", "sealed_key", "sealedKey", "token")


def test_a_key_matches_its_own_hash_only() -> None:
    assert key_matches("k" * 64, key_hash("k" * 64))
    assert not key_matches("k" * 63 + "K", key_hash("k" * 64))
    assert not key_matches("", key_hash("k" * 64))


def test_secrets_are_compared_by_compare_digest_alone() -> None:
    """S39: how long == takes tells how much was right."""
    found = [
        f"{path.name}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.Eq | ast.NotEq)
        and any(name in ast.unparse(node) for name in SECRET)
    ]

    assert found == []
    assert len(SOURCES) > 50


def test_keys_do_not_show() -> None:
    pair = AuthKey("0b5b6d3e-9f3e-4c5e-8e57-6d0a4a0b6c11", "s" * 64)
    namespace = Namespace("alice", pair.uuid, "h" * 64, "sealed")

    assert "s" * 8 not in repr(pair)
    assert "h" * 8 not in repr(namespace)
    assert "sealed" not in repr(namespace).replace("sealed_key", "")
