"""What every container adapter must do: the docstrings of ``invoker.ports``, proved.

A test class per adapter inherits ``ContainerContract`` and brings two fixtures:
``factory`` (opened, cleaned up afterwards) and ``spec`` (of a Python runtime).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from invoker.ports import Container, ContainerAddress, ContainerFactory, ContainerSpec

READY_LIMIT_S = 20
ANSWER_LIMIT_S = 60


async def _connect(
    address: ContainerAddress,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.unix:
        return await asyncio.open_unix_connection(address.unix)
    return await asyncio.open_connection(address.host, address.port)


async def connect(
    address: ContainerAddress,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect until somebody listens, as the invoker does."""
    async with asyncio.timeout(READY_LIMIT_S):
        while True:
            try:
                return await _connect(address)
            except OSError:
                await asyncio.sleep(0.002)


async def post(
    address: ContainerAddress, path: str, body: Any
) -> tuple[int, dict[str, Any]]:
    """Answer status and JSON of one POST on a connection of its own."""
    reader, writer = await connect(address)
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            text = json.dumps(body).encode()
            writer.write(
                f"POST {path} HTTP/1.1\r\nhost: action\r\nconnection: close\r\n"
                "content-type: application/json\r\n"
                f"content-length: {len(text)}\r\n\r\n".encode()
                + text
            )
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").lower().split("\r\n")
            fields = dict(line.split(":", 1) for line in lines[1:] if ":" in line)
            answer = await reader.readexactly(int(fields["content-length"]))
            # Logs in band follow the result.
            answer = answer[: int(fields.get("x-chasen-result", len(answer)))]
            return int(lines[0].split()[1]), json.loads(answer or b"null")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def init(container: Container, code: str) -> None:
    value = {"name": "probe", "main": "main", "code": code, "binary": False, "env": {}}
    status, answer = await post(container.address, "/init", {"value": value})
    assert status == 200, answer


async def run(container: Container, **arguments: Any) -> dict[str, Any]:
    status, answer = await post(container.address, "/run", {"value": arguments})
    assert status == 200, answer
    return answer


GREETING = """
def main(args):
    return {"greeting": "Hello " + args["name"]}
"""

# The longest pause between two breaths tells how long it stood still.
BREATHING = """
import threading, time
longest = 0.0

def breathe():
    global longest
    last = time.monotonic()
    while True:
        time.sleep(0.005)
        now = time.monotonic()
        longest, last = max(longest, now - last), now

def main(args):
    if "start" in args:
        threading.Thread(target=breathe, daemon=True).start()
    return {"longest": longest}
"""

DYING = """
import os

def main(args):
    os.kill(os.getpid(), 9)
    os._exit(1)
"""

GREEDY = """
def main(args):
    hoard = []
    while True:
        hoard.append(bytearray(b"x" * 16_000_000))
"""


class ContainerContract:
    """Inherit, and bring the fixtures ``factory`` and ``spec``."""

    pytestmark = pytest.mark.anyio

    knows_oom = True

    async def test_it_is_initialized_once_and_runs_often(
        self, factory: ContainerFactory, spec: ContainerSpec
    ) -> None:
        container = await factory.create(spec)

        await init(container, GREETING)
        first = await run(container, name="Rikyu")
        second = await run(container, name="Oribe")

        assert first == {"greeting": "Hello Rikyu"}
        assert second == {"greeting": "Hello Oribe"}

    async def test_two_containers_have_different_names_and_addresses(
        self, factory: ContainerFactory, spec: ContainerSpec
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            one = tasks.create_task(factory.create(spec))
            two = tasks.create_task(factory.create(spec))

        assert one.result().id != two.result().id
        assert one.result().address != two.result().address

    async def test_a_suspended_container_stands_still_and_goes_on_where_it_was(
        self, factory: ContainerFactory, spec: ContainerSpec
    ) -> None:
        container = await factory.create(spec)
        await init(container, BREATHING)
        await run(container, start=True)

        await container.suspend()
        await asyncio.sleep(1.5)
        await container.resume()
        # Let the thread notice how late it is.
        await asyncio.sleep(0.2)

        assert (await run(container))["longest"] > 1.3

    async def test_it_can_be_suspended_and_resumed_many_times(
        self, factory: ContainerFactory, spec: ContainerSpec
    ) -> None:
        container = await factory.create(spec)
        await init(container, GREETING)

        for number in range(10):
            await container.suspend()
            await container.resume()
            answer = await run(container, name=str(number))
            assert answer == {"greeting": f"Hello {number}"}

    async def test_destroying_twice_is_fine_and_leaves_nobody_listening(
        self, factory: ContainerFactory, spec: ContainerSpec
    ) -> None:
        container = await factory.create(spec)
        await init(container, GREETING)

        await container.destroy()
        await container.destroy()

        with pytest.raises(OSError):  # noqa: PT011 - refused, or no such file
            await _connect(container.address)

    async def test_a_suspended_container_can_be_destroyed(
        self, factory: ContainerFactory, spec: ContainerSpec
    ) -> None:
        container = await factory.create(spec)
        await init(container, GREETING)
        await container.suspend()

        await container.destroy()

        with pytest.raises(OSError):  # noqa: PT011
            await _connect(container.address)

    async def test_an_action_that_kills_itself_breaks_the_connection(
        self, factory: ContainerFactory, spec: ContainerSpec
    ) -> None:
        container = await factory.create(spec)
        await init(container, DYING)

        with pytest.raises((OSError, EOFError, AssertionError)):
            await run(container)

        assert await container.was_oom_killed() is False
        await container.destroy()

    async def test_memory_is_limited_and_its_end_is_known(
        self, factory: ContainerFactory, spec: ContainerSpec
    ) -> None:
        container = await factory.create(spec)
        await init(container, GREEDY)

        with pytest.raises((OSError, EOFError, AssertionError)):
            await run(container)

        assert await container.was_oom_killed() is self.knows_oom

    async def test_cleaning_up_counts_and_removes_what_is_there(
        self, factory: ContainerFactory, spec: ContainerSpec
    ) -> None:
        one = await factory.create(spec)
        two = await factory.create(spec)
        await two.suspend()

        assert await factory.cleanup() == 2
        assert await factory.cleanup() == 0

        for container in (one, two):
            with pytest.raises(OSError):  # noqa: PT011
                await _connect(container.address)

    async def test_cleaning_up_at_start_finds_nothing_of_this_life(
        self, factory: ContainerFactory
    ) -> None:
        assert await factory.cleanup() == 0

    async def test_it_says_that_it_is_well_and_how_it_isolates(
        self, factory: ContainerFactory
    ) -> None:
        assert await factory.self_test() is None
        assert factory.isolation()
        assert all(sentence.endswith(".") for sentence in factory.isolation())
        assert factory.pause_grace_s in (0.05, 10)
