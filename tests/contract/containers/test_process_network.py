"""The action network of process sandboxes, in a network namespace of the test's own.

A small world: the platform on one side, on the other a machine that owns a public
address and the cloud's metadata address.  Nothing leaves the test.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from contract.containers.contract import init, run

from invoker.containers.process import cables, interfaces, network
from invoker.containers.process.opening import ProcessOptions, open_process_containers
from invoker.containers.process.place import Place
from invoker.ports import ContainerSpec

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(
        not all(shutil.which(x) for x in ("ip", "iptables", "unshare", "nsenter")),
        reason="needs ip, iptables, unshare and nsenter",
    ),
]

ROOT = Path(__file__).resolve().parents[3]
API_PORT = 3277
OUTSIDE = "203.0.113.10"  # documentation's, and nobody's
UPLINK = "203.0.113.1"
METADATA = "169.254.169.254"
PRIVATE, ALLOWED = "10.200.0.1", "10.200.0.2"

KNOCKING = """
import os, socket, urllib.request
def knock(address, port):
    try:
        with socket.create_connection((address, port), 1) as there:
            return there.recv(100).decode() or "empty"
    except OSError as error:
        return type(error).__name__
def main(args):
    found = {f"{host}:{port}": knock(host, port) for host, port in args["doors"]}
    found["api"] = urllib.request.urlopen(os.environ["__OW_API_HOST"]).read().decode()
    found["ipv6"] = os.path.exists("/proc/net/if_inet6") and open(
        "/proc/net/if_inet6").read()
    found["interfaces"] = [
        line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]
    ]
    return found
"""
LISTENING = """
import socket, threading
server = socket.create_server(("0.0.0.0", 8080))
knocks = []
def listen():
    while True:
        knocks.append(server.accept())
threading.Thread(target=listen, daemon=True).start()
def main(args):
    return {"knocks": len(knocks)}
"""
# Answers everybody with the address they come from, and counts.
CANARY = """
import socket, sys, threading
def serve(server):
    while True:
        there, peer = server.accept()
        print(server.getsockname()[0], flush=True)
        there.sendall(peer[0].encode())
        there.close()
for address in sys.argv[1:]:
    server = socket.create_server((address, 80))
    threading.Thread(target=serve, args=(server,)).start()
print("ready", flush=True)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="chasen-"))
    yield folder
    shutil.rmtree(folder)


async def test_the_api_and_the_internet_are_reachable_and_nothing_else_is(
    home: Path,
) -> None:
    """Rules (a), (b) and (c), each with a canary; forwarding was off before."""
    program = (
        f"import sys; sys.path[:0] = {sys.path!r};"
        "from contract.containers import test_process_network as test;"
        f"test.live_in_a_small_world({str(home)!r})"
    )
    world = await asyncio.create_subprocess_exec(
        *("unshare", "--net", sys.executable, "-c", program),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    async with asyncio.timeout(90):
        output, _ = await world.communicate()
    seen = json.loads(output)

    doors = seen["doors"]
    assert doors.pop("api") == "the API"
    assert doors.pop("interfaces") == ["lo", "eth0"]
    assert not doors.pop("ipv6")
    assert doors.pop(f"{OUTSIDE}:80") == UPLINK  # masqueraded
    assert doors.pop(f"{ALLOWED}:80") == UPLINK  # CHASEN_EGRESS_ALLOW
    assert set(doors.values()) <= {"ConnectionRefusedError", "TimeoutError"}
    assert seen["neighbour"] == {"knocks": 0}
    assert seen["canaries"] == sorted(["ready", OUTSIDE, ALLOWED])
    assert seen["platform's other port"] == 0
    assert seen["forwarding"] == ["0", "1", "0"]
    assert seen["rules left"] == []
    assert seen["interfaces left"] == ["lo", "up0"]


def live_in_a_small_world(home: str) -> None:
    """The test's other half, alone in a network namespace."""
    network._FORWARDING.write_text("0")
    handle, control = cables.new_namespace()
    place = f"/proc/{os.getpid()}/fd/{handle}"
    _ip(
        "link set dev lo up",
        f"link add name up0 type veth peer name eth0 netns {place}",
        f"address add {UPLINK}/24 dev up0",
        "link set dev up0 up",
        f"route add default via {OUTSIDE}",
    )
    interfaces.configure(
        "eth0", control, address=OUTSIDE, mask="255.255.255.0", gateway=UPLINK
    )
    inside = ["nsenter", f"--net=/proc/self/fd/{handle}"]
    for address in (METADATA, PRIVATE, ALLOWED):
        subprocess.run(
            [*inside, "ip", "address", "add", f"{address}/32", "dev", "lo"],
            check=True,
            pass_fds=[handle],
        )
    canary = subprocess.Popen(
        [*inside, sys.executable, "-c", CANARY, OUTSIDE, METADATA, PRIVATE, ALLOWED],
        stdout=subprocess.PIPE,
        pass_fds=[handle],
        text=True,
    )
    assert canary.stdout is not None
    assert canary.stdout.readline() == "ready\n"
    try:
        seen = asyncio.run(_look_around(Path(home)))
    finally:
        canary.kill()
    seen["canaries"] = sorted({"ready", *canary.stdout.read().split()})
    seen["rules left"] = [
        line
        for table in ("filter", "nat")
        for line in _output("iptables", "-t", table, "-S").splitlines()
        if "chs" in line or "chasen" in line.lower() or "10.88" in line
    ]
    seen["interfaces left"] = sorted(
        words[1].strip().partition("@")[0]
        for line in _output("ip", "-o", "link").splitlines()
        if (words := line.split(":"))[1].strip().startswith(("lo", "up0", "chs"))
    )
    print(json.dumps(seen))


async def _look_around(home: Path) -> dict:
    knocks = 0

    async def serve_api(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nthe API")
        writer.close()

    async def count(reader, writer) -> None:
        nonlocal knocks
        knocks += 1
        writer.close()

    forwarding = [network._FORWARDING.read_text().strip()]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            await asyncio.start_server(serve_api, "127.0.0.1", API_PORT)
        )
        # Another port of the platform, open to all that can get there.
        await stack.enter_async_context(await asyncio.start_server(count, port=9092))
        factory = await stack.enter_async_context(
            open_process_containers(
                invoker_id="0",
                incarnation="small",
                state_dir=home,
                socket_dir=home / "sockets",
                api_host=f"http://127.0.0.1:{API_PORT}",
                options=ProcessOptions(egress_allow=[ALLOWED]),
            )
        )
        assert "internet" in " ".join(factory.isolation())
        forwarding.append(network._FORWARDING.read_text().strip())
        given = {"__OW_API_HOST": f"http://127.0.0.1:{API_PORT}"}
        spec = ContainerSpec("python:3", "", 128, environment=given)
        one, two = await factory.create(spec), await factory.create(spec)
        await init(one, KNOCKING)
        await init(two, LISTENING)
        assert two.attachment is not None
        gateway = str(two.attachment.address).rpartition(".")[0] + ".1"
        doors = [
            *((gateway, port) for port in (22, 9092, API_PORT + 1)),
            *((UPLINK, 9092), ("127.0.0.1", 9092), ("127.0.0.1", API_PORT)),
            *((METADATA, 80), (PRIVATE, 80), ("192.168.1.1", 80)),
            *((OUTSIDE, 80), (ALLOWED, 80), (str(two.attachment.address), 8080)),
        ]
        seen = {"doors": await run(one, doors=doors)}
        seen["neighbour"] = await run(two)
    forwarding.append(network._FORWARDING.read_text().strip())
    return {**seen, "forwarding": forwarding, "platform's other port": knocks}


async def test_the_bridge_of_a_killed_life_is_swept_by_the_next(home: Path) -> None:
    place = Place("0", "dead", home, home / "sockets", "http://127.0.0.1:80")
    bridge = network.make_bridge(
        place.label, "10.88.0.0/16", place.api_host, (), place.networks
    )
    try:
        assert _has_interface(bridge)

        network.sweep(place.networks, {place.label})
        assert _has_interface(bridge)

        network.sweep(place.networks, set())
        assert not _has_interface(bridge)
        assert bridge.name not in _output("iptables", "-S")
        assert str(bridge.part) not in _output("iptables", "-t", "nat", "-S")
    finally:
        network.remove_bridge(bridge, place.networks)


async def test_two_houses_on_one_machine_take_different_addresses(home: Path) -> None:
    records = home / "networks"
    one = network.make_bridge("0-a.x", "10.88.0.0/16", "http://127.0.0.1", (), records)
    two = network.make_bridge("0-b.x", "10.88.0.0/16", "http://127.0.0.1", (), records)
    try:
        assert not one.part.overlaps(two.part)
        assert one.name != two.name
    finally:
        for bridge in (one, two):
            network.remove_bridge(bridge, records)


async def test_a_missing_program_leaves_the_host_network_and_a_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_PATH", str(home))
    async with open_process_containers(
        invoker_id="0",
        incarnation="bare",
        state_dir=home,
        socket_dir=home / "sockets",
        api_host="http://127.0.0.1:80",
    ) as factory:
        said = " ".join(factory.isolation())

        assert "There is no action network: ip is not installed." in said
        assert "The network is not isolated" in said


def _has_interface(bridge: network.Bridge) -> bool:
    return Path("/sys/class/net", bridge.name).exists()


def _ip(*commands: str) -> None:
    subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True
    )


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
