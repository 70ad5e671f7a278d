"""What an operator may say about Docker containers, with defaults and checks.

What lives here: one frozen value that the other ``docker_*`` rooms read.  What does
not: reading the environment (``chasen/settings.py`` does, ``__main__`` passes it on).
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chasen.errors import BadInput
from chasen.settings import Settings

DEFAULT_BRIDGE, DEFAULT_NETWORK = "chasen0", "chasen-actions"
NO_NETWORK = "none"
BLACKBOX_MODES = ("off", "compatible", "strict")

# Everything that is not the internet: private, shared, loopback, link-local (cloud
# metadata), test, multicast and reserved addresses of RFC 6890.
NOT_THE_INTERNET = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)


@dataclass(frozen=True, slots=True)
class DockerOptions:
    """How containers are made; all of it has a default that is safe."""

    blackbox: str = "compatible"
    network: str = DEFAULT_NETWORK
    bridge: str = DEFAULT_BRIDGE
    subnet: str = "10.88.0.0/16"
    egress_allow: Sequence[str] = ()
    dns: Sequence[str] = ()
    user_memory_mb: int = 2048
    pids_limit: int = 64  # a fork bomb ends here; threads count as well
    blackbox_pids_limit: int = 1024  # OpenWhisk's figure: a JVM has a hundred threads
    files_limit: int = 1024  # OpenWhisk's figure, which actions were written against
    concurrent_starts: int = field(default_factory=lambda: os.cpu_count() or 1)
    ready_limit_s: float = 20
    log_buffer_bytes: int = 10 * 1024 * 1024 + 65536  # the log limit and a little more
    cgroup_root: Path = Path("/sys/fs/cgroup")
    labels: Mapping[str, str] = field(default_factory=dict)
    spawn_reaper: bool = True

    def __post_init__(self) -> None:
        if self.blackbox not in BLACKBOX_MODES:
            raise BadInput(
                f"CHASEN_BLACKBOX={self.blackbox!r} is not known:"
                f" say one of {', '.join(BLACKBOX_MODES)}."
            )
        for name, networks in (
            ("CHASEN_ACTION_SUBNET", [self.subnet]),
            ("CHASEN_EGRESS_ALLOW", self.egress_allow),
        ):
            for text in networks:
                _check_network(name, text)

    @classmethod
    def from_settings(cls, settings: Settings) -> DockerOptions:
        """Raises BadInput for a value that cannot be meant."""
        return cls(
            blackbox=settings.blackbox,
            network=settings.action_network,
            bridge=bridge_of(settings.action_network),
            subnet=settings.action_subnet,
            egress_allow=_split(settings.egress_allow),
            user_memory_mb=settings.user_memory_mb,
        )

    @property
    def open_network(self) -> bool:
        return self.network != NO_NETWORK

    @property
    def gateway(self) -> str:
        """The host's address on the bridge; the API should listen on it too."""
        return str(next(ipaddress.ip_network(self.subnet).hosts()))


def bridge_of(network: str) -> str:
    """Answer the name of the interface; two houses on a machine have two."""
    if network == DEFAULT_NETWORK:
        return DEFAULT_BRIDGE
    return f"ch{hashlib.sha256(network.encode()).hexdigest()[:8]}"


def _split(text: str) -> tuple[str, ...]:
    """Answer the words of ``"10.1.0.0/16, 10.2.3.4"``."""
    return tuple(word for word in text.replace(",", " ").split() if word)


def _check_network(name: str, text: str) -> None:
    try:
        ipaddress.IPv4Network(text, strict=False)
    except ValueError as error:
        raise BadInput(
            f"{name}: {text!r} is not an IPv4 network such as 10.1.0.0/16."
        ) from error
