"""Secrets that only an invoker opens."""

from __future__ import annotations

import orjson
import pytest
from doubles.jobs import a_message

from chasen.clock import SystemClock
from chasen.seal import Seal, SealBroken
from chasen.stores.open import open_stores
from invoker.actions import Keyring

pytestmark = pytest.mark.anyio


async def test_locked_parameters_open_in_their_own_namespace_only() -> None:
    """A sealed text that was copied out of one namespace is of no use in another."""
    seal = Seal(b"k" * 32)
    sealed = seal.seal(orjson.dumps({"n": [1]}).decode(), "alice")
    async with open_stores("memory:") as stores:
        keyring = Keyring(stores.auth, seal, SystemClock())
        keyless = Keyring(stores.auth, None, SystemClock())

        opened = keyring.unlock(a_message(locked={"TOKEN": ["alice", sealed]}))

        assert opened == {"TOKEN": {"n": [1]}}
        assert keyring.unlock(a_message()) == {}
        with pytest.raises(SealBroken):
            keyring.unlock(a_message(locked={"TOKEN": ["bob", sealed]}))
        with pytest.raises(SealBroken):
            keyless.unlock(a_message(locked={"TOKEN": ["alice", sealed]}))
