"""The template of a container; nothing of a user's is merged into it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.errors import BadInput
from invoker.containers.docker_body import Birth, container_body, cpu_shares
from invoker.containers.docker_engine import socket_path, split_reference
from invoker.containers.docker_options import DockerOptions
from invoker.ports import ContainerSpec

BIRTH = Birth("00ff", 200_001, Path("/run/chasen/00ff"), {"chasen.kind": "python:3.11"})
OURS = ContainerSpec(
    "python:3.11", "chasen/action-python-v3.11", 256, environment={"__OW_API_HOST": "x"}
)
THEIRS = ContainerSpec("blackbox", "me/mine:1", 256, ours=False)


def host_config(spec: ContainerSpec, **options) -> dict:
    body = container_body(spec, BIRTH, options=DockerOptions(**options), seccomp="{}")
    return body["HostConfig"]


@pytest.mark.parametrize("spec", [OURS, THEIRS], ids=["ours", "theirs"])
def test_every_container_is_held_by_these(spec: ContainerSpec) -> None:
    config = host_config(spec)
    assert config["CapDrop"] == ["ALL"]
    assert config["SecurityOpt"] == ["no-new-privileges", "seccomp={}"]
    assert config["Memory"] == config["MemorySwap"] == 256 * 1024 * 1024
    assert config["RestartPolicy"] == {"Name": "no"}
    assert config["OomScoreAdj"] == 500
    assert config["NetworkMode"] == "chasen-actions"
    for never in (
        "Privileged",
        "CapAdd",
        "Devices",
        "PortBindings",
        "Binds",
        "PidMode",
    ):
        assert never not in config


def test_ours_are_strict_and_talk_through_a_socket() -> None:
    body = container_body(OURS, BIRTH, options=DockerOptions(), seccomp="{}")
    config = body["HostConfig"]
    assert body["User"] == "200001:200001"
    assert config["ReadonlyRootfs"] is True
    assert config["IpcMode"] == "none"
    assert config["PidsLimit"] == 64
    assert "noexec" in config["Tmpfs"]["/tmp"]
    assert config["Mounts"][0]["Source"] == "/run/chasen/00ff"
    assert "__OW_API_HOST=x" in body["Env"]
    assert "CHASEN_SOCKET=/run/chasen/action.sock" in body["Env"]
    assert "CHASEN_LOGS=inband" in body["Env"]


def test_theirs_keep_their_user_and_layer_unless_strict() -> None:
    birth = Birth("00ff", 200_001, None, {})
    free = container_body(THEIRS, birth, options=DockerOptions(), seccomp="{}")
    assert "User" not in free
    assert "ReadonlyRootfs" not in free["HostConfig"]
    assert free["HostConfig"]["PidsLimit"] == 1024
    assert not [name for name in free["Env"] if name.startswith("CHASEN_")]
    strict = container_body(
        THEIRS, birth, options=DockerOptions(blackbox="strict"), seccomp="{}"
    )
    assert strict["HostConfig"]["ReadonlyRootfs"] is True
    assert "Mounts" not in strict["HostConfig"]


@given(st.text(max_size=60))
def test_an_images_name_goes_nowhere_but_into_its_field(image: str) -> None:
    """Row S19: whatever a user says, the rest is the template."""
    plain = container_body(THEIRS, BIRTH, options=DockerOptions(), seccomp="{}")
    spec = ContainerSpec("blackbox", image, 256, ours=False)
    body = container_body(spec, BIRTH, options=DockerOptions(), seccomp="{}")
    assert body == {**plain, "Image": image}
    json.dumps(body)


def test_shares_of_the_cpu_follow_the_memory() -> None:
    assert cpu_shares(256, 1024) == 256
    assert cpu_shares(513, 1024) == 513
    assert cpu_shares(1024, 1024) == cpu_shares(2048, 1024) == 1024
    assert cpu_shares(128, 1_000_000) == 2


@pytest.mark.parametrize(
    "options",
    [{"blackbox": "maybe"}, {"subnet": "10.88"}, {"egress_allow": ["10.0.0.0/8", "x"]}],
)
def test_options_that_cannot_be_meant_are_refused(options: dict) -> None:
    with pytest.raises(BadInput, match="CHASEN_"):
        DockerOptions(**options)


def test_the_gateway_is_the_subnets_first_address() -> None:
    assert DockerOptions(subnet="10.88.0.0/16").gateway == "10.88.0.1"


def test_an_engine_is_reached_by_its_local_socket_only() -> None:
    assert socket_path("docker:") == Path("/var/run/docker.sock")
    assert socket_path("docker:///x/y.sock") == Path("/x/y.sock")
    for url in ("docker://host:2375", "tcp://1.2.3.4:2375", "process:"):
        with pytest.raises(BadInput, match=r"docker\.sock"):
            socket_path(url)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("a", ("a", "latest")),
        ("a/b:1", ("a/b", "1")),
        ("host:5000/a/b", ("host:5000/a/b", "latest")),
        ("host:5000/a/b:2", ("host:5000/a/b", "2")),
        ("a@sha256:00", ("a", "sha256:00")),
    ],
)
def test_a_reference_is_repository_and_tag(image: str, parts: tuple[str, str]) -> None:
    assert split_reference(image) == parts
