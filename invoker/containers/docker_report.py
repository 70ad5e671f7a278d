"""Sentences for start-up: how containers are kept apart, and what is not isolated."""

from __future__ import annotations

from invoker.containers.docker_network import ActionNetwork, api_endpoints
from invoker.containers.docker_options import DockerOptions


def isolation_report(
    options: DockerOptions,
    *,
    network: ActionNetwork | None,
    unruled: str,
    api_host: str,
    freezer: bool,
) -> list[str]:
    """Answer what an operator should know before trusting this machine."""
    return [
        "Actions of our kinds run in Docker containers: an unprivileged user of their"
        " own, no capabilities, no new privileges, a read-only image, and limits on"
        " memory, processes and files.",
        _BLACKBOX[options.blackbox],
        "System calls are limited by our own seccomp profile.",
        *_network(options, network, unruled, api_host),
        _FREEZER[freezer],
        "All containers share this machine's kernel: they keep honest tenants apart,"
        " not determined attackers.",
    ]


def _network(
    options: DockerOptions,
    network: ActionNetwork | None,
    unruled: str,
    api_host: str,
) -> list[str]:
    if not options.open_network or network is None:
        return ["Actions have no network at all (CHASEN_ACTION_NETWORK=none)."]
    allowed = ", ".join(options.egress_allow)
    told = [
        f"Actions use the network {network.name}: the API host and the internet are"
        " reachable, this machine and private addresses are not"
        + (f", except {allowed}." if allowed else ".")
    ]
    if unruled:
        told = [
            f"NOT ISOLATED: actions can reach this machine and its networks, because"
            f" the rules of {network.name} are not in force: {unruled}. Run"
            " `python -m invoker.containers.docker_network keep` where iptables works."
        ]
    if network.talks_inside:
        told.append(
            f"NOT ISOLATED: containers in {network.name} reach each other; remove that"
            " network, and it is made anew without."
        )
    if not api_endpoints(api_host):
        told.append(
            f"Actions cannot call the API at {api_host}: let it listen on"
            f" {options.gateway} too and set CHASEN_API_HOST to that address."
        )
    return told


_BLACKBOX = {
    "off": "Images of users are refused.",
    "compatible": "Images of users keep their own user and a writable layer, whose size"
    " is not limited, without any capability.",
    "strict": "Images of users run like ours: unprivileged and read-only.",
}
_FREEZER = {
    True: "Idle containers are suspended by the cgroup freezer.",
    False: "Idle containers are paused by the engine, which is slower: the freezer"
    " cgroup cannot be written here.",
}
