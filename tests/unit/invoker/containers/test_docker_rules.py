"""The rules as text: order decides, so order is what is asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoker.containers.docker_network import api_endpoints, nameservers, rules_for
from invoker.containers.docker_options import DockerOptions
from invoker.containers.docker_report import isolation_report
from invoker.containers.docker_rules import Rules

RULES = Rules(
    bridge="chasen0",
    api=[("10.88.0.1", 3233)],
    allow=["10.5.0.0/16"],
    nameservers=["192.168.7.53"],
)


def chain(text: str, name: str) -> list[str]:
    head = f"-A {name} "
    return [x.removeprefix(head) for x in text.splitlines() if x.startswith(head)]


def test_this_machine_is_closed_but_for_answers_and_the_api() -> None:
    accepted = chain(RULES.ipv4(), "CHASEN-INPUT")
    assert accepted == [
        "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        "-d 10.88.0.1 -p tcp --dport 3233 -j ACCEPT",
        "-p tcp -j REJECT --reject-with tcp-reset",
        "-j REJECT",
    ]


def test_what_is_allowed_comes_before_what_is_refused() -> None:
    rules = chain(RULES.ipv4(), "CHASEN-FORWARD")
    first_refusal = next(i for i, rule in enumerate(rules) if "REJECT" in rule)
    for accepted in ("10.5.0.0/16", "192.168.7.53", "--ctorigdst 10.88.0.1"):
        assert all(accepted not in rule for rule in rules[first_refusal:])
        assert any(accepted in rule for rule in rules[:first_refusal])
    assert rules[-1] == "-j RETURN"


@pytest.mark.parametrize("net", ["169.254.0.0/16", "10.0.0.0/8", "192.168.0.0/16"])
def test_private_and_link_local_addresses_are_refused(net: str) -> None:
    assert f"-d {net} -j REJECT" in chain(RULES.ipv4(), "CHASEN-FORWARD")


def test_other_networks_are_none_of_our_business() -> None:
    """DOCKER-USER sees every container's packets; ours come from our bridge."""
    assert chain(RULES.ipv4(), "CHASEN-FORWARD")[1] == "! -i chasen0 -j RETURN"


def test_ipv6_leads_nowhere() -> None:
    for name in ("CHASEN-INPUT", "CHASEN-FORWARD"):
        assert chain(RULES.ipv6(), name)[-1] == "-j REJECT"


def test_chains_of_another_bridge_have_its_name_and_28_characters_at_most() -> None:
    rules = Rules(bridge="ct0123456789abc")
    assert rules.input_chain == "CHASEN-INPUT-ct0123456789abc"
    assert len(rules.forward_chain) <= 28


def test_the_api_host_is_found_with_its_port_unless_it_is_loopback() -> None:
    assert api_endpoints("http://10.88.0.1:3233") == (("10.88.0.1", 3233),)
    assert api_endpoints("https://10.88.0.1") == (("10.88.0.1", 443),)
    assert api_endpoints("10.88.0.1:80") == (("10.88.0.1", 80),)
    assert api_endpoints("http://127.0.0.1:3233") == ()
    assert api_endpoints("http://localhost:3233") == ()
    assert api_endpoints("") == ()


def test_name_servers_are_those_that_can_be_reached(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nnameserver 127.0.0.53\nnameserver 10.1.1.1\nnameserver ::1\n")
    assert nameservers(str(file)) == ("10.1.1.1",)
    assert nameservers(str(tmp_path / "none")) == ()
    options = DockerOptions(dns=["9.9.9.9"])
    assert rules_for("chasen0", "", options).nameservers == ("9.9.9.9",)


def test_start_up_says_when_the_api_cannot_be_called() -> None:
    told = isolation_report(
        DockerOptions(network="none"),
        network=None,
        unruled="",
        api_host="http://127.0.0.1:3233",
        freezer=True,
    )
    assert any("no network at all" in sentence for sentence in told)
