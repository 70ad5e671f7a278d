"""Process sandboxes, real ones: the contract per tier, and what only they must do."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from contract.containers.contract import (
    BREATHING,
    DYING,
    GREEDY,
    ContainerContract,
    connect,
    init,
    post,
    run,
)

from chasen.errors import ContainerError, ContainerGone, ContainerStartError
from invoker.containers.process import tiers
from invoker.containers.process.driver import ProcessContainers
from invoker.containers.process.opening import ProcessOptions, open_process_containers
from invoker.containers.process.place import Place
from invoker.ports import ContainerSpec

pytestmark = pytest.mark.anyio

HERE = Path(__file__).resolve()
LAUNCHER = HERE.parents[3] / "runtimes" / "python" / "launcher.py"
LAUNCHERS = {
    "python:3": [sys.executable, "-I", "-S", str(LAUNCHER)],
    "mute": ["/bin/sh", "-c", "echo it broke >&2; exit 3"],
    "absent": ["no-such-interpreter"],
}
PACKAGES = [path for path in sys.path if path.endswith("site-packages")]
POSSIBLE = [tier.name for tier in tiers.candidates(trust=True).tiers]
AS_ROOT = os.geteuid() == 0
strong = pytest.mark.skipif("T3" not in POSSIBLE, reason="needs root and cgroups")


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path: socket names are limited to 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="chasen-"))
    yield folder
    shutil.rmtree(folder)


@asynccontextmanager
async def opened(
    home: Path, tier: str = "", incarnation: str = "first", **options
) -> AsyncIterator[ProcessContainers]:
    async with open_process_containers(
        invoker_id="0",
        incarnation=incarnation,
        state_dir=home,
        socket_dir=home / "sockets",
        api_host="http://127.0.0.1:3233",
        options=ProcessOptions(
            **{"tier": tier, "trust": True, "network": "host"} | options
        ),
        launchers=LAUNCHERS,
    ) as factory:
        yield factory


@pytest.fixture
def spec() -> ContainerSpec:
    return ContainerSpec("python:3", "", memory_mb=128)


class _OfTier(ContainerContract):
    tier = ""  # one that this user cannot have here is not collected

    @pytest.fixture
    async def factory(self, home: Path) -> AsyncIterator[ProcessContainers]:
        async with opened(home, self.tier) as factory:
            yield factory


class TestStrong(_OfTier):
    tier = "T3"
    __test__ = tier in POSSIBLE


class _WithoutGroups(_OfTier):
    async def test_memory_is_limited_and_its_end_is_known(
        self, factory: ProcessContainers, spec: ContainerSpec
    ) -> None:
        """Nobody is killed: the action is refused more, and says so itself."""
        container = await factory.create(spec)
        await init(container, GREEDY)

        _, answer = await post(container.address, "/run", {"value": {}})

        assert "error" in answer
        assert await container.was_oom_killed() is False


class TestNamespaces(_WithoutGroups):
    tier = "T2"
    __test__ = tier in POSSIBLE


class TestFilesOnly(_WithoutGroups):
    tier = "T1"
    __test__ = tier in POSSIBLE


class TestAccidentsOnly(_WithoutGroups):
    tier = "T0"
    __test__ = tier in POSSIBLE


@pytest.fixture
async def factory(home: Path) -> AsyncIterator[ProcessContainers]:
    """The strongest tier here."""
    async with opened(home) as factory:
        yield factory


# --- starting -------------------------------------------------------------------------


async def test_a_launcher_that_ends_says_why(factory: ProcessContainers) -> None:
    with pytest.raises(ContainerStartError, match=r"status 3.*it broke"):
        await factory.create(ContainerSpec("mute", "", 128))


async def test_a_kind_without_a_launcher_is_refused_with_a_sentence(
    factory: ProcessContainers,
) -> None:
    for kind in ("absent", "cobol"):
        with pytest.raises(ContainerStartError, match="no launcher for the kind"):
            await factory.create(ContainerSpec(kind, "", 128))


async def test_the_environment_is_empty_but_for_what_is_needed(
    factory: ProcessContainers, spec: ContainerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHASEN_STORE_PASSWORD_FILE", "/secret")
    spec.environment["__OW_API_HOST"] = "http://api:80"
    container = await factory.create(spec)

    await init(container, "import os\ndef main(args): return dict(os.environ)")

    found = await run(container)
    assert found.pop("__OW_API_HOST") == "http://api:80"
    assert set(found) == {"PATH", "LANG", "HOME", "TMPDIR"}


async def test_the_node_launcher_also_starts(home: Path) -> None:
    node = shutil.which("node")
    script = LAUNCHER.parents[1] / "nodejs" / "launcher.js"
    if node is None or not script.exists():
        pytest.skip("there is no node here")
    async with open_process_containers(
        invoker_id="0",
        incarnation="node",
        state_dir=home,
        socket_dir=home / "sockets",
        api_host="http://127.0.0.1:3233",
        options=ProcessOptions(trust=True),
        launchers={"nodejs:20": [node, str(script)]},
    ) as factory:
        container = await factory.create(ContainerSpec("nodejs:20", "", 256))
        await init(container, "function main(a) { return {sum: a.x + a.y} }")

        assert await run(container, x=1, y=2) == {"sum": 3}


async def test_a_deep_folder_is_no_hindrance(home: Path, spec: ContainerSpec) -> None:
    """Names of sockets have 107 characters at most; folders of users do not."""
    deep = home / ("a-folder-with-a-long-name" * 5)
    async with opened(deep) as factory:
        container = await factory.create(spec)
        await init(container, BREATHING)

        assert "longest" in await run(container)


async def test_an_incarnation_is_not_used_twice(home: Path) -> None:
    async with opened(home):
        with pytest.raises(Exception, match="another process uses this incarnation"):
            async with opened(home):
                pass


# --- walls ----------------------------------------------------------------------------


async def test_it_is_not_root_and_cannot_become_more(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    container = await factory.create(spec)
    code = """
def main(args):
    lines = open("/proc/self/status").read().splitlines()
    return dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)
"""
    await init(container, code)

    status = await run(container)

    assert set(status["CapEff"] + status["CapPrm"] + status["CapBnd"]) == {"0"}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert status["Uid"].split()[0] == "1000"
    if AS_ROOT:
        pid = await container.life.started
        assert _outer_uid(pid) == container.uid >= 60_000


async def test_two_sandboxes_have_different_users_outside(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    if not AS_ROOT:
        pytest.skip("only root can give sandboxes users of their own")
    one, two = await factory.create(spec), await factory.create(spec)

    assert one.uid != two.uid


async def test_files_of_the_host_do_not_exist_inside(
    factory: ProcessContainers, spec: ContainerSpec, home: Path
) -> None:
    secret = home / "secret"
    secret.write_text("the key")
    container = await factory.create(spec)
    code = """
import os
def main(args):
    found = {}
    for path in args["paths"]:
        try:
            found[path] = os.listdir(path) if os.path.isdir(path) else open(path).read()
        except OSError as error:
            found[path] = type(error).__name__
    return found
"""
    await init(container, code)

    names = [str(secret), "/etc/shadow", "/var/run/docker.sock", "/proc/1/root/home"]
    found = await run(container, paths=names)

    assert found[str(secret)] == "FileNotFoundError"
    assert found["/etc/shadow"] == "FileNotFoundError"
    assert found["/var/run/docker.sock"] == "FileNotFoundError"
    assert found["/proc/1/root/home"] in ([], "PermissionError")


async def test_only_the_three_own_places_are_writable(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    container = await factory.create(spec)
    code = """
import os
def main(args):
    found = []
    for folder, _, _ in os.walk("/"):
        if folder.startswith("/proc"):
            continue
        try:
            path = os.path.join(folder, "probe-of-a-test")
            open(path, "w").close()
            os.unlink(path)
            found.append(folder)
        except OSError:
            pass
    return {"found": sorted(found)}
"""
    await init(container, code)

    assert (await run(container))["found"] == ["/action", "/run/chasen", "/tmp"]


async def test_temporary_files_are_bounded_and_not_executable(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    container = await factory.create(spec)
    code = """
import os, subprocess
def main(args):
    answer = {}
    try:
        with open("/tmp/script", "w") as file:
            file.write("#!/bin/sh\\n")
        os.chmod("/tmp/script", 0o755)
        subprocess.run(["/tmp/script"])
        answer["executed"] = True
    except OSError as error:
        answer["execute"] = error.errno
    size = 0
    try:
        with open("/tmp/big", "wb", buffering=0) as file:
            while size < 1 << 30:
                size += file.write(bytes(1 << 20))
    except OSError as error:
        answer["write"] = error.errno
    answer["mib"] = size >> 20
    return answer
"""
    await init(container, code)

    answer = await run(container)

    assert answer == {"execute": 13, "write": 28, "mib": 63} | {"mib": answer["mib"]}
    assert 60 <= answer["mib"] <= 64


async def test_other_processes_are_neither_seen_nor_signalled(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    container = await factory.create(spec)
    code = """
import os
def main(args):
    refused = []
    for pid in args["pids"]:
        try:
            os.kill(pid, 0)
        except OSError as error:
            refused.append(type(error).__name__)
    seen = [name for name in os.listdir("/proc") if name.isdigit()]
    return {"refused": refused, "seen": seen}
"""
    await init(container, code)
    outside = [os.getpid(), os.getppid(), factory.zygote_pid]

    answer = await run(container, pids=outside)

    assert answer["refused"] == ["ProcessLookupError"] * 3
    assert answer["seen"] == ["1"]


async def test_processes_are_bounded_and_neighbours_are_not_touched(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    bomber, neighbour = await factory.create(spec), await factory.create(spec)
    code = """
import os, time
def main(args):
    children = []
    try:
        while len(children) < args["wanted"]:
            pid = os.fork()
            if pid == 0:
                time.sleep(20)
                os._exit(0)
            children.append(pid)
    except OSError as error:
        return {"forked": len(children), "errno": error.errno}
    return {"forked": len(children)}
"""
    await init(bomber, code)
    await init(neighbour, code)

    bomb = await run(bomber, wanted=500)
    friend = await run(neighbour, wanted=20)

    assert bomb["errno"] == 11
    assert 40 <= bomb["forked"] <= 64
    assert friend == {"forked": 20}


async def test_denied_system_calls_are_errors_and_not_kills(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    container = await factory.create(spec)
    code = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    ctypes.set_errno(0)
    result = libc.syscall(number, *[ctypes.c_long(word) for word in words])
    return ctypes.get_errno() if result < 0 else "ok"
def family(*words):
    try:
        socket.socket(*words).close()
        return "ok"
    except OSError as error:
        return error.errno
def main(args):
    return {
        "unshare": call(272, 0x10000000),
        "clone": call(56, 0x10000000 | 17, 0, 0, 0, 0),
        "clone3": call(435, 0, 0),
        "io_uring": call(425, 1, 0),
        "ptrace": call(101, 0, 0, 0, 0),
        "bpf": call(321, 0, 0, 0),
        "keyctl": call(250, 0, 0),
        "mount": call(165, 0, 0, 0, 0, 0),
        "x32": call(0x40000000 + 39),
        "later": call(470),
        "getpid": call(39),
        "vsock": family(40, socket.SOCK_STREAM),
        "packet": family(17, socket.SOCK_RAW),
        "netlink": family(16, socket.SOCK_RAW, 0),
        "audit": family(16, socket.SOCK_RAW, 9),
        "tcp": family(),
    }
"""
    await init(container, code)

    found = await run(container)

    denied = {name for name, outcome in found.items() if outcome == 1}
    assert denied == {
        *("unshare", "clone", "io_uring", "ptrace", "bpf", "keyctl", "mount", "x32"),
        *("vsock", "packet", "audit"),
    }
    assert found["clone3"] == found["later"] == 38
    assert found["getpid"] == found["netlink"] == found["tcp"] == "ok"


async def test_a_link_in_the_place_of_the_socket_leads_nowhere(
    factory: ProcessContainers, spec: ContainerSpec, home: Path
) -> None:
    """An action may replace its socket's name; the platform must not follow it."""
    knocks: list[bytes] = []

    async def serve(reader, writer) -> None:
        knocks.append(await reader.read(100))
        writer.close()

    trap = await asyncio.start_unix_server(serve, home / "trap")
    container = await factory.create(spec)
    code = """
import os
def main(args):
    os.rename("/run/chasen/action.sock", "/run/chasen/old")
    os.symlink(args["trap"], "/run/chasen/action.sock")
    return {"done": True}
"""
    await init(container, code)
    await run(container, trap=str(home / "trap"))

    assert await run(container, trap="x") != {}
    trap.close()
    assert knocks == []


async def test_a_closed_network_has_nobody_but_oneself(
    home: Path, spec: ContainerSpec
) -> None:
    async def serve(reader, writer) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    code = """
import socket
def main(args):
    own = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(own.getsockname(), 1).close()
    try:
        socket.create_connection(("127.0.0.1", args["port"]), 1).close()
    except OSError as error:
        return {"error": type(error).__name__}
    return {"error": None}
"""
    async with server, opened(home, network="none") as factory:
        container = await factory.create(spec)
        await init(container, code)

        assert await run(container, port=port) == {"error": "ConnectionRefusedError"}
        assert "Sandboxes have no network at all." in factory.isolation()


# --- ending ---------------------------------------------------------------------------


async def test_destroying_takes_children_that_hid_in_sessions_of_their_own(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    container = await factory.create(spec)
    code = """
import os, time
def main(args):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                time.sleep(1)
        os._exit(0)
    return {"inside": len([x for x in os.listdir("/proc") if x.isdigit()])}
"""
    await init(container, code)
    await run(container)
    pid = await container.life.started
    family = _inside(pid)
    assert len(family) >= 2

    await container.destroy()

    assert [pid for pid in family if _is_alive(pid)] == []


async def test_resuming_a_dead_one_says_that_it_is_gone(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    container = await factory.create(spec)
    await init(container, DYING)
    with pytest.raises((OSError, EOFError, AssertionError)):
        await run(container)

    async with asyncio.timeout(5):
        await container.life.exited.wait()

    with pytest.raises(ContainerGone):
        await container.resume()
    with pytest.raises(ContainerError):
        await container.suspend()


async def test_a_suspended_sandbox_uses_no_processor_with_all_its_children(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    container = await factory.create(spec)
    code = """
import os
def main(args):
    for _ in range(2):
        if os.fork() == 0:
            os.setsid()
            while True:
                pass
    return {"done": True}
"""
    await init(container, code)
    await run(container)
    family = _inside(await container.life.started)
    assert len(family) == 3

    await container.suspend()
    before = [_ticks(pid) for pid in family]
    await asyncio.sleep(0.5)
    after = [_ticks(pid) for pid in family]
    await container.resume()
    await asyncio.sleep(0.5)

    assert before == after
    assert sum(_ticks(pid) for pid in family) > sum(after)


async def test_when_the_helper_dies_all_sandboxes_die_and_a_new_one_comes(
    factory: ProcessContainers, spec: ContainerSpec
) -> None:
    one, frozen = await factory.create(spec), await factory.create(spec)
    await frozen.suspend()
    pids = [await one.life.started, await frozen.life.started]
    assert factory.zygote_pid is not None

    os.kill(factory.zygote_pid, 9)

    await _all_gone(pids, within_s=1)
    with pytest.raises(ContainerGone):
        await frozen.resume()
    another = await factory.create(spec)
    await init(another, BREATHING)
    assert (await post(another.address, "/run", {"value": {}}))[0] == 200


async def test_nothing_is_left_after_two_hundred_lives(
    home: Path, spec: ContainerSpec
) -> None:
    async with opened(home) as factory:
        await (await factory.create(spec)).destroy()
        zygote = Path(f"/proc/{factory.zygote_pid}")
        before = _traces(home, zygote)

        for number in range(200):
            container = await factory.create(spec)
            if number % 3 == 0:
                await container.suspend()
            await container.destroy()

        assert _traces(home, zygote) == before
        assert _memory_kb(zygote) < 40_000
    assert not _is_alive(int(zygote.name))
    assert _groups(home) == set()
    assert list((home / "sockets").glob("0-*")) == []


async def test_the_next_life_sweeps_what_a_killed_one_left_and_spares_the_living(
    home: Path, spec: ContainerSpec
) -> None:
    async with opened(home, incarnation="alive") as other:
        spared = await other.create(spec)
        orphans, platform = await _a_killed_life(home, spared)
        async with opened(home, incarnation="next") as factory:
            await factory.cleanup()
            await _all_gone(orphans, within_s=1)
            (await connect(spared.address))[1].close()
            left = {name.rpartition(".")[2] for name in _groups(home)}
            assert left <= {"alive", "next"}
        assert platform != 0


async def _a_killed_life(home: Path, spared) -> tuple[list[int], int]:
    """Start a platform of its own, kill it -9, answer its sandboxes' pids."""
    program = f"""
import asyncio, sys
sys.path[:0] = {[str(HERE.parents[3]), str(HERE.parents[2]), *PACKAGES]!r}
from pathlib import Path
from contract.containers.test_process import opened
from contract.containers.contract import init, BREATHING
from invoker.ports import ContainerSpec

async def main():
    async with opened(Path({str(home)!r}), incarnation="killed") as factory:
        one = await factory.create(ContainerSpec("python:3", "", 128))
        two = await factory.create(ContainerSpec("python:3", "", 128))
        await init(one, BREATHING)
        await two.suspend()
        pids = [await one.life.started, await two.life.started, factory.zygote_pid]
        print(*pids, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
    platform = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert platform.stdout is not None
    async with asyncio.timeout(20):
        pids = [int(word) for word in (await platform.stdout.readline()).split()]
    assert len(pids) == 3
    platform.kill()
    await platform.wait()
    await _all_gone(pids, within_s=1)
    return pids, platform.pid


async def test_killing_the_platform_leaves_no_process_within_a_second(
    home: Path,
) -> None:
    """Frozen ones included; the helper sees the end of its line and thaws them."""
    pids, _ = await _a_killed_life(home, None)

    assert [pid for pid in pids if _is_alive(pid)] == []
    assert _groups(home) == set()


# --- weaker tiers ---------------------------------------------------------------------


async def test_strict_refuses_what_only_hides_files(home: Path) -> None:
    with pytest.raises(ContainerError, match="cannot run as processes"):
        async with opened(home, tier="T1", strict=True):
            pass


async def test_root_gets_no_weak_sandboxes(home: Path) -> None:
    if not AS_ROOT:
        pytest.skip("this test is not root")
    with pytest.raises(ContainerError, match="start Chasen as another user"):
        async with opened(home, tier="T0"):
            pass


async def test_without_user_namespaces_files_are_still_hidden_and_it_is_said(
    home: Path,
) -> None:
    """The platform itself is under our filter, which allows no new namespaces."""
    program = f"""
import asyncio
from pathlib import Path
from contract.containers.contract import init, run
from contract.containers.test_process import opened
from invoker.containers.process import linux, seccomp
from invoker.ports import ContainerSpec

async def main():
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.load_filter(seccomp.program(linux.MACHINE))
    home = Path({str(home)!r})
    (home / "secret").write_text("the key")
    async with opened(home, trust=False) as factory:
        container = await factory.create(ContainerSpec("python:3", "", 128))
        await init(container, "def main(a): return {{'key': open(a['x']).read()}}")
        print(factory.tier.name, *factory.isolation())
        print(await run(container, x=str(home / "secret")))

asyncio.run(main())
"""
    output = await _as_ordinary_user(home, "-c", program)

    assert output.startswith("T1 ")
    assert "only Landlock keeps its files" in output
    assert "tier T2 do not work here" in output
    assert "Permission denied" in output


@strong
async def test_an_ordinary_user_passes_these_tests_too(home: Path) -> None:
    """The suite again, as uid 1000 with a system interpreter."""
    script = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    await _as_ordinary_user(
        home,
        *("-c", script, str(HERE), "-q", "-p", "no:cacheprovider"),
        *("--rootdir", str(HERE.parents[3])),
    )


async def _as_ordinary_user(home: Path, *arguments: str) -> str:
    """Answer what Python prints as uid 1000, or as ourselves if we are not root."""
    python, become = sys.executable, []
    if AS_ROOT:
        python = "/usr/bin/python3"  # root's own may lie in root's home
        if shutil.which("setpriv") is None or not os.access(python, os.X_OK):
            pytest.skip("needs setpriv and a Python that everybody may run")
        become = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"]
        os.chown(home, 1000, 1000)
    code = (
        f"import sys; sys.path[:0] = {[str(HERE.parents[3]), str(HERE.parents[2])]!r};"
        f"sys.path += {PACKAGES!r}\n"
    )
    arguments = ("-c", code + arguments[1], *arguments[2:])
    user = await asyncio.create_subprocess_exec(
        *(*become, python, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=HERE.parents[3],
        env={"TMPDIR": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    output, _ = await user.communicate()
    assert user.returncode == 0, output.decode()[-4000:]
    return output.decode()


# --- looking from outside -------------------------------------------------------------


def _inside(pid: int) -> list[int]:
    """Answer the processes of a sandbox, as the host numbers them."""
    found = [pid]
    for parent in found:
        tasks = Path(f"/proc/{parent}/task")
        for children in tasks.glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found


def _outer_uid(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("Uid:")[2].split()[0])


def _ticks(pid: int) -> int:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


async def _all_gone(pids: list[int], *, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while any(_is_alive(pid) for pid in pids):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _traces(home: Path, zygote: Path) -> dict[str, int]:
    children = (zygote / "task" / zygote.name / "children").read_text().split()
    return {
        "handles here": len(list(Path("/proc/self/fd").iterdir())),
        "handles there": len(list((zygote / "fd").iterdir())),
        "children there": len(children),
        "mounts here": Path("/proc/self/mounts").read_text().count("chasen "),
        "mounts there": len((zygote / "mounts").read_text().splitlines()),
        "groups": len(list(_group_folders(home, "/*"))),
    }


def _memory_kb(process: Path) -> int:
    lines = (process / "status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1])


def _group_folders(home: Path, below: str) -> Iterator[Path]:
    owner = Place("0", "", home, home, "").owner
    for tier in tiers.candidates(trust=True).tiers:
        for hierarchy in tier.groups:
            for path in hierarchy.house.glob(f"{owner}.*{below}"):
                if path.is_dir():
                    yield path


def _groups(home: Path) -> set[str]:
    """Answer the labels of the groups there are."""
    return {path.name for path in _group_folders(home, "")}
