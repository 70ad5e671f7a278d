"""The action network's three rules, each proved by a canary that counts knocks.

(a) the API host answers; (b) the internet does, private addresses only when allowed;
(c) nothing else of this machine does, nor other containers, nor metadata.  The internet
is a network namespace of its own here, so that the test needs none.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.containers.contract import init, post, run
from fixtures.docker import API_PORT, DockerHouse

from invoker.containers.docker import DockerContainers
from invoker.containers.docker_network import ensure_network, rules_for
from invoker.containers.docker_options import bridge_of
from invoker.containers.docker_rules import are_in_force, put_in_force, take_out
from invoker.ports import ContainerSpec

pytestmark = [
    pytest.mark.docker,
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="packet filter rules need root"),
]

KNOCKING = """
import socket, time

def knock(host, port):
    started = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout=3) as connection:
            told = connection.recv(16).decode()
    except OSError as error:
        told = type(error).__name__
    return told, round(time.monotonic() - started, 2)

def main(args):
    return {f"{host}:{port}": knock(host, port) for host, port in args["doors"]}
"""


class Canary:
    """Listens, sings to whoever knocks, and counts."""

    def __init__(self, port: int = 0, host: str = "0.0.0.0") -> None:
        self.knocks = 0
        self._server = socket.create_server((host, port))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._sing, daemon=True)
        self._thread.start()

    def _sing(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = self._server.accept()
                self.knocks += 1
                with guest, contextlib.suppress(OSError):
                    guest.sendall(b"canary")

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)


@pytest.fixture
def api() -> Iterator[Canary]:
    canary = Canary(API_PORT)
    yield canary
    canary.close()


@pytest.fixture
def platform() -> Iterator[Canary]:
    """Stands for Kafka, CouchDB and the operator's port, wherever they bind."""
    canary = Canary()
    yield canary
    canary.close()


def _addresses_of_this_machine() -> list[str]:
    told = subprocess.run(
        ["ip", "-o", "-4", "addr", "show"], capture_output=True, text=True, check=True
    ).stdout
    found = [line.split()[3].split("/")[0] for line in told.splitlines()]
    return [ip for ip in found if not ip.startswith("127.")]


async def test_the_api_host_answers_and_nothing_else_of_this_machine(
    docker_factory: DockerContainers,
    docker_house: DockerHouse,
    ours: ContainerSpec,
    api: Canary,
    platform: Canary,
) -> None:
    container = await docker_factory.create(ours)
    await init(container, KNOCKING)
    gateway = docker_house.options().gateway
    here = _addresses_of_this_machine()
    assert gateway in here

    doors = [(ip, platform.port) for ip in here] + [(ip, 22) for ip in here]
    # The API's port on other addresses is not the API's address either.
    doors += [(ip, API_PORT) for ip in here if ip != gateway]
    told = await run(container, doors=[*doors, (gateway, API_PORT)])

    assert told.pop(f"{gateway}:{API_PORT}")[0] == "canary"
    assert api.knocks == 1
    assert platform.knocks == 0
    assert {how for how, _ in told.values()} == {"ConnectionRefusedError"}, told
    assert max(seconds for _, seconds in told.values()) < 1


async def test_of_published_ports_only_the_apis_can_be_reached(
    docker_factory: DockerContainers, docker_house: DockerHouse, ours: ContainerSpec
) -> None:
    """As in the distributed house: nginx and a careless CouchDB, both published."""
    gateway = docker_house.options().gateway
    singing = (
        "import socket\n"
        "server = socket.create_server(('0.0.0.0', 80))\n"
        "while True:\n    guest, _ = server.accept()\n"
        "    guest.sendall(b'canary')\n    guest.close()\n"
    )

    def publish(*where) -> str:
        started = docker_house.client.containers.run(
            ours.image,
            ["python3", "-c", singing],
            detach=True,
            ports={"80/tcp": where},
            labels={"chasen.test": docker_house.run_id},
        )
        started.reload()
        bindings = started.ports["80/tcp"]
        return next(b["HostPort"] for b in bindings if ":" not in b["HostIp"])

    publish(gateway, API_PORT)
    careless = int(publish("0.0.0.0", None))
    await _sings("127.0.0.1", careless)  # from here everything can be reached
    container = await docker_factory.create(ours)
    await init(container, KNOCKING)
    here = _addresses_of_this_machine()
    try:
        told = await run(
            container,
            doors=[(gateway, API_PORT), *((ip, careless) for ip in here)],
        )
    finally:
        docker_house.remove_containers()

    assert told.pop(f"{gateway}:{API_PORT}")[0] == "canary"
    assert {how for how, _ in told.values()} == {"ConnectionRefusedError"}, told


async def _sings(host: str, port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(host, port)
                song = await reader.read(16)
                writer.close()
                if song == b"canary":
                    return
            await asyncio.sleep(0.05)


async def test_metadata_and_private_addresses_are_refused_at_once(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    await init(container, KNOCKING)
    doors = [
        ("169.254.169.254", 80),
        ("10.1.2.3", 5984),
        ("172.20.0.2", 9092),
        ("192.168.1.1", 80),
        ("100.100.100.200", 80),
    ]

    told = await run(container, doors=doors)

    assert {how for how, _ in told.values()} == {"ConnectionRefusedError"}, told
    assert max(seconds for _, seconds in told.values()) < 1


async def test_containers_do_not_reach_each_other(
    docker_factory: DockerContainers, ours: ContainerSpec, blackbox: ContainerSpec
) -> None:
    neighbour = await docker_factory.create(blackbox)
    await init(neighbour, KNOCKING)  # from here it can be reached
    container = await docker_factory.create(ours)
    await init(container, KNOCKING)

    told = await run(container, doors=[(neighbour.address.host, 8080)])

    assert next(how for how, _ in told.values()) in (
        "ConnectionRefusedError",
        "TimeoutError",
    )


def _rules_of_this_machine() -> str:
    return subprocess.run(
        ["iptables", "-S"], capture_output=True, text=True, check=True
    ).stdout


@contextlib.contextmanager
def _land(name: str, host_side: str, far_side: str) -> Iterator[None]:
    """A network namespace behind a veth pair with an address of our choice."""

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    ip("netns", "add", name)
    try:
        ip("link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}f")
        ip("link", "set", f"{name}f", "netns", name)
        ip("addr", "add", f"{host_side}/30", "dev", f"{name}h")
        ip("link", "set", f"{name}h", "up")
        ip("-n", name, "addr", "add", f"{far_side}/30", "dev", f"{name}f")
        ip("-n", name, "link", "set", f"{name}f", "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "route", "add", "default", "via", host_side)
        yield
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        subprocess.run(
            ["ip", "link", "del", f"{name}h"], check=False, capture_output=True
        )


@contextlib.contextmanager
def _server_in(name: str, port: int) -> Iterator[None]:
    code = (
        "import socket\n"
        f"server = socket.create_server(('0.0.0.0', {port}))\n"
        "print('up', flush=True)\n"
        "while True:\n"
        "    guest, _ = server.accept()\n"
        "    guest.sendall(b'canary')\n"
        "    guest.close()\n"
    )
    with subprocess.Popen(
        ["ip", "netns", "exec", name, shutil.which("python3") or "", "-c", code],
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout
        try:
            assert server.stdout.readline() == b"up\n"
            yield
        finally:
            server.kill()


async def test_the_internet_answers_and_private_networks_only_if_allowed(
    docker_house: DockerHouse, ours: ContainerSpec
) -> None:
    """203.0.113.0/24 is documentation's, routed like any address of the internet."""
    options = docker_house.options(egress_allow=["10.77.1.2/32"])
    run_id = docker_house.run_id[:4]
    lands = [
        (f"cti{run_id}", "203.0.113.1", "203.0.113.2"),
        (f"cta{run_id}", "10.77.1.1", "10.77.1.2"),
        (f"ctp{run_id}", "10.77.2.1", "10.77.2.2"),
    ]
    async with docker_house.open(options=options) as factory:
        with contextlib.ExitStack() as stack:
            for land in lands:
                stack.enter_context(_land(*land))
                stack.enter_context(_server_in(land[0], 8000))
            container = await factory.create(ours)
            await init(container, KNOCKING)

            told = await run(container, doors=[(far, 8000) for _, _, far in lands])

            assert told["203.0.113.2:8000"][0] == "canary"
            assert told["10.77.1.2:8000"][0] == "canary"
            assert told["10.77.2.2:8000"][0] == "ConnectionRefusedError"


async def test_the_network_can_be_closed_altogether(
    docker_house: DockerHouse, ours: ContainerSpec, api: Canary
) -> None:
    async with docker_house.open(
        options=docker_house.options(network="none")
    ) as factory:
        container = await factory.create(ours)
        await init(container, KNOCKING)
        gateway = docker_house.options().gateway

        told = await run(container, doors=[(gateway, API_PORT), ("203.0.113.2", 80)])

        assert api.knocks == 0
        assert {how for how, _ in told.values()} == {"OSError"}
        assert any("no network" in sentence for sentence in factory.isolation())


async def test_rules_that_somebody_removed_come_back(
    docker_factory: DockerContainers, docker_house: DockerHouse
) -> None:
    rules = rules_for(
        docker_house.options().bridge, docker_house.api_host, docker_house.options()
    )
    assert are_in_force(rules)
    take_out(rules)
    assert not are_in_force(rules)

    await docker_factory.rule_network()

    assert are_in_force(rules)


async def test_putting_rules_in_force_twice_leaves_them_once(
    docker_factory: DockerContainers, docker_house: DockerHouse
) -> None:
    rules = rules_for(
        docker_house.options().bridge, docker_house.api_host, docker_house.options()
    )
    put_in_force(rules)
    put_in_force(rules)

    told = _rules_of_this_machine()
    assert told.count(f"-j {rules.input_chain}\n") == 1
    assert told.count(f"-j {rules.forward_chain}\n") == 1
    assert are_in_force(rules)


async def test_a_network_that_two_invokers_make_at_once_is_made_once(
    docker_house: DockerHouse, ours: ContainerSpec
) -> None:
    async with (
        docker_house.open(invoker_id="8") as one,
        docker_house.open(invoker_id="9") as two,
    ):
        for factory in (one, two):
            container = await factory.create(ours)
            assert (await post(container.address, "/init", {"value": {}}))[0] == 200
    named = docker_house.client.networks.list(names=[docker_house.options().network])
    assert len(named) == 1


async def test_an_unsafe_network_of_that_name_is_reported(
    docker_house: DockerHouse,
) -> None:
    name = f"chasen-test-unsafe-{docker_house.run_id}"
    unsafe = docker_house.client.networks.create(
        name, labels={"chasen.test": docker_house.run_id}
    )
    try:
        options = docker_house.options(network=name)
        async with docker_house.open(options=options) as factory:
            told = " ".join(factory.isolation())
            assert "reach each other" in told
            client = factory._engine.client
            take_out(rules_for(ensure_network(client, options).bridge, "", options))
    finally:
        unsafe.remove()


def test_the_operators_door_makes_checks_and_removes_it_all(
    docker_house: DockerHouse,
) -> None:
    name = f"chasen-test-door-{docker_house.run_id}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
        "CHASEN_ACTION_NETWORK": name,
        "CHASEN_ACTION_SUBNET": "10.84.7.0/24",
        "CHASEN_API_HOST": "http://10.84.7.1:3233",
    }

    def door(verb: str) -> subprocess.CompletedProcess[str]:
        module = "invoker.containers.docker_network"
        return subprocess.run(
            [sys.executable, "-m", module, verb],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        assert door("up").returncode == 0
        assert door("check").returncode == 0
        assert f"CHASEN-INPUT-{bridge_of(name)}" in _rules_of_this_machine()
    finally:
        down = door("down")
    assert (down.returncode, down.stdout, down.stderr) == (0, "", "")
    assert bridge_of(name) not in _rules_of_this_machine()
    assert docker_house.client.networks.list(names=[name]) == []
