"""What is particular to the SQLite store: the file, its safety, other processes."""
# ruff: noqa: ASYNC220, ASYNC240  nothing else runs in these loops

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from contract.stores.examples import (
    a_trigger,
    an_action,
    an_activation,
    fqn,
)

from chasen.entities import Action, ActivationId, EntityPath
from chasen.errors import CorruptDocument, StoreUnavailable
from chasen.ports.stores import Page
from chasen.stores.open import open_stores

pytestmark = pytest.mark.anyio

WRITER = Path(__file__).with_name("sqlite_writer.py")
GUEST = EntityPath("guest")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chasen.db"


@pytest.mark.parametrize("query", ["", "?durable=1"])
async def test_no_acknowledged_write_is_lost_by_a_kill(path: Path, query: str) -> None:
    writer = subprocess.Popen(
        [sys.executable, str(WRITER), f"sqlite:{path}{query}"],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        text=True,
    )
    assert writer.stdout
    lines = [writer.stdout.readline() for _ in range(400)]
    writer.send_signal(signal.SIGKILL)
    lines += writer.stdout.readlines()
    writer.wait()
    writer.stdout.close()
    # The very last line may be cut.
    acknowledged = [line.split() for line in lines if line.endswith("\n")]
    records = {ActivationId(name) for what, name in acknowledged if what == "record"}
    actions = {name for what, name in acknowledged if what == "action"}
    assert len(records) > 50
    assert len(actions) > 50

    async with open_stores(f"sqlite:{path}") as stores:
        known = await stores.activations.known(("guest", each) for each in records)
        listed = await stores.entities.list(Action, GUEST, Page(limit=100_000))

    assert known == records
    assert actions <= {each.fqn.name for each in listed}


async def test_the_file_stays_what_it_was_and_is_ours_alone(path: Path) -> None:
    async with open_stores(f"sqlite:{path}") as stores:
        stored = await stores.entities.put(an_action("hello"))
        modes = {
            each.name: stat.S_IMODE(each.stat().st_mode)
            for each in path.parent.iterdir()
        }

    assert set(modes.values()) == {0o600}
    assert "chasen.db-wal" in modes
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    async with open_stores(f"sqlite:{path}") as stores:
        assert await stores.entities.get(Action, stored.fqn) == stored
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_two_processes_may_write_the_same_file(path: Path) -> None:
    """An admin command beside a running house."""
    address = f"sqlite:{path}"
    async with open_stores(address) as house, open_stores(address) as admin:
        async with asyncio.TaskGroup() as tasks:
            for number in range(40):
                store = (house, admin)[number % 2]
                tasks.create_task(store.entities.put(an_action(f"a{number}")))
                tasks.create_task(store.activations.store([an_activation()]))

        assert await admin.entities.count(Action, GUEST) == 40
        assert await house.activations.count("guest", "hello", Page()) == 40


async def test_a_file_locked_for_long_is_unavailable_and_soon(path: Path) -> None:
    async with open_stores(f"sqlite:{path}") as stores:
        await stores.entities.put(an_action("before"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        start_s = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await stores.entities.put(an_action("meanwhile"))
        assert time.monotonic() - start_s < 3
        assert await stores.entities.get(Action, fqn("before"))
        other.execute("ROLLBACK")
        other.close()

        await stores.entities.put(an_action("after"))


async def test_a_newer_file_is_refused(path: Path) -> None:
    async with open_stores(f"sqlite:{path}"):
        pass
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()

    with pytest.raises(StoreUnavailable, match="newer Chasen"):
        async with open_stores(f"sqlite:{path}"):
            pass


@pytest.mark.parametrize("content", [b"this is no database" * 500, b"SQLite"])
async def test_another_file_is_refused_by_name(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(StoreUnavailable, match=r"chasen\.db cannot be opened"):
        async with open_stores(f"sqlite:{path}"):
            pass
    assert path.read_bytes() == content


async def test_a_path_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        async with open_stores(f"sqlite:{tmp_path}/file/chasen.db"):
            pass
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        async with open_stores(f"sqlite:{tmp_path}"):
            pass


@pytest.mark.parametrize("document", [b"{", b"[]", b"{}", b'{"entityType":"action"}'])
async def test_a_corrupt_row_hides_no_other(path: Path, document: bytes) -> None:
    async with open_stores(f"sqlite:{path}") as stores:
        await stores.entities.put(an_action("bad"))
        good = await stores.entities.put(an_action("good"))
        trigger = await stores.entities.put(a_trigger("t"))
        other = sqlite3.connect(path)
        other.execute(
            "UPDATE entities SET document = ? WHERE id = 'guest/bad'", (document,)
        )
        other.commit()
        other.close()

        with pytest.raises(CorruptDocument):
            await stores.entities.get(Action, fqn("bad"))
        assert await stores.entities.list(Action, GUEST, Page()) == [good]
        await stores.entities.delete(trigger)


async def test_damaged_code_is_not_handed_out(path: Path) -> None:
    async with open_stores(f"sqlite:{path}") as stores:
        digest = await stores.code.put("print(1)")
        other = sqlite3.connect(path)
        other.execute("UPDATE code SET text = ?", (b"print(2)",))
        other.commit()
        other.close()

        with pytest.raises(CorruptDocument):
            await stores.code.get(digest)


async def test_everything_asked_for_is_written_before_closing(path: Path) -> None:
    async with open_stores(f"sqlite:{path}") as stores:
        puts = [
            asyncio.create_task(stores.entities.put(an_action(f"a{number}")))
            for number in range(50)
        ]
        await asyncio.sleep(0)

    for put in puts:
        await put
    async with open_stores(f"sqlite:{path}") as stores:
        assert await stores.entities.count(Action, GUEST) == 50
