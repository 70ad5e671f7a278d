"""The invoker from the controller's side: acks, records, keys, drain, adoption."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from doubles.launchers import Launcher, Request, ServerContainers, reply
from doubles.workshop import MANIFEST, Workshop, a_workshop, settings_in

from chasen.bus import topics
from chasen.bus.feed import Delivery, MessageFeed
from chasen.bus.open import open_bus
from chasen.clock import SystemClock
from chasen.entities import (
    LOST,
    ActionLimits,
    Activation,
    ActivationId,
    Namespace,
    Outcome,
    Parameter,
    Parameters,
    Subject,
    key_hash,
)
from chasen.errors import StoreUnavailable, TooLarge
from chasen.messages import (
    AckKind,
    Invalidation,
    Ping,
)
from chasen.ports.stores import Page
from chasen.seal import Seal
from chasen.stores.open import open_stores
from invoker import adoption, journal
from invoker.app import Invoker
from invoker.ping import STOPPED
from invoker.ports import CollectedLogs

pytestmark = pytest.mark.anyio

LINE = "2026-01-01T00:00:00.000000000Z  stdout: hello"


async def shapes(
    folder: Path, *, blocking: bool, logs: str, logs_mb: int = 1
) -> tuple[list[tuple[str, bool]], Workshop, ActivationId]:
    inband = logs == "inband"
    launcher = Launcher(inband=inband, lines=[LINE])
    containers = ServerContainers(
        folder, launcher, keep_alive=inband, inband_logs=inband, logs_after_s=0.05
    )
    containers.collected = CollectedLogs([LINE])
    async with a_workshop(folder, containers) as workshop:
        action = await workshop.action(limits=ActionLimits(logs_mb=logs_mb))
        identifier = workshop.send(action, blocking=blocking)
        acks = await workshop.ended(identifier)
        record = await workshop.record(identifier)
        assert list(record.logs) == ([LINE] if logs_mb else [])
        async with asyncio.timeout(5):
            while identifier not in workshop.stored:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    return [(ack.kind, bool(ack.body)) for ack in acks], workshop, identifier


@pytest.mark.parametrize(
    ("blocking", "logs", "logs_mb", "expected"),
    [
        (True, "apart", 1, [(AckKind.RESULT, True), (AckKind.COMPLETION, False)]),
        (True, "apart", 0, [(AckKind.COMBINED, True)]),
        (True, "inband", 1, [(AckKind.COMBINED, True)]),
        (False, "apart", 1, [(AckKind.COMPLETION, False)]),
        (False, "apart", 0, [(AckKind.COMPLETION, False)]),
        (False, "inband", 1, [(AckKind.COMPLETION, False)]),
    ],
)
async def test_which_acks_are_sent(
    tmp_path: Path, blocking: bool, logs: str, logs_mb: int, expected: list
) -> None:
    sent, _, _ = await shapes(tmp_path, blocking=blocking, logs=logs, logs_mb=logs_mb)

    assert sent == expected


async def test_the_ack_tells_where_the_result_is(tmp_path: Path) -> None:
    async with a_workshop(tmp_path, ServerContainers(tmp_path)) as workshop:
        identifier = workshop.send(await workshop.action(), b'{"a":"b"}')
        ack = (await workshop.ended(identifier))[0]

    assert ack.result is not None
    start, end = ack.result
    assert orjson.loads(ack.body[start:end]) == {"a": "b"}


@pytest.mark.parametrize(
    ("collected", "notice"),
    [
        (CollectedLogs([LINE], truncated=True), "Logs were truncated"),
        (CollectedLogs([LINE], complete=False), "issue while collecting your logs"),
    ],
)
async def test_a_container_whose_log_overflowed_is_not_used_again(
    tmp_path: Path, collected: CollectedLogs, notice: str
) -> None:
    containers = ServerContainers(tmp_path, collected=collected)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action()
        identifier = workshop.send(action)
        record = await workshop.record(identifier)
        await workshop.invoke(action)

        assert record.response.outcome is Outcome.SUCCESS
        assert record.logs[0] == LINE
        assert notice in record.logs[1]
        assert len(containers.made) == 2


async def test_a_log_cut_by_the_launcher_is_said(tmp_path: Path) -> None:
    result = b'{"a":1}'
    block = LINE.encode()
    cut = reply(
        result + block, "200 OK", "X-Chasen-Result: 7", "X-Chasen-Logs-Truncated: 1"
    )
    launcher = Launcher(run=lambda request: cut)
    containers = ServerContainers(tmp_path, launcher, keep_alive=True, inband_logs=True)
    async with a_workshop(tmp_path, containers) as workshop:
        record = await workshop.invoke(await workshop.action())

    assert record.response.result == result
    assert record.logs[0] == LINE
    assert "Logs were truncated" in record.logs[1]
    limit = launcher.requests[1].headers["x-chasen-log-limit"]
    assert limit == str(10 * 1024 * 1024)


async def test_a_log_beyond_its_limit_is_never_read_to_the_end(tmp_path: Path) -> None:
    """A launcher that user code took over promises a gigabyte of log."""
    head = reply(b"", "200 OK", "X-Chasen-Result: 7", length=10**9 + 7)
    launcher = Launcher(run=lambda request: head + b'{"a":1}' + b"x" * 3_000_000)
    containers = ServerContainers(tmp_path, launcher, True, inband_logs=True)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action(limits=ActionLimits(logs_mb=1))
        record = await workshop.invoke(action)

    assert record.response.result == b'{"a":1}'
    assert "Logs were truncated" in record.logs[-1]
    assert sum(map(len, record.logs)) < 1_200_000


async def test_the_log_of_a_failed_init_is_kept(tmp_path: Path) -> None:
    data = reply(b'{"error":"no"}' + LINE.encode(), "502 Bad", "X-Chasen-Result: 14")
    launcher = Launcher(init=lambda request: data)
    containers = ServerContainers(tmp_path, launcher, True, inband_logs=True)
    async with a_workshop(tmp_path, containers) as workshop:
        record = await workshop.invoke(await workshop.action())

    assert record.response.result == b'{"error":"no"}'
    assert record.logs[0] == LINE


async def test_a_deleted_action_is_an_application_error(tmp_path: Path) -> None:
    async with a_workshop(tmp_path, ServerContainers(tmp_path)) as workshop:
        action = await workshop.action()
        await workshop.stores.entities.delete(action)
        record = await workshop.invoke(action)

    assert record.response.outcome is Outcome.APPLICATION_ERROR
    assert record.response.result == (
        b'{"error":"Action could not be found or may have been deleted."}'
    )


async def test_what_waited_too_long_is_not_run(tmp_path: Path) -> None:
    launcher = Launcher()
    containers = ServerContainers(tmp_path, launcher)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action()
        now_ms = workshop.clock.now_ms()
        record = await workshop.invoke(
            action, accepted_ms=now_ms - 5000, start_before_ms=now_ms - 1
        )

    assert record.response.outcome is Outcome.WHISK_ERROR
    assert b"waited longer than 4 s and was not run" in (record.response.result or b"")
    assert launcher.requests == []


async def test_a_second_delivery_is_not_a_second_run(tmp_path: Path) -> None:
    """While it runs, and after it was stored."""
    launcher = Launcher()
    containers = ServerContainers(tmp_path, launcher)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action()
        identifier = workshop.clock.fresh_id()
        workshop.send(action, activation_id=identifier)
        workshop.send(action, activation_id=identifier)
        await workshop.record(identifier)
        await asyncio.sleep(0.1)
        workshop.send(action, activation_id=identifier)
        await asyncio.sleep(0.2)

        assert [request.path for request in launcher.requests] == ["/init", "/run"]
        assert workshop.invoker.status().in_hand == 0


async def test_a_changed_action_runs_its_new_revision(tmp_path: Path) -> None:
    containers = ServerContainers(tmp_path)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action()
        await workshop.invoke(action)
        newer = await workshop.stores.entities.put(
            replace(action, limits=ActionLimits(timeout_ms=7000))
        )
        record = await workshop.invoke(newer)
        old = await workshop.invoke(action)  # accepted earlier: may run either

        assert record.annotations.get("limits")["timeout"] == 7000
        assert old.response.outcome is Outcome.SUCCESS
        assert len(containers.made) == 2


async def test_an_invalidation_removes_resting_containers(tmp_path: Path) -> None:
    containers = ServerContainers(tmp_path)
    async with a_workshop(tmp_path, containers) as workshop:
        await workshop.invoke(await workshop.action())
        news = Invalidation(controller="0", names=["guest/other", "guest/hello"])
        workshop.bus.post(topics.CACHE_INVALIDATION, news.encode())

        async with asyncio.timeout(5):
            while containers.living:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_an_unreadable_message_with_an_id_gets_a_record(tmp_path: Path) -> None:
    async with a_workshop(tmp_path, ServerContainers(tmp_path)) as workshop:
        identifier = workshop.clock.fresh_id()
        headers = {"id": identifier.encode(), "ns": b"guest", "controller": b"0"}
        workshop.bus.post(topics.invoker(0), b"\x00\xff", headers=headers)
        workshop.bus.post(topics.invoker(0), b'{"a":1}', headers=headers)
        workshop.bus.post(topics.invoker(0), b"", headers={"id": b"../../x"})
        record = await workshop.record(identifier)
        again = await workshop.invoke(await workshop.action())

    assert record.response.outcome is Outcome.WHISK_ERROR
    assert again.response.outcome is Outcome.SUCCESS


@asynccontextmanager
async def keyed_workshop(
    folder: Path, containers: ServerContainers
) -> AsyncIterator[tuple[Workshop, str]]:
    """An invoker that can unseal the key of the subject ``guest``."""
    seal, key = Seal(b"k" * 32), "K" * 64
    async with a_workshop(folder, containers, seal=seal) as workshop:
        namespace = Namespace("guest", "uuid-guest", key_hash(key), seal.seal(key))
        await workshop.stores.auth.put_subject(Subject("guest", (namespace,)))
        yield workshop, key


async def test_only_annotated_actions_get_the_callers_key(tmp_path: Path) -> None:
    def seen(request: Request) -> dict:
        return {"key": request.json.get("api_key")}

    containers = ServerContainers(tmp_path, Launcher(run=seen))
    async with keyed_workshop(tmp_path, containers) as (workshop, key):
        wants = Parameters((Parameter("provide-api-key", True),))
        with_key = await workshop.action("guest/with", annotations=wants)
        without = await workshop.action("guest/without")
        given = await workshop.invoke(with_key)
        kept = await workshop.invoke(without)
        other = await workshop.invoke(with_key, namespace_uuid="somebody-else")

    assert orjson.loads(given.response.result or b"") == {"key": f"uuid-guest:{key}"}
    assert orjson.loads(kept.response.result or b"") == {"key": None}
    assert orjson.loads(other.response.result or b"") == {"key": None}


async def test_a_stop_lets_runs_finish_and_gives_the_rest_back(tmp_path: Path) -> None:
    """The next life gets what this one did not begin, and nothing else."""

    async def slow(request: Request) -> dict:
        await asyncio.sleep(0.5)
        return {"slow": True}

    launcher = Launcher(run=slow)
    containers = ServerContainers(tmp_path, launcher)
    bus, store = f"memory:{tmp_path}/bus.db", f"sqlite:{tmp_path}/house.db"
    async with a_workshop(
        tmp_path, containers, bus=bus, store=store, user_memory_mb=256
    ) as workshop:
        action = await workshop.action()
        sent = [workshop.send(action) for _ in range(3)]
        await asyncio.sleep(0.3)
    runs = [each.json for each in launcher.requests if each.path == "/run"]
    begun = [run["activation_id"] for run in runs]
    assert len(begun) == 1, "there was room for one"
    assert containers.living == []

    later = Launcher()
    async with a_workshop(
        tmp_path, ServerContainers(tmp_path, later), bus=bus, store=store
    ) as workshop:
        for identifier in sent:
            record = await workshop.record(identifier)
            assert record.response.outcome is Outcome.SUCCESS
    runs = [each.json for each in later.requests if each.path == "/run"]
    rest = set(sent) - set(begun)
    assert sorted(run["activation_id"] for run in runs) == sorted(rest)


async def test_while_the_store_is_away_answers_go_out_and_records_follow(
    tmp_path: Path,
) -> None:
    async with a_workshop(tmp_path, ServerContainers(tmp_path)) as workshop:
        action = await workshop.action()
        await workshop.record((await workshop.invoke(action)).activation_id)
        await asyncio.sleep(0.1)
        real = workshop.stores.activations.store
        away = True

        async def store(records: object) -> None:
            if away:
                raise StoreUnavailable
            await real(records)  # pyright: ignore[reportArgumentType]

        workshop.stores.activations.store = store  # pyright: ignore
        identifiers = [workshop.send(action) for _ in range(20)]
        for identifier in identifiers:
            await workshop.ended(identifier)
        await asyncio.sleep(0.3)
        assert workshop.invoker.status().in_hand == 20

        away = False
        for identifier in identifiers:
            await workshop.record(identifier)
        assert await workshop.stores.activations.count("guest", None, Page()) == 21


async def test_durable_lines_do_not_change_what_happens(tmp_path: Path) -> None:
    containers = ServerContainers(tmp_path, keep_alive=True)
    async with a_workshop(tmp_path, containers, durable=True) as workshop:
        action = await workshop.action()
        identifiers = [workshop.send(action) for _ in range(30)]
        for identifier in identifiers:
            record = await workshop.record(identifier)
            assert record.response.outcome is Outcome.SUCCESS


def test_who_adopts_whom() -> None:
    """The lowest of those who are well, and only the silent."""
    now_s = 100.0
    well, ill, gone = (
        adoption.Seen(now_s - 1, is_well=True),
        adoption.Seen(now_s - 1, is_well=False),
        adoption.Seen(now_s - 11, is_well=True),
    )

    assert adoption.orphans_of(1, {1: well, 2: gone, 3: well}, now_s) == {2}
    assert adoption.orphans_of(3, {1: well, 2: gone, 3: well}, now_s) == frozenset()
    assert adoption.orphans_of(3, {1: ill, 2: gone, 3: well}, now_s) == {2}
    assert adoption.orphans_of(1, {1: ill, 2: gone}, now_s) == frozenset()
    assert adoption.orphans_of(1, {1: gone, 2: gone}, now_s) == frozenset()
    assert adoption.orphans_of(2, {0: gone, 1: gone, 2: well}, now_s) == {0, 1}


async def test_what_a_stopped_invoker_did_not_begin_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said so itself, as its last word; what it did finish is not run again."""
    monkeypatch.setattr(adoption, "LEASE_S", 1.5)
    launcher = Launcher()
    async with a_workshop(tmp_path, ServerContainers(tmp_path, launcher)) as workshop:
        action = await workshop.action()
        for topic in (topics.invoker(7), topics.HEALTH):
            await workshop.bus.ensure_topic(topic)
        done = await workshop.invoke(action)
        await workshop.record(done.activation_id)
        last = Ping(
            invoker=7,
            incarnation="x",
            user_memory_mb=1,
            is_enabled=False,
            fault=STOPPED,
        )
        workshop.bus.post(topics.HEALTH, last.encode())
        waiting = workshop.send(action, to=7)
        workshop.send(action, to=7, activation_id=done.activation_id)
        record = await workshop.record(waiting)
        await asyncio.sleep(0.2)

        assert record.response.outcome is Outcome.SUCCESS
        runs = [each.json for each in launcher.requests if each.path == "/run"]
        assert [run["activation_id"] for run in runs] == [done.activation_id, waiting]


async def test_a_stop_says_whether_everything_was_settled(tmp_path: Path) -> None:
    pings: list[Ping] = []

    def heard(delivery: Delivery) -> None:
        pings.append(Ping.decode(delivery.received.body))

    async with open_bus("memory:") as bus, open_stores("memory:") as stores:
        await bus.ensure_topic(topics.HEALTH)
        async with MessageFeed(bus, topics.HEALTH, "test", heard, capacity=99):
            invoker = Invoker(
                settings_in(tmp_path),
                stores,
                bus,
                ServerContainers(tmp_path),
                SystemClock(),
                invoker_id=0,
                incarnation="life",
                manifest=MANIFEST,
            )
            invoker.stop()
            await invoker.run()
            await asyncio.sleep(0.05)

    assert pings[0].is_enabled
    assert (pings[-1].is_enabled, pings[-1].fault) == (False, STOPPED)


async def test_the_topic_of_one_who_stays_away_is_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may run twice runs here, the rest gets a placeholder; until it is back."""
    monkeypatch.setattr(adoption, "LEASE_S", 1.5)
    monkeypatch.setattr(adoption, "LOOK_EVERY_S", 0.1)
    launcher = Launcher()
    async with a_workshop(tmp_path, ServerContainers(tmp_path, launcher)) as workshop:
        action = await workshop.action()
        bus, topic = workshop.bus, topics.invoker(7)
        await bus.ensure_topic(topic)
        await bus.ensure_topic(topics.HEALTH)

        def ping() -> None:
            other = Ping(invoker=7, incarnation="x", user_memory_mb=1)
            bus.post(topics.HEALTH, other.encode())

        ping()
        once = workshop.send(action, to=7, delivery="at-most-once")
        again = workshop.send(action, to=7, delivery="at-least-once")
        await asyncio.sleep(0.5)
        assert workshop.invoker.status().adopted == ()

        lost, ran = await workshop.record(once), await workshop.record(again)
        assert lost.placeholder
        assert LOST.encode() in (lost.response.result or b"")
        assert (await workshop.ended(once))[0].is_system_error
        assert ran.response.outcome is Outcome.SUCCESS
        runs = [each.json for each in launcher.requests if each.path == "/run"]
        assert [run["activation_id"] for run in runs] == [again]

        ping()
        async with asyncio.timeout(5):
            while workshop.invoker.status().adopted:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        read: list[bytes] = []

        def take(delivery: Delivery) -> None:
            read.append(delivery.received.body)

        async with MessageFeed(bus, topic, topic, take, capacity=5):
            await asyncio.sleep(0.1)
        assert read == [], "settled messages came again"


async def test_without_a_journal_nothing_runs_and_the_ping_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that nobody noted could be run again by the next life."""
    launcher = Launcher()
    async with a_workshop(tmp_path, ServerContainers(tmp_path, launcher)) as workshop:
        action = await workshop.action()
        await workshop.record((await workshop.invoke(action)).activation_id)
        await asyncio.sleep(0.1)

        def full(handle: int, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(journal.os, "write", full)
        record = await workshop.invoke(action)
        assert record.response.outcome is Outcome.WHISK_ERROR
        assert "No space left" in (workshop.invoker.status().fault or "")
        assert [each.path for each in launcher.requests] == ["/init", "/run"]

        monkeypatch.undo()
        async with asyncio.timeout(5):
            while workshop.invoker.status().fault is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await workshop.invoke(action)).response.outcome is Outcome.SUCCESS


async def test_a_store_that_breaks_loses_no_record(tmp_path: Path) -> None:
    """A fault in the house's own code is waited out like a store that is away."""
    async with a_workshop(tmp_path, ServerContainers(tmp_path)) as workshop:
        action = await workshop.action()
        real, broken = workshop.stores.activations.store, True

        async def store(records: object) -> None:
            if broken:
                raise AttributeError("a fault of ours")
            await real(records)  # pyright: ignore[reportArgumentType]

        workshop.stores.activations.store = store  # pyright: ignore
        identifier = workshop.send(action)
        await workshop.ended(identifier)
        await asyncio.sleep(0.3)
        broken = False

        assert (await workshop.record(identifier)).response.outcome is Outcome.SUCCESS


async def test_a_refused_record_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """What can never be stored is replaced by a record that says so."""
    async with a_workshop(tmp_path, ServerContainers(tmp_path)) as workshop:
        action = await workshop.action()
        real = workshop.stores.activations.store

        async def store(records: Sequence[Activation]) -> None:
            if any(b"poison" in (each.response.result or b"") for each in records):
                raise TooLarge("The record", 2, 1)
            await real(records)

        workshop.stores.activations.store = store  # pyright: ignore
        bad = workshop.send(action, b'{"a":"poison"}')
        good = [workshop.send(action) for _ in range(5)]

        for identifier in good:
            record = await workshop.record(identifier)
            assert record.response.outcome is Outcome.SUCCESS
        record = await workshop.record(bad)
        assert record.response.outcome is Outcome.WHISK_ERROR
        assert b"could not be stored" in (record.response.result or b"")
