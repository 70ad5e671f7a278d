"""Births and deaths: whose containers go when, and what suspending costs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import time
from pathlib import Path

import pytest
from contract.containers.contract import GREETING, init, post, run
from fixtures.docker import URL, DockerHouse, run_python

from chasen.errors import BadInput, ContainerError, ContainerGone
from invoker import reaper
from invoker.containers import docker_freezer
from invoker.containers.docker import DockerContainers, open_docker_containers
from invoker.containers.docker_container import DockerContainer
from invoker.ports import ContainerSpec

pytestmark = [pytest.mark.docker, pytest.mark.anyio]

HOLDING = """
import asyncio, json, sys
from pathlib import Path
from invoker.containers.docker import open_docker_containers
from invoker.containers.docker_options import DockerOptions
from invoker.ports import ContainerSpec

async def hold(url, folder, image, options):
    options = DockerOptions(**json.loads(options))
    async with open_docker_containers(
        url, invoker_id="0", incarnation="doomed", state_dir=Path(folder, "state"),
        socket_dir=Path(folder, "s"), api_host="http://127.0.0.1", options=options,
    ) as factory:
        spec = ContainerSpec(kind="python:3.11", image=image, memory_mb=128)
        one, two = await factory.create(spec), await factory.create(spec)
        await two.suspend()
        print("holding", flush=True)
        await asyncio.sleep(3600)

asyncio.run(hold(*sys.argv[1:]))
"""


def _hold(house: DockerHouse, image: str, **changes):
    options = house.options(**changes)
    told = {
        name: getattr(options, name)
        for name in ("network", "bridge", "subnet", "labels", "spawn_reaper")
    }
    return run_python(HOLDING, URL, str(house.folder), image, json.dumps(told))


async def test_a_killed_invokers_containers_are_reaped_within_30_s(
    docker_house: DockerHouse, ours: ContainerSpec
) -> None:
    """P9, with a reaper that runs elsewhere; nothing is restarted."""
    with _hold(docker_house, ours.image) as invoker:
        assert invoker.stdout
        assert invoker.stdout.readline() == "holding\n"
        doomed = {"chasen.incarnation": "doomed"}
        assert len(docker_house.containers(**doomed)) == 2
        locks = docker_house.folder / "s" / reaper.LOCKS
        assert await asyncio.to_thread(reaper.reap_once, URL, locks) == 2  # alive

        invoker.send_signal(signal.SIGKILL)
        invoker.wait()

    killed = time.monotonic()
    reaping = asyncio.create_task(reaper.run_reaper(URL, locks))
    try:
        await _all_gone(docker_house, doomed)
    finally:
        reaping.cancel()
        await asyncio.wait([reaping])
    assert time.monotonic() - killed < 30
    assert not (locks / "doomed.lock").exists()


async def test_a_house_without_a_reaper_brings_its_own(
    docker_house: DockerHouse, ours: ContainerSpec
) -> None:
    """One process on a laptop: its reaper outlives it, and leaves when it is done."""
    locks = docker_house.folder / "s" / reaper.LOCKS
    with _hold(docker_house, ours.image, spawn_reaper=True) as invoker:
        assert invoker.stdout
        assert invoker.stdout.readline() == "holding\n"
        invoker.send_signal(signal.SIGKILL)
        invoker.wait()
    pid = _reaper_pid(locks)

    try:
        await _all_gone(docker_house, {"chasen.incarnation": "doomed"})
    finally:
        os.kill(pid, signal.SIGTERM)


async def _all_gone(house: DockerHouse, labels: dict[str, str]) -> None:
    """The promise is 30 seconds (P9)."""
    async with asyncio.timeout(30):
        while house.containers(**labels):  # noqa: ASYNC110 - the engine is asked
            await asyncio.sleep(0.2)


def _reaper_pid(locks: Path) -> int:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"invoker.reaper" in words and str(locks).encode() in words:
            return int(folder.name)
    raise AssertionError("no reaper runs")


async def test_cleaning_up_leaves_other_invokers_alone(
    docker_house: DockerHouse, ours: ContainerSpec
) -> None:
    """Row S20; also a living process that was given the same id by mistake."""
    async with (
        docker_house.open(invoker_id="1") as other,
        docker_house.open(invoker_id="0") as twin,
    ):
        kept = [await other.create(ours), await twin.create(ours)]
        async with docker_house.open(invoker_id="0") as factory:
            assert await factory.cleanup() == 0
        for container in kept:
            assert (await post(container.address, "/init", {"value": {}}))[0] == 200


async def test_cleaning_up_at_start_removes_what_an_earlier_life_left(
    docker_house: DockerHouse, ours: ContainerSpec
) -> None:
    with _hold(docker_house, ours.image) as invoker:
        assert invoker.stdout
        assert invoker.stdout.readline() == "holding\n"
        invoker.send_signal(signal.SIGKILL)
        invoker.wait()
    async with docker_house.open(invoker_id="0") as factory:
        assert await factory.cleanup() == 2
        assert docker_house.containers(**{"chasen.incarnation": "doomed"}) == []


async def test_leaving_removes_containers_directories_and_the_lock(
    docker_house: DockerHouse, ours: ContainerSpec
) -> None:
    async with docker_house.open(incarnation="short") as factory:
        container = await factory.create(ours)
        await container.suspend()
        await factory.create(ours)
        assert (docker_house.folder / "s/locks/short.lock").exists()

    assert docker_house.containers(**{"chasen.incarnation": "short"}) == []
    left = [p.name for p in (docker_house.folder / "s").iterdir() if p.name != "locks"]
    assert left == []
    assert not (docker_house.folder / "s/locks/short.lock").exists()


async def test_one_incarnation_is_used_by_one_process(
    docker_house: DockerHouse,
) -> None:
    async with docker_house.open(incarnation="mine"):
        with pytest.raises(BadInput, match="incarnation"):
            async with docker_house.open(incarnation="mine"):
                pass


async def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContainerError, match=r"nobody\.sock does not answer"):
        async with open_docker_containers(
            "docker:///tmp/nobody.sock",
            invoker_id="0",
            incarnation="lonely",
            state_dir=tmp_path,
            socket_dir=tmp_path / "s",
            api_host="http://127.0.0.1",
        ):
            pass
    assert not (tmp_path / "s/locks/lonely.lock").exists()


async def test_a_socket_directory_with_too_long_a_name_is_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(BadInput, match="CHASEN_SOCKET_DIR"):
        async with open_docker_containers(
            URL,
            invoker_id="0",
            incarnation="long",
            state_dir=tmp_path,
            socket_dir=tmp_path / ("x" * 90),
            api_host="http://127.0.0.1",
        ):
            pass


async def test_names_and_labels_hold_no_text_of_a_user(
    docker_house: DockerHouse, docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    told = docker_house.client.api.inspect_container(container.id)
    token = told["Config"]["Labels"]["chasen.token"]
    assert told["Name"] == f"/chasen-{token}"
    assert set(token) <= set("0123456789abcdef")
    assert told["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert told["HostConfig"]["Privileged"] is False
    assert told["HostConfig"]["PortBindings"] in (None, {})


async def test_a_caller_that_stops_waiting_leaves_no_container(
    docker_house: DockerHouse, docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.15):
            await docker_factory.create(ours)

    left = [row["Id"] for row in docker_house.containers()]
    assert left == []


async def test_a_container_nobody_knows_is_swept_in_the_second_round(
    docker_house: DockerHouse, docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    del docker_factory._tokens[container.id]  # as if its birth had timed out

    await docker_factory.sweep()
    assert len(docker_house.containers()) == 1
    await docker_factory.sweep()

    assert docker_house.containers() == []


async def test_resuming_what_died_while_suspended_says_so(
    docker_house: DockerHouse, docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    await container.suspend()
    docker_house.client.api.remove_container(container.id, force=True)

    with pytest.raises(ContainerGone):
        await container.resume()


async def test_without_a_freezer_the_engine_pauses(
    docker_house: DockerHouse, ours: ContainerSpec, tmp_path: Path
) -> None:
    options = docker_house.options(cgroup_root=tmp_path)
    async with docker_house.open(options=options) as factory:
        assert factory.pause_grace_s == 10
        assert any("paused by the engine" in s for s in factory.isolation())
        container = await factory.create(ours)
        await init(container, GREETING)
        inspect = docker_house.client.api.inspect_container

        await container.suspend()
        assert inspect(container.id)["State"]["Paused"] is True
        await container.resume()

        assert await run(container, name="x") == {"greeting": "Hello x"}
        await container.suspend()
        await container.destroy()
        assert docker_house.containers() == []


@pytest.mark.skipif(
    not docker_freezer.is_available(Path("/sys/fs/cgroup")),
    reason="the freezer cgroup cannot be written here",
)
async def test_the_freezer_is_ten_times_faster_than_the_engine(
    docker_house: DockerHouse, ours: ContainerSpec, tmp_path: Path
) -> None:
    """performance.md D19: 0.4 ms against 13 ms for resume and run."""
    took: dict[str, float] = {}
    for name, root in (("freezer", Path("/sys/fs/cgroup")), ("engine", tmp_path)):
        options = docker_house.options(cgroup_root=root)
        async with docker_house.open(options=options) as factory:
            container = await factory.create(ours)
            assert isinstance(container, DockerContainer)
            assert container.freezes is (name == "freezer")
            await init(container, GREETING)
            took[name] = statistics.median([await _timed(container) for _ in range(30)])
    print({name: f"{seconds * 1000:.2f} ms" for name, seconds in took.items()})
    assert took["engine"] > 10 * took["freezer"], took


async def _timed(container: DockerContainer) -> float:
    """Suspend, then time the resume alone: the run costs the same on both ways."""
    await container.suspend()
    started = time.perf_counter()
    await container.resume()
    return time.perf_counter() - started
