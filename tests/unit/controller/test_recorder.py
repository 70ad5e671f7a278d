"""Records of controllers are stored behind, however the store behaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from chasen.entities import (
    Activation,
    ActivationId,
    ActivationResponse,
    Outcome,
)
from chasen.errors import CorruptDocument, StoreUnavailable
from controller.invocation import recorder
from controller.invocation.recorder import Recorder

pytestmark = pytest.mark.anyio


class FickleStore:
    """Away for some calls; refuses one record for ever."""

    def __init__(self, *, away: int = 0, refused: str = "") -> None:
        self.away = away
        self.refused = refused
        self.batches: list[list[str]] = []

    async def store(self, records: Sequence[Activation]) -> None:
        if self.away:
            self.away -= 1
            raise StoreUnavailable
        if any(each.name == self.refused for each in records):
            raise CorruptDocument
        self.batches.append([each.name for each in records])


@contextmanager
def recording(store: FickleStore) -> Iterator[Recorder]:
    found = Recorder(store)  # pyright: ignore[reportArgumentType]
    task = asyncio.get_running_loop().create_task(found.run())
    yield found
    task.cancel()


def a_record(name: str) -> Activation:
    return Activation(
        activation_id=ActivationId("0" * 32),
        namespace="ns",
        name=name,
        version="0.0.1",
        subject="who",
        start_ms=1,
        response=ActivationResponse(Outcome.SUCCESS),
    )


async def all_stored(found: Recorder, *names: str) -> None:
    async with asyncio.timeout(5):
        await asyncio.wait([found.put(a_record(name)) for name in names])


async def test_what_comes_together_is_stored_together() -> None:
    store = FickleStore()
    with recording(store) as found:
        await all_stored(found, "a", "b", "c")
        await all_stored(found, "d")

    assert store.batches == [["a", "b", "c"], ["d"]]


async def test_a_store_that_is_away_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorder, "RETRY_S", 0.01)
    store = FickleStore(away=3)
    with recording(store) as found:
        await all_stored(found, "a")

    assert store.batches == [["a"]]


async def test_a_record_that_is_refused_does_not_hold_up_the_others() -> None:
    store = FickleStore(refused="b")
    with recording(store) as found:
        await all_stored(found, "a", "b", "c")

    assert store.batches == [["a"], ["c"]]
