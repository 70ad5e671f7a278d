"""Parameters are sealed before the store sees them."""

from __future__ import annotations

import orjson
import pytest

from chasen.entities import Parameter, Parameters
from chasen.errors import BadInput
from chasen.seal import Seal
from controller.catalog.locks import lock, refuse_locks

SEAL = Seal(b"k" * 32)
WISH = Parameters((Parameter("a", {"n": 1}, True, "aes-256"), Parameter("b", 2)))


def test_marked_values_are_sealed_and_others_left_alone() -> None:
    token, plain = lock(SEAL, "alice", WISH).items

    assert plain == Parameter("b", 2)
    assert (token.key, token.init, token.encryption) == ("a", True, "aes-256")
    assert orjson.loads(SEAL.open(token.value, "alice")) == {"n": 1}


def test_what_is_sealed_stays_as_it_is_in_its_own_namespace_only() -> None:
    once = lock(SEAL, "alice", WISH)

    assert lock(SEAL, "alice", once) == once
    assert lock(SEAL, "bob", once) != once


def test_a_house_without_a_key_refuses() -> None:
    plain = Parameters.of({"a": 1})

    assert lock(None, "alice", plain) == plain
    with pytest.raises(BadInput):
        lock(None, "alice", WISH)
    refuse_locks(plain)
    refuse_locks(None)
    with pytest.raises(BadInput):
        refuse_locks(WISH)
