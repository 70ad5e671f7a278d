"""The contract of ``CodeStore``."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from chasen.entities import code_digest
from chasen.entities.limits import CODE_BYTES_MAX
from chasen.errors import NoDocument
from chasen.ports.stores import CodeStore

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "text", ["def main(args): return {}\n", "", "grün ☕ 𝄞\r\n\x00", "UEsDBA=="]
)
async def test_code_comes_back_as_it_went_in(code: CodeStore, text: str) -> None:
    digest = await code.put(text)

    assert digest == code_digest(text)
    assert await code.get(digest) == text


async def test_unknown_code_is_not_there(code: CodeStore) -> None:
    with pytest.raises(NoDocument):
        await code.get("0" * 64)


async def test_storing_twice_is_storing_once(code: CodeStore) -> None:
    digests: list[str] = []

    async def store() -> None:
        digests.append(await code.put("x = 1"))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(5):
            tasks.create_task(store())
    digests.append(await code.put("x = 1"))

    assert set(digests) == {code_digest("x = 1")}
    assert await code.get(digests[0]) == "x = 1"


async def test_48_mb_of_code_fit_and_the_loop_goes_on(code: CodeStore) -> None:
    large = random.Random(7).randbytes(CODE_BYTES_MAX // 2).hex()
    stall_s = 0.0

    async def watch() -> None:
        nonlocal stall_s
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            stall_s = max(stall_s, time.monotonic() - before)

    watching = asyncio.create_task(watch())
    digest = await code.put(large)
    read = await code.get(digest)
    watching.cancel()

    assert read == large
    assert stall_s < 2, "the event loop stood still"
