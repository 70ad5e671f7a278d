"""Pulling: rows K3 and K6, on a double that counts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from chasen.errors import ImageError
from invoker.containers.docker_engine import Engine, EngineFault

pytestmark = pytest.mark.anyio


class Registry:
    """Stands where the engine's client does; a pull lasts until it is let go."""

    def __init__(self, *, works: bool = True, local: tuple[str, ...] = ()) -> None:
        self.works = works
        self.local = local
        self.pulls: list[str] = []
        self.go = threading.Event()
        self.closing = False

    def pull(self, image: str) -> None:
        self.pulls.append(image)
        self.go.wait(10)
        if not self.works:
            raise EngineFault("no such host", 500)

    def has_image(self, image: str) -> bool:
        return image in self.local

    def close(self) -> None:
        pass


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine("docker:", concurrent_starts=1)
    yield engine
    await engine.close()


def _with(engine: Engine, registry: Registry) -> Registry:
    engine.client = registry  # type: ignore[assignment]
    return registry


async def test_pulls_of_one_image_at_the_same_time_are_one(engine: Engine) -> None:
    registry = _with(engine, Registry())
    async with asyncio.TaskGroup() as tasks:
        for _ in range(5):
            tasks.create_task(engine.provide_image("me/mine:1"))
        await asyncio.sleep(0.05)
        registry.go.set()
    assert registry.pulls == ["me/mine:1"]


async def test_a_failed_pull_is_not_remembered(engine: Engine) -> None:
    registry = _with(engine, Registry(works=False))
    registry.go.set()
    with pytest.raises(ImageError, match="'me/mine:1'"):
        await engine.provide_image("me/mine:1")

    registry.works = True
    await engine.provide_image("me/mine:1")

    assert len(registry.pulls) == 2


@pytest.mark.parametrize("image", ["me/mine:1", "me/mine@sha256:0a"])
async def test_a_pinned_image_that_is_here_will_do(engine: Engine, image: str) -> None:
    registry = _with(engine, Registry(works=False, local=(image,)))
    registry.go.set()
    await engine.provide_image(image)


@pytest.mark.parametrize("image", ["me/mine", "me/mine:latest"])
async def test_the_latest_must_be_pulled(engine: Engine, image: str) -> None:
    registry = _with(engine, Registry(works=False, local=(image,)))
    registry.go.set()
    with pytest.raises(ImageError):
        await engine.provide_image(image)


async def test_one_waiter_that_leaves_does_not_spoil_it_for_the_others(
    engine: Engine,
) -> None:
    registry = _with(engine, Registry())
    staying = asyncio.create_task(engine.provide_image("me/mine:1"))
    leaving = asyncio.create_task(engine.provide_image("me/mine:1"))
    await asyncio.sleep(0.05)
    leaving.cancel()
    await asyncio.wait([leaving])
    registry.go.set()
    await staying
    assert registry.pulls == ["me/mine:1"]
