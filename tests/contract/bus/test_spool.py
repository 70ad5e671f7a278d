"""The in-process bus with a file: what a dead process leaves to the next."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
from contract.bus.reading import bodies, nothing_more, post_all, read

from chasen.bus.open import open_bus
from chasen.errors import BusUnavailable

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]

POSTER = """
import asyncio, os, sys
from chasen.bus.open import open_bus

async def main(url):
    async with open_bus(url) as bus:
        await bus.ensure_topic("t")
        number = 0
        while True:
            waiting = []
            for _ in range(20):
                number += 1
                future = bus.post("t", b"%d" % number, headers={"n": b"%d" % number})
                waiting.append((number, future))
                bus.post("t", b"lost", durable=False)
            for each, future in waiting:
                await future
                os.write(1, b"%d\\n" % each)

asyncio.run(main(sys.argv[1]))
"""


# No file may grow beyond 256 KiB: what a full disk does, without filling one.
FULL_DISK = """
import asyncio, resource, sys
from chasen.bus.open import open_bus
from chasen.errors import BusUnavailable

async def main(url):
    async with open_bus(url) as bus:
        await bus.ensure_topic("t")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, hard))
        accepted, refused = [], []
        for number in range(40):
            body = (b"%d " % number).ljust(20_000, b".")
            try:
                await bus.post("t", body)
                accepted.append(number)
            except BusUnavailable:
                refused.append(number)
        assert refused and accepted, (accepted, refused)
        assert "spool.db" in bus.fault(), bus.fault()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await bus.post("t", b"99 room again")
        assert bus.fault() is None
        async with bus.consumer("t", group="g", max_peek=100) as consumer:
            taken = [int(m.body.split()[0]) for m in await consumer.peek(wait_s=1)]
        assert taken == [*accepted, 99], (taken, accepted)

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


async def test_what_was_acknowledged_survives_a_kill(spool: Path) -> None:
    """A real process, a real SIGKILL, in the middle of its transactions."""
    url = f"memory:{spool}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", POSTER, url, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        acknowledged = [await process.stdout.readline() for _ in range(500)]
    process.kill()
    acknowledged += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    numbers = [int(line) for line in acknowledged if line.endswith(b"\n")]

    async with (
        open_bus(url) as bus,
        bus.consumer("t", group="g", max_peek=10_000) as consumer,
    ):
        again = list(await consumer.peek(wait_s=1))
        await consumer.commit({0: again[-1].offset + 1})
        highest = again[-1].offset
        await bus.post("t", b"new")
        (new,) = await read(consumer, 1)

    found = [int(message.body) for message in again]
    assert found == sorted(set(found))
    assert set(numbers) <= set(found)
    assert [int(message.headers["n"]) for message in again] == found
    assert new.offset > highest
    async with (
        open_bus(url) as bus,
        bus.consumer("t", group="g", max_peek=10) as consumer,
    ):
        assert bodies(await read(consumer, 1)) == [b"new"]
        assert await nothing_more(consumer)


async def test_what_the_disk_refused_is_refused_and_never_shown(spool: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FULL_DISK, f"memory:{spool}", cwd=ROOT
    )
    async with asyncio.timeout(30):
        assert await process.wait() == 0


async def test_only_durable_messages_come_again_and_offsets_never(
    spool: Path,
) -> None:
    url = f"memory:{spool}"
    async with open_bus(url) as bus:
        await bus.ensure_topic("t", partitions=2)
        await post_all(bus, "t", b"a", b"b")
        await bus.post("t", b"gone", durable=False)
        await bus.post("t", b"gone too", durable=False)
        async with bus.consumer("t", group="g", max_peek=10) as consumer:
            before = await read(consumer, 4)

    async with open_bus(url) as bus:
        async with bus.consumer("t", group="g", max_peek=10) as consumer:
            assert sorted(bodies(await read(consumer, 2))) == [b"a", b"b"]
            await post_all(bus, "t", b"c", b"d")
            after = await read(consumer, 2)

    for message in after:
        same = [each for each in before if each.partition == message.partition]
        assert all(each.offset < message.offset for each in same)


async def test_committed_messages_leave_the_file(spool: Path) -> None:
    """When every group has them; two groups survive a restart, too."""
    url = f"memory:{spool}"
    async with open_bus(url) as bus:
        await bus.ensure_topic("t")
        async with (
            bus.consumer("t", group="one", max_peek=10) as one,
            bus.consumer("t", group="two", max_peek=10) as two,
        ):
            await post_all(bus, "t", b"a", b"b")
            taken = await read(one, 2)
            await one.commit({0: taken[1].offset + 1})
            await two.commit({0: taken[0].offset + 1})

    assert _bodies_in(spool) == [b"b"]
    async with open_bus(url) as bus:
        async with (
            bus.consumer("t", group="one", max_peek=10) as one,
            bus.consumer("t", group="two", max_peek=10) as two,
        ):
            assert bodies(await read(two, 1)) == [b"b"]
            assert await nothing_more(one)
            await two.commit({0: taken[1].offset + 1})

    assert _bodies_in(spool) == []


async def test_one_file_serves_one_process(spool: Path) -> None:
    async with open_bus(f"memory:{spool}"):
        with pytest.raises(BusUnavailable, match="another process uses it"):
            async with open_bus(f"memory:{spool}"):
                pass


@pytest.fixture
def no_database(spool: Path) -> Path:
    spool.write_bytes(b"no database at all, " * 200)
    return spool


async def test_a_file_that_is_none_says_so(no_database: Path) -> None:
    with pytest.raises(BusUnavailable, match=r"spool\.db cannot be used"):
        async with open_bus(f"memory:{no_database}"):
            pass


async def test_the_file_is_for_its_owner_alone(spool: Path) -> None:
    """Arguments of actions lie in it."""
    async with open_bus(f"memory:{spool}?sync=full") as bus:
        await bus.ensure_topic("t")
        await post_all(bus, "t", b"secret")
        modes = {stat.S_IMODE(path.stat().st_mode) for path in spool.parent.iterdir()}

    assert modes == {0o600}


def _bodies_in(spool: Path) -> list[bytes]:
    database = sqlite3.connect(spool)
    rows = database.execute("SELECT body FROM messages").fetchall()
    database.close()
    return [body for (body,) in rows]
