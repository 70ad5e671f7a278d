"""The images themselves, under the engine's strictest settings and without any."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract.runtimes.started import SENTINEL, Answer, receive, send

import runtimes

pytestmark = pytest.mark.docker

STRICT = [
    *("--read-only", "--user", "65534:65534", "--cap-drop", "ALL", "--ipc", "none"),
    *("--security-opt", "no-new-privileges", "--pids-limit", "64", "--memory", "256m"),
    *("--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=64m,mode=1777"),
    *("--tmpfs", "/action:rw,exec,nosuid,nodev,size=512m,mode=1777"),
]
SECCOMP = Path(runtimes.__file__).parent / "seccomp.json"
ECHO = {
    "python": "def main(args):\n    print('hi')\n    return args\n",
    "nodejs": "function main(args) { console.log('hi'); return args }",
}
# Numbers of x86-64; what they answer under the profile.
CALLS = {
    "io_uring_setup": (425, "EPERM"),
    "ptrace": (101, "EPERM"),
    "unshare": (272, "EPERM"),
    "keyctl": (250, "EPERM"),
    "bpf": (321, "EPERM"),
    "userfaultfd": (323, "EPERM"),
    "mount": (165, "EPERM"),
    "clone3": (435, "ENOSYS"),
}
FAMILIES = {"unix": 1, "inet": 2, "inet6": 10, "vsock": 40, "packet": 17}
PROBE = (
    "import ctypes, errno, socket, subprocess\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "def call(number):\n"
    "    failed = libc.syscall(number, 0, 0, 0, 0, 0) < 0\n"
    "    return errno.errorcode[ctypes.get_errno()] if failed else 'allowed'\n"
    "def opens(family):\n"
    "    try:\n"
    "        socket.socket(family, socket.SOCK_STREAM).close()\n"
    "    except OSError as error:\n"
    "        return errno.errorcode[error.errno]\n"
    "    return 'allowed'\n"
    "def main(args):\n"
    "    calls = {name: call(number) for name, number in args['calls'].items()}\n"
    "    sockets = {name: opens(each) for name, each in args['families'].items()}\n"
    "    child = subprocess.run(['id', '-u'], capture_output=True, text=True)\n"
    "    found = {'uid': child.stdout.strip(), 'links': len(socket.if_nameindex())}\n"
    "    return {**calls, **sockets, **found}\n"
)


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(params=["python", "nodejs"])
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def image(family: str) -> str:
    """The image's name; without engine or image there is nothing to test."""
    parts = runtimes.manifest()["runtimes"][family][0]["image"]
    name = f"{parts['prefix']}/{parts['name']}:{parts['tag']}"
    try:
        docker("image", "inspect", name)
    except (AssertionError, FileNotFoundError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{name} is not there: {error}")
    return name


@pytest.fixture
def container(image: str) -> Iterator[Callable[..., str]]:
    started: list[str] = []

    def container(*options: str) -> str:
        started.append(docker("run", "-d", *options, image))
        return started[-1]

    yield container
    for each in started:
        docker("rm", "-f", each)


def connect(address: str | tuple[str, int]) -> socket.socket:
    deadline = time.monotonic() + 20
    while True:
        kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        connection = socket.socket(kind)
        connection.settimeout(20)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            assert time.monotonic() < deadline, "the launcher does not listen"
            time.sleep(0.01)
        else:
            return connection


def ask(connection: socket.socket, path: str, value: object) -> Answer:
    send(connection, path, {"value": value})
    return receive(connection)


def in_band(container: Callable[..., str], folder: Path) -> socket.socket:
    """Start one as our invoker does, and connect."""
    folder.chmod(0o777)
    container(
        *STRICT,
        *("--network", "none", "--security-opt", f"seccomp={SECCOMP}"),
        *("--env", "CHASEN_SOCKET=/run/chasen/x", "--env", "CHASEN_LOGS=inband"),
        *("--volume", f"{folder}:/run/chasen"),
    )
    return connect(str(folder / "x"))


def test_strict_and_in_band(
    container: Callable[..., str], family: str, tmp_path: Path
) -> None:
    with in_band(container, tmp_path) as connection:
        assert ask(connection, "/init", init(ECHO[family])).status == 200
        answer = ask(connection, "/run", {"a": 1})
    assert answer.json == {"a": 1}
    assert answer.block.endswith(" stdout: hi")


def init(code: str) -> dict[str, object]:
    return {"code": code, "main": "main", "binary": False}


def test_as_anyone_starts_it(container: Callable[..., str], family: str) -> None:
    name = container()
    networks = json.loads(
        docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", name)
    )
    address = next(iter(networks.values()))["IPAddress"]
    with connect((address, 8080)) as connection:
        ask(connection, "/init", init(ECHO[family]))
        assert ask(connection, "/run", {"a": 1}).json == {"a": 1}
    assert logs_of(name) == ("hi\n" + SENTINEL, SENTINEL)
    assert docker("exec", name, "id", "-u") == "1000"
    begin = time.monotonic()
    docker("stop", "--time", "8", name)
    assert time.monotonic() - begin < 6, "it ends when it is told to"


def logs_of(name: str) -> tuple[str, str]:
    """Answer both streams; the engine writes them down a little later."""
    deadline = time.monotonic() + 5
    while True:
        done = subprocess.run(["docker", "logs", name], capture_output=True, text=True)
        both = done.stdout, done.stderr
        if all(SENTINEL in text for text in both) or time.monotonic() > deadline:
            return both
        time.sleep(0.05)


@pytest.mark.parametrize("family", ["python"])
def test_the_profile_denies_what_it_says_and_only_that(
    container: Callable[..., str], tmp_path: Path
) -> None:
    with in_band(container, tmp_path) as connection:
        ask(connection, "/init", init(PROBE))
        calls = {name: number for name, (number, _) in CALLS.items()}
        seen = ask(connection, "/run", {"calls": calls, "families": FAMILIES}).json
    expected = {name: outcome for name, (_, outcome) in CALLS.items()}
    expected |= dict.fromkeys(("unix", "inet", "inet6"), "allowed")
    expected |= {"vsock": "EPERM", "packet": "EPERM", "uid": "65534", "links": 1}
    assert seen == expected
