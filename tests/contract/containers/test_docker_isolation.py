"""What an action finds when it looks for a way out of its container."""

from __future__ import annotations

import pytest
from contract.containers.contract import init, run
from fixtures.docker import DockerHouse

from chasen.errors import ContainerStartError, ImageError
from invoker.containers.docker import DockerContainers
from invoker.ports import ContainerSpec

pytestmark = [pytest.mark.docker, pytest.mark.anyio]

IDENTITY = """
import os, resource

def main(args):
    with open("/proc/self/status") as file:
        status = dict(line.split(":", 1) for line in file)
    return {
        "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
        "capabilities": [status[f"Cap{x}"].strip() for x in
                         ("Inh", "Prm", "Eff", "Bnd", "Amb")],
        "no_new_privileges": status["NoNewPrivs"].strip(),
        "seccomp": status["Seccomp"].strip(),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "hostname": os.uname().nodename,
        "environment": sorted(os.environ),
        "oom_score_adj": open("/proc/self/oom_score_adj").read().strip(),
    }
"""

WRITING = """
import os

def attempt(path):
    try:
        with open(path, "w") as file:
            file.write("x")
        return "written"
    except OSError as error:
        return type(error).__name__ + " " + os.strerror(error.errno)

def main(args):
    return {path: attempt(path) for path in args["paths"]}
"""

FORBIDDEN = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)

def outcome(number, *arguments):
    ctypes.set_errno(0)
    done = libc.syscall(number, *[ctypes.c_long(a) for a in arguments])
    return "done" if done >= 0 else os.strerror(ctypes.get_errno())

# Numbers of x86_64; the profile itself goes by name.
CALLS = {
    "unshare(NEWUSER)": (272, 0x10000000), "mount": (165, 0, 0, 0, 0, 0),
    "setns": (308, 0, 0), "bpf": (321, 0, 0, 0), "keyctl": (250, 0, 0),
    "add_key": (248, 0, 0, 0, 0, 0), "perf_event_open": (298, 0, 0, -1, -1, 0),
    "userfaultfd": (323, 0), "reboot": (169, 0, 0, 0, 0),
    "open_by_handle_at": (304, 0, 0, 0), "chroot": (161, 0),
}
# These pass under the profile of the engine (20.10).
OURS = {
    "io_uring_setup": (425, 1, 0), "ptrace": (101, 0, 0, 0, 0),
    "socket(VSOCK)": (41, 40, 1, 0), "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
}

def main(args):
    return {name: outcome(*call) for name, call in {**CALLS, **OURS}.items()}
"""

FILLING = """
import errno, os

def fill(folder):
    written = 0
    try:
        with open(folder + "/big", "wb", buffering=0) as file:
            while written < 80 * 2**20:
                written += file.write(b"x" * 2**20)
    except OSError as error:
        return written // 2**20, errno.errorcode[error.errno]
    finally:
        os.unlink(folder + "/big")
    return written // 2**20, ""

def script(folder):
    path = folder + "/run.sh"
    with open(path, "w") as file:
        file.write("#!/bin/sh\\nexit 7\\n")
    os.chmod(path, 0o755)
    try:
        return os.spawnv(os.P_WAIT, path, [path])
    finally:
        os.unlink(path)

def main(args):
    return {"tmp": fill("/tmp"), "tmp_runs": script("/tmp"),
            "action_runs": script("/action")}
"""

FORKING = """
import os, signal

def main(args):
    children = []
    try:
        while len(children) < 3000:
            child = os.fork()
            if not child:
                signal.pause()
            children.append(child)
        reason = ""
    except OSError as error:
        reason = os.strerror(error.errno)
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)
    return {"forks": len(children), "reason": reason}
"""

OPENING = """
import os

def main(args):
    files = []
    try:
        while True:
            files.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        reason = os.strerror(error.errno)
    for file in files:
        os.close(file)
    return {"files": len(files), "reason": reason}
"""


async def test_an_action_is_nobody_and_may_nothing(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    await init(container, IDENTITY)

    told = await run(container)

    assert 200_000 <= told["uid"] < 260_000
    assert told["gid"] == told["uid"]
    assert told["groups"] in ([], [told["gid"]])
    assert set(told["capabilities"]) == {"0" * 16}
    assert told["no_new_privileges"] == "1"
    assert told["seccomp"] == "2"
    assert told["files"] == [1024, 1024]
    assert told["core"] == [0, 0]
    assert told["hostname"] == "action"
    assert int(told["oom_score_adj"]) >= 500
    assert not [n for n in told["environment"] if "PASSWORD" in n or "KEY" in n]


async def test_two_containers_have_different_users(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    uids = set()
    for _ in range(2):
        container = await docker_factory.create(ours)
        await init(container, IDENTITY)
        uids.add((await run(container))["uid"])
    assert len(uids) == 2


async def test_only_tmp_and_action_can_be_written(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    """The socket's directory too is closed: it lies on the host's disk."""
    container = await docker_factory.create(ours)
    await init(container, WRITING)
    denied = [
        "/x",
        "/usr/x",
        "/etc/x",
        "/dev/x",
        "/dev/shm/x",
        "/var/tmp/x",
        "/run/x",
        "/run/chasen/x",
        "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger",
        "/sys/fs/cgroup/freezer/freezer.state",
        "/sys/kernel/uevent_helper",
    ]

    told = await run(container, paths=[*denied, "/tmp/x", "/action/x"])

    assert {path for path, how in told.items() if how == "written"} == {
        "/tmp/x",
        "/action/x",
    }


async def test_the_engine_and_the_host_cannot_be_seen(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    await init(
        container,
        "import os\ndef main(args):\n"
        "    return {p: os.path.exists(p) for p in args['paths']}",
    )
    told = await run(
        container,
        paths=["/var/run/docker.sock", "/run/docker.sock", "/run/containerd"],
    )
    assert not any(told.values())


async def test_system_calls_of_the_kernels_back_rooms_are_refused(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    await init(container, FORBIDDEN)

    told = await run(container)

    assert "done" not in told.values(), told
    refused = {"Operation not permitted", "Function not implemented"}
    assert set(told.values()) <= refused, told


async def test_tmp_is_small_and_not_for_programs(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    await init(container, FILLING)

    told = await run(container)

    assert told["tmp"] == [64, "ENOSPC"]
    assert told["tmp_runs"] == 127
    assert told["action_runs"] == 7


async def test_a_fork_bomb_ends_at_64_processes(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    await init(container, FORKING)

    told = await run(container)

    assert told["reason"] == "Resource temporarily unavailable"
    assert 50 <= told["forks"] <= 63


async def test_files_end_at_1024(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await docker_factory.create(ours)
    await init(container, OPENING)

    told = await run(container)

    assert told["reason"] == "Too many open files"
    assert 1000 <= told["files"] <= 1023


async def test_a_users_image_runs_as_root_without_capabilities(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await docker_factory.create(blackbox)
    await init(container, IDENTITY)

    told = await run(container)

    assert told["uid"] == 0
    assert set(told["capabilities"]) == {"0" * 16}
    assert told["no_new_privileges"] == "1"
    assert told["seccomp"] == "2"


async def test_a_users_image_may_write_to_its_own_action_folder(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await docker_factory.create(blackbox)
    await init(container, WRITING)

    told = await run(container, paths=["/action/x", "/x", "/proc/sysrq-trigger"])

    assert told["/action/x"] == told["/x"] == "written"
    assert told["/proc/sysrq-trigger"] != "written"


async def test_a_users_image_can_be_held_as_strictly_as_ours(
    docker_house: DockerHouse, blackbox: ContainerSpec
) -> None:
    options = docker_house.options(blackbox="strict")
    async with docker_house.open(options=options) as factory:
        container = await factory.create(blackbox)
        await init(container, IDENTITY + WRITING.replace("main", "write"))

        told = await run(container)

        assert 200_000 <= told["uid"] < 260_000


async def test_users_images_can_be_refused(
    docker_house: DockerHouse, blackbox: ContainerSpec
) -> None:
    options = docker_house.options(blackbox="off")
    async with docker_house.open(options=options) as factory:
        with pytest.raises(ImageError, match="CHASEN_BLACKBOX"):
            await factory.create(blackbox)


async def test_a_missing_image_of_ours_says_how_to_build_it(
    docker_factory: DockerContainers, docker_house: DockerHouse
) -> None:
    spec = ContainerSpec(kind="cobol:1", image="chasen/none:1", memory_mb=128)
    with pytest.raises(ContainerStartError, match="make images"):
        await docker_factory.create(spec)
    assert docker_house.containers() == []


async def test_a_missing_image_of_a_user_is_the_users_fault(
    docker_factory: DockerContainers,
) -> None:
    """The address is loopback's: nothing leaves this machine."""
    image = "127.0.0.1:9/none:1"
    spec = ContainerSpec(kind="blackbox", image=image, memory_mb=128, ours=False)
    with pytest.raises(ImageError, match="Failed to pull container image"):
        await docker_factory.create(spec)


async def test_a_users_image_without_its_command_is_the_users_fault(
    docker_factory: DockerContainers, docker_house: DockerHouse
) -> None:
    context = docker_house.client.api.create_container(
        "chasen-test/blackbox:1", command=["/nowhere"]
    )
    docker_house.client.api.commit(context["Id"], "chasen-test/nowhere", "1")
    docker_house.client.api.remove_container(context["Id"])
    spec = ContainerSpec(
        kind="blackbox", image="chasen-test/nowhere:1", memory_mb=128, ours=False
    )
    try:
        with pytest.raises(ImageError, match="command"):
            await docker_factory.create(spec)
        assert docker_house.containers() == []
    finally:
        docker_house.client.images.remove("chasen-test/nowhere:1")
