"""Packet filter rules of the action network, as text; and putting them in force.

What lives here: which packets of an action may go where (pure), and the calls of
iptables that make it so, in chains of our own.  What does not: the bridge itself, and
deciding when to look again (``docker_network.py``).

Rules: (a) the API host is reachable; (b) so is the internet, and private addresses only
if allowed; (c) nothing else of this machine or its networks is.  Answers to our own
connections pass.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from invoker.containers.docker_options import DEFAULT_BRIDGE, NOT_THE_INTERNET

LOCK_WAIT_S = "5"  # iptables' own lock: Docker takes it as well
CALL_LIMIT_S = 15
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
# A reset is sent at once; the kernel sends ICMP refusals only so often a second.
_REFUSE = ("-p tcp -j REJECT --reject-with tcp-reset", "-j REJECT")
_ESTABLISHED = "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"


class RulesFault(Exception):
    """The rules could not be put in force; the text says why."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the chains of one bridge hold."""

    bridge: str
    api: Sequence[tuple[str, int]] = ()
    allow: Sequence[str] = ()
    nameservers: Sequence[str] = ()

    @property
    def input_chain(self) -> str:
        return _chain("CHASEN-INPUT", self.bridge)

    @property
    def forward_chain(self) -> str:
        return _chain("CHASEN-FORWARD", self.bridge)

    def ipv4(self) -> str:
        """Answer both chains for ``iptables-restore --noflush``, which swaps them
        for the old ones in one step."""
        lines = [f"-A {self.input_chain} {rule}" for rule in self._input()]
        lines += [f"-A {self.forward_chain} {rule}" for rule in self._forward()]
        return self._restore(lines)

    def ipv6(self) -> str:
        """Containers have no IPv6 address; should one get some, it leads nowhere."""
        return self._restore(
            f"-A {chain} {rule}"
            for chain in (self.input_chain, self.forward_chain)
            for rule in (f"! -i {self.bridge} -j RETURN", _ESTABLISHED, *_REFUSE)
        )

    def _restore(self, lines) -> str:
        chains = [f":{name} - [0:0]" for name in (self.input_chain, self.forward_chain)]
        return "\n".join(["*filter", *chains, *lines, "COMMIT", ""])

    def _input(self) -> list[str]:
        return [
            _ESTABLISHED,
            *(f"-d {ip} -p tcp --dport {port} -j ACCEPT" for ip, port in self.api),
            *_REFUSE,
        ]

    def _forward(self) -> list[str]:
        return [
            f"-o {self.bridge} {_ESTABLISHED}",
            f"! -i {self.bridge} -j RETURN",
            _ESTABLISHED,
            # A published port was rewritten before it comes here; it is known by the
            # address that the action asked for.
            *(
                f"-p tcp -m conntrack --ctorigdst {ip} --ctorigdstport {port} -j ACCEPT"
                for ip, port in self.api
            ),
            *(
                f"-d {ip} -p {protocol} --dport 53 -j ACCEPT"
                for ip in self.nameservers
                for protocol in ("udp", "tcp")
            ),
            *(f"-d {network} -j ACCEPT" for network in self.allow),
            *(f"-d {net} {rule}" for net in NOT_THE_INTERNET for rule in _REFUSE),
            "-j RETURN",
        ]


def put_in_force(rules: Rules) -> None:
    """Make it so, whatever was there before.

    Raises:
        RulesFault: iptables is missing, not permitted, or refused.
    """
    _apply("iptables", rules, rules.ipv4())
    if shutil.which("ip6tables", path=_PATH) and os.path.exists("/proc/net/if_inet6"):
        _apply("ip6tables", rules, rules.ipv6())


def are_in_force(rules: Rules) -> bool:
    """Answer whether both chains are hooked in and hold as many rules as they must."""
    wanted = rules.ipv4().count("\n-A ")
    listed = [
        _run(["iptables", "-w", LOCK_WAIT_S, "-S", chain])
        for chain in (rules.input_chain, rules.forward_chain)
    ]
    if any(run.returncode for run in listed):
        return False
    found = sum(run.stdout.count("-A ") for run in listed)
    return found == wanted and all(
        _run(["iptables", "-w", LOCK_WAIT_S, "-C", *hook]).returncode == 0
        for hook in _hooks("iptables", rules)
    )


def take_out(rules: Rules) -> None:
    """Remove hooks and chains; none of them need be there."""
    for tool in ("iptables", "ip6tables"):
        if not shutil.which(tool, path=_PATH):
            continue
        base = [tool, "-w", LOCK_WAIT_S]
        for hook in [*_hooks(tool, rules), ["FORWARD", "-j", rules.forward_chain]]:
            while _run([*base, "-D", *hook]).returncode == 0:
                pass
        for chain in (rules.input_chain, rules.forward_chain):
            _run([*base, "-F", chain])
            _run([*base, "-X", chain])


def abandoned_bridges() -> set[str]:
    """Answer bridges that are gone while their rules are still hooked in."""
    listed = _run(["iptables", "-w", LOCK_WAIT_S, "-S", "INPUT"])
    words = [line.split() for line in listed.stdout.splitlines()]
    ours = [row for row in words if row and row[-1].startswith("CHASEN-INPUT")]
    hooked = {row[row.index("-i") + 1] for row in ours if "-i" in row}
    return {name for name in hooked if not os.path.exists(f"/sys/class/net/{name}")}


def _apply(tool: str, rules: Rules, text: str) -> None:
    restore = _run([f"{tool}-restore", "-w", LOCK_WAIT_S, "--noflush"], text)
    if restore.returncode:
        raise RulesFault(f"{tool}-restore: {restore.stderr.strip()[:200]}")
    for chain, *rest in _hooks(tool, rules):
        base = [tool, "-w", LOCK_WAIT_S]
        if _run([*base, "-C", chain, *rest]).returncode == 0:
            continue
        hook = _run([*base, "-I", chain, "1", *rest])
        if hook.returncode:
            raise RulesFault(f"{tool}: {hook.stderr.strip()[:200]}")


def _hooks(tool: str, rules: Rules) -> list[list[str]]:
    """INPUT sees what goes to this machine; DOCKER-USER what passes through, before
    the engine's own rules do."""
    has_user_chain = _run([tool, "-w", LOCK_WAIT_S, "-S", "DOCKER-USER"])
    forward = "FORWARD" if has_user_chain.returncode else "DOCKER-USER"
    return [
        ["INPUT", "-i", rules.bridge, "-j", rules.input_chain],
        [forward, "-j", rules.forward_chain],
    ]


def _chain(name: str, bridge: str) -> str:
    """The default bridge has the plain names; chains have 28 characters at most."""
    return name if bridge == DEFAULT_BRIDGE else f"{name}-{bridge}"[:28]


def _run(
    command: list[str], given: str | None = None
) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0], path=_PATH)
    if program is None:
        raise RulesFault(f"{command[0]} is not installed")
    try:
        return subprocess.run(  # noqa: S603 - fixed words, no shell
            [program, *command[1:]],
            input=given,
            capture_output=True,
            text=True,
            timeout=CALL_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RulesFault(f"{command[0]}: {error}") from error
