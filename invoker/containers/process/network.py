"""The action network of process sandboxes: a bridge and its rules.

    internet <- masquerade <- bridge <- cable -> eth0 in the sandbox (``cables``)
    API host <- relay on the bridge's address (for an API that listens on loopback)

Ports of the bridge are isolated: sandboxes do not see each other.  What may pass is
said by the rules that Docker's action network has too (``docker_rules``).  Sandboxes'
interfaces vanish with them; the bridge and its rules are swept by the next life, which
finds them in ``<state>/networks``.  Needs root, ``ip`` and ``iptables``.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from invoker.containers.docker_network import nameservers
from invoker.containers.docker_rules import Rules, RulesFault, put_in_force, take_out

CALL_LIMIT_S = 15
PART_BITS = 20  # a house takes a /20 of the subnet: 4093 sandboxes
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
_NOT_OURS = ["FORWARD", "-m", "comment", "--comment", "chasen-forwarding", "-j", "DROP"]
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class NetworkFault(Exception):
    """Why there is no action network, as a sentence."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """``api``: where sandboxes find the API; ``relays`` if it listens on loopback."""

    name: str
    part: ipaddress.IPv4Network
    api: tuple[tuple[str, int], ...]
    allow: Sequence[str] = ()

    @property
    def gateway(self) -> str:
        return str(next(self.part.hosts()))

    @property
    def rules(self) -> Rules:
        return Rules(
            bridge=self.name,
            api=self.api,
            allow=tuple(self.allow),
            nameservers=name_servers(),
        )


def name_servers() -> tuple[str, ...]:
    """Answer those beyond this machine; a stub on loopback names others."""
    for path in ("/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"):
        if found := nameservers(path):
            return found
    return ()


# --- making and removing the bridge (blocking; for a thread) --------------------------


def make_bridge(
    label: str, subnet: str, api_host: str, allow: Sequence[str], records: Path
) -> Bridge:
    """Make a bridge with its rules, and write down that it is there.

    Raises:
        NetworkFault: a program or a right is missing, or there is no free address.
    """
    part = _free_part(ipaddress.IPv4Network(subnet))
    name = "chs" + hashlib.sha256(label.encode()).hexdigest()[:10]
    gateway = str(next(part.hosts()))
    bridge = Bridge(name, part, _api(api_host, gateway), tuple(allow))
    records.mkdir(parents=True, exist_ok=True)
    record = {"label": label, "part": str(part), "api": bridge.api}
    (records / name).write_text(json.dumps(record))
    try:
        program(["ip", "link", "add", "name", name, "type", "bridge"])
        program(["ip", "address", "add", f"{gateway}/{part.prefixlen}", "dev", name])
        without_ipv6(name)
        program(["ip", "link", "set", "dev", name, "up"])
        put_in_force(bridge.rules)
        _let_out(bridge)
    except (NetworkFault, RulesFault, OSError) as error:
        remove_bridge(bridge, records)
        raise NetworkFault(str(error)) from error
    return bridge


def remove_bridge(bridge: Bridge, records: Path) -> None:
    """Remove a bridge, its cables and its rules; none of it need be there."""
    with contextlib.suppress(NetworkFault, RulesFault, OSError):
        take_out(bridge.rules)
    for rule in _way_out(bridge):
        with contextlib.suppress(NetworkFault):
            program(["iptables", "-w", "5", *_table(rule), "-D", *rule[1:]])
    for port in _ports(bridge.name):
        with contextlib.suppress(NetworkFault):
            program(["ip", "link", "delete", "dev", port])
    with contextlib.suppress(NetworkFault):
        program(["ip", "link", "delete", "dev", bridge.name])
    (records / bridge.name).unlink(missing_ok=True)
    if not any(records.iterdir()):
        _stop_forwarding()


def _ports(name: str) -> list[str]:
    """Answer the cables that the kernel has not removed yet."""
    try:
        lines = program(["ip", "-o", "link", "show", "master", name]).splitlines()
    except NetworkFault:
        return []  # there is no such bridge any more
    return [line.split(":")[1].strip().partition("@")[0] for line in lines]


def sweep(records: Path, living: set[str]) -> None:
    """Remove the bridges of lives that are over."""
    if not records.is_dir():
        return
    for path in records.iterdir():
        with contextlib.suppress(OSError, ValueError, KeyError):
            record = json.loads(path.read_text())
            if record["label"] not in living:
                api = tuple((host, port) for host, port in record["api"])
                part = ipaddress.IPv4Network(record["part"])
                remove_bridge(Bridge(path.name, part, api), records)


def _free_part(subnet: ipaddress.IPv4Network) -> ipaddress.IPv4Network:
    """Answer a part of the subnet, or of its neighbour, that no route leads to."""
    taken = _routes()
    size = max(PART_BITS, subnet.prefixlen)
    beside = ipaddress.IPv4Network(
        (int(subnet.network_address) ^ subnet.num_addresses, subnet.prefixlen)
    )
    for network in (subnet, beside):
        for part in network.subnets(new_prefix=size):
            if not any(part.overlaps(route) for route in taken):
                return part
    raise NetworkFault(
        f"all of {subnet} is in use; choose another CHASEN_ACTION_SUBNET"
    )


def _routes() -> list[ipaddress.IPv4Network]:
    found = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        words = line.split()
        target, mask = (
            ipaddress.IPv4Address(int(word, 16).to_bytes(4, "little"))
            for word in (words[1], words[7])
        )
        if int(mask):
            found.append(ipaddress.IPv4Network(f"{target}/{mask}", strict=False))
    return found


def _api(api_host: str, gateway: str) -> tuple[tuple[str, int], ...]:
    host, port = address_of(api_host)
    if is_local(host):
        return ((gateway, port),)
    try:
        rows = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(sorted({(str(row[4][0]), port) for row in rows}))


def address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url if "//" in url else f"http://{url}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.hostname or "127.0.0.1", port


def is_local(host: str) -> bool:
    """Answer whether a host name means something else inside a sandbox."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def without_ipv6(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        Path("/proc/sys/net/ipv6/conf", name, "disable_ipv6").write_text("1")


def _let_out(bridge: Bridge) -> None:
    # Appended: the rules of where one may go, hooked in at the front, come first.
    for rule in _way_out(bridge):
        program(["iptables", "-w", "5", *_table(rule), "-A", *rule[1:]])
    began = _FORWARDING.read_text().strip() == "0"
    if _has_rule(_NOT_OURS):
        program(["iptables", "-w", "5", "-D", *_NOT_OURS])
        began = True
    if began:
        # What was not forwarded before is not forwarded now, but for the bridges'.
        program(["iptables", "-w", "5", "-A", *_NOT_OURS])
        _FORWARDING.write_text("1")


def _has_rule(rule: Sequence[str]) -> bool:
    try:
        program(["iptables", "-w", "5", "-C", *rule])
    except NetworkFault:
        return False
    return True


def _way_out(bridge: Bridge) -> list[list[str]]:
    name, part = bridge.name, str(bridge.part)
    known = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED"]
    return [
        ["nat", "POSTROUTING", "-s", part, "!", "-o", name, "-j", "MASQUERADE"],
        ["", "FORWARD", "-i", name, "!", "-o", name, "-j", "ACCEPT"],
        ["", "FORWARD", "-o", name, *known, "-j", "ACCEPT"],
    ]


def _table(rule: Sequence[str]) -> list[str]:
    return ["-t", rule[0]] if rule[0] else []


def _stop_forwarding() -> None:
    """If it was us who began it; and if nobody relies on it by now."""
    with contextlib.suppress(NetworkFault):
        if _has_rule(_NOT_OURS) and not _has_rule(["FORWARD", "-j", "DOCKER-USER"]):
            _FORWARDING.write_text("0")
            program(["iptables", "-w", "5", "-D", *_NOT_OURS])


def program(command: Sequence[str], given: str | None = None) -> str:
    """Run ``ip`` or ``iptables``; answer what it prints.  Raises NetworkFault."""
    path = shutil.which(command[0], path=_PATH)
    if path is None:
        raise NetworkFault(f"{command[0]} is not installed")
    try:
        run = subprocess.run(  # noqa: S603 - fixed words, no shell
            [path, *command[1:]],
            input=given,
            capture_output=True,
            text=True,
            timeout=CALL_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NetworkFault(f"{command[0]}: {error}") from error
    if run.returncode:
        raise NetworkFault(f"{' '.join(command[:4])}: {run.stderr.strip()[:200]}")
    return run.stdout
