"""The action network: a bridge of its own whose packets go where they may.

What lives here: making the bridge, knowing the addresses its rules speak of, putting
the rules in force again and again, and the operator's door to all that:

    python -m invoker.containers.docker_network up | keep | check | down

What does not: the rules themselves (``docker_rules.py``).  ``keep`` is for a house
whose invoker does not share the host's network: run it beside, where it does.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from chasen.errors import ContainerStartError
from chasen.settings import Settings
from invoker.containers.docker_engine import EngineClient, EngineFault
from invoker.containers.docker_options import DockerOptions
from invoker.containers.docker_rules import (
    Rules,
    RulesFault,
    abandoned_bridges,
    are_in_force,
    put_in_force,
    take_out,
)

CHECK_EVERY_S = 30
_BRIDGE_OPTION = "com.docker.network.bridge.name"
_ICC_OPTION = "com.docker.network.bridge.enable_icc"


@dataclass(frozen=True, slots=True)
class ActionNetwork:
    """The bridge as it is; ``talks_inside`` says that containers see each other."""

    name: str
    bridge: str
    talks_inside: bool

    @property
    def visible(self) -> bool:
        """Whether the bridge is an interface of this network namespace."""
        return Path("/sys/class/net", self.bridge).exists()


def ensure_network(client: EngineClient, options: DockerOptions) -> ActionNetwork:
    """Answer the action network, made if it was not there.

    Raises:
        ContainerStartError: the engine cannot make it, most often because another
            network has its addresses.
    """
    found = client.network(options.network)
    if found is None:
        try:
            client.create_network(options.network, **_network_options(options))
        except EngineFault as fault:
            found = client.network(options.network)  # somebody else was faster
            if found is None:
                raise ContainerStartError(
                    f"The action network {options.network} cannot be made: {fault}"
                    " Choose another CHASEN_ACTION_SUBNET or CHASEN_ACTION_NETWORK."
                ) from fault
        found = found or client.network(options.network)
    if found is None or found["Driver"] != "bridge":
        raise ContainerStartError(
            f"The network {options.network} is no bridge: remove it, or choose"
            " another CHASEN_ACTION_NETWORK."
        )
    set_up = found.get("Options") or {}
    return ActionNetwork(
        name=options.network,
        bridge=set_up.get(_BRIDGE_OPTION) or f"br-{found['Id'][:12]}",
        talks_inside=set_up.get(_ICC_OPTION, "true").lower() != "false",
    )


def _network_options(options: DockerOptions) -> dict:
    from docker.types import IPAMConfig, IPAMPool

    pool = IPAMPool(subnet=options.subnet, gateway=options.gateway)
    return {
        "driver": "bridge",
        "ipam": IPAMConfig(pool_configs=[pool]),
        "labels": {"chasen.network": "actions", **options.labels},
        "options": {
            _BRIDGE_OPTION: options.bridge,
            _ICC_OPTION: "false",
            "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
        },
    }


def rules_for(bridge: str, api_host: str, options: DockerOptions) -> Rules:
    return Rules(
        bridge=bridge,
        api=api_endpoints(api_host),
        allow=tuple(options.egress_allow),
        nameservers=tuple(options.dns) or nameservers(),
    )


def api_endpoints(api_host: str) -> tuple[tuple[str, int], ...]:
    """Answer the IPv4 addresses and port of the API, without loopback ones: an
    action's loopback is its own."""
    parts = urlsplit(api_host if "//" in api_host else f"http://{api_host}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if not parts.hostname:
        return ()
    try:
        told = socket.getaddrinfo(
            parts.hostname, port, socket.AF_INET, socket.SOCK_STREAM
        )
    except OSError:
        return ()
    addresses = sorted({str(row[4][0]) for row in told})
    return tuple(
        (ip, port) for ip in addresses if not ipaddress.ip_address(ip).is_loopback
    )


def nameservers(path: str = "/etc/resolv.conf") -> tuple[str, ...]:
    """Answer the name servers that the engine will ask in a container's stead."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ()
    words = [line.split() for line in lines]
    named = [row[1] for row in words if len(row) > 1 and row[0] == "nameserver"]
    return tuple(
        name for name in named if _is_ipv4(name) and not name.startswith("127.")
    )


def _is_ipv4(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False


def enforce(network: ActionNetwork, api_host: str, options: DockerOptions) -> str:
    """Put the rules in force; answer why that failed, or an empty text."""
    if not network.visible:
        return (
            f"the bridge {network.bridge} is not an interface here, because this"
            " process does not share the host's network"
        )
    try:
        put_in_force(rules_for(network.bridge, api_host, options))
    except RulesFault as fault:
        return str(fault)
    return ""


def main(arguments: list[str]) -> int:
    """Run one verb; answer the exit status."""
    verbs = ("up", "keep", "check", "down")
    if len(arguments) != 1 or arguments[0] not in verbs:
        print(f"usage: python -m invoker.containers.docker_network {'|'.join(verbs)}")
        return 2
    settings = Settings.from_environment(os.environ)
    options = DockerOptions.from_settings(settings)
    if not options.open_network:
        print("CHASEN_ACTION_NETWORK=none: there is no action network.")
        return 0
    url = settings.containers_url
    url = url if url.startswith("docker:") else "docker:"
    api_host = settings.public_api_host
    match arguments[0]:
        case "down":
            return _down(url, options)
        case "check":
            return _check(url, api_host, options)
        case verb:
            return _up(url, api_host, options, for_ever=verb == "keep")


def _up(url: str, api_host: str, options: DockerOptions, *, for_ever: bool) -> int:
    while True:
        client = EngineClient(url)
        try:
            network = ensure_network(client, options)
        finally:
            client.close()
        failed = enforce(network, api_host, options)
        if failed:
            print(f"{network.name}: the rules are not in force: {failed}.")
            return 1
        print(f"{network.name}: rules in force on {network.bridge}.", flush=True)
        if not for_ever:
            return 0
        time.sleep(CHECK_EVERY_S)


def _check(url: str, api_host: str, options: DockerOptions) -> int:
    try:
        client = EngineClient(url)
        try:
            bridge = ensure_network(client, options).bridge
        finally:
            client.close()
        good = are_in_force(rules_for(bridge, api_host, options))
    except (EngineFault, ContainerStartError, RulesFault) as fault:
        print(f"{options.network}: cannot be checked: {fault}.")
        return 1
    print(f"{options.network}: the rules are {'in' if good else 'NOT in'} force.")
    return 0 if good else 1


def _down(url: str, options: DockerOptions) -> int:
    """Remove network and rules; containers in it keep the network, and say so."""
    failed, bridges = 0, {options.bridge}
    try:
        client = EngineClient(url)
    except EngineFault:
        client = None  # no engine, no network
    if client is not None:
        try:
            if client.network(options.network) is not None:
                bridges = {ensure_network(client, options).bridge}
                client.remove_network(options.network)
        except (EngineFault, ContainerStartError) as fault:
            print(f"{options.network}: the network stays: {fault}")
            failed = 1
        finally:
            client.close()
    try:
        for bridge in (bridges if not failed else set()) | abandoned_bridges():
            take_out(Rules(bridge=bridge))
    except RulesFault as fault:
        print(f"{options.network}: the rules stay: {fault}.")
        failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
