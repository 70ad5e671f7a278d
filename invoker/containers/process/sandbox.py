"""What a new process does to itself before it becomes a launcher, in this order.

    wait for the id maps -> die with the zygote -> own user -> own /proc, /tmp, /action
    -> loopback -> no capabilities -> bounds -> no new privileges -> Landlock -> filter
    -> execute

The filter is last because it forbids most of the steps before it.  Two ways: with
namespaces (``enter``) and, where the kernel gives none, without (``enter_plain``).
Runs between clone and execute in a single-threaded process: no imports, no threads.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
from dataclasses import dataclass, field

from . import interfaces, landlock, linux, root, seccomp

TMP_BYTES = 64 << 20
TMP_INODES = 16_384
ACTION_BYTES = 512 << 20
ACTION_INODES = 65_536
OPEN_FILES = 1024  # OpenWhisk's --ulimit nofile
PROCESSES = 64
FILE_BYTES = ACTION_BYTES
MEMORY_SLACK_MB = 128  # a limit on mappings also counts what is never touched
LIKELY_OOM_VICTIM = "500"


@dataclass(frozen=True, slots=True)
class Order:
    """One sandbox, as the platform wants it."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    memory_mb: int
    pids: int = PROCESSES
    uid: int = 0  # outside; 0 where it is the platform's own
    own_users: bool = True  # a user namespace
    own_network: bool = False  # an empty one
    bounded_memory: bool = False  # by a control group; else by what one may map
    landlocked: bool = False
    readable: list[str] = field(default_factory=list)
    writable: list[str] = field(default_factory=list)
    folder: str = "/"


class Step:
    """Where we are, for the error message."""

    name = "start"


def enter(order: Order, mapped: int) -> None:
    """Build the sandbox around this process and become the launcher."""
    Step.name = "waiting for the user map"
    if os.read(mapped, 1) != b"m":
        os._exit(1)
    Step.name = "taking the user of the sandbox"
    _become_user()
    _die_with_zygote(mapped)
    Step.name = "mounting"
    _mount_own()
    Step.name = "naming"
    socket.sethostname(root.HOSTNAME)
    if order.own_network:
        Step.name = "raising the loopback interface"
        with interfaces.control() as control:
            interfaces.raise_interface("lo", control)
    _restrict(order)
    _execute(order)


def enter_plain(order: Order, mapped: int) -> None:
    """The same without namespaces: own session, Landlock if there is any."""
    Step.name = "waiting for the zygote"
    if os.read(mapped, 1) != b"m":
        os._exit(1)
    os.setsid()
    _die_with_zygote(mapped)
    _restrict(order)
    _execute(order)


def _become_user() -> None:
    try:
        os.setgroups([])
    except OSError:
        pass  # not for an ordinary user: they stay, and the files they open are gone
    os.setresgid(root.USER_ID, root.USER_ID, root.USER_ID)
    os.setresuid(root.USER_ID, root.USER_ID, root.USER_ID)
    linux.prctl(linux.PR_SET_DUMPABLE, 1)  # or our own /proc/self were not ours


def _die_with_zygote(mapped: int) -> None:
    # After the change of user, which clears it.  The pipe ends with the zygote: if
    # that happened in between, nobody will ever tell us to die.
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    readable, _, _ = select.select([mapped], [], [], 0)
    if readable:
        os._exit(1)


def _mount_own() -> None:
    quiet = linux.MS_NOSUID | linux.MS_NODEV
    data = quiet | linux.MS_NOEXEC
    owner = f"uid={root.USER_ID},gid={root.USER_ID}"
    linux.mount("proc", "/proc", "proc", data)
    _tmpfs("/tmp", data, f"mode=1777,{owner}", TMP_BYTES, TMP_INODES)  # noqa: S108
    _tmpfs(root.ACTION_FOLDER, quiet, f"mode=0755,{owner}", ACTION_BYTES, ACTION_INODES)
    _tmpfs(root.SOCKET_FOLDER, data, f"mode=0700,{owner}", 64 << 10, 8)


def _tmpfs(target: str, flags: int, options: str, size: int, inodes: int) -> None:
    options = f"{options},size={size},nr_inodes={inodes}"
    linux.mount("chasen", target, "tmpfs", flags, options)


def _restrict(order: Order) -> None:
    Step.name = "volunteering for the out-of-memory killer"
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(LIKELY_OOM_VICTIM)
    Step.name = "dropping capabilities"
    linux.drop_capabilities()
    Step.name = "setting bounds"
    _bound(order)
    Step.name = "forbidding new privileges"
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    if order.landlocked:
        Step.name = "landlock"
        landlock.restrict(order.readable or None, order.writable)
    os.chdir(order.folder)
    Step.name = "loading the system call filter"
    linux.load_filter(seccomp.program(linux.MACHINE))


def _bound(order: Order) -> None:
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NICE, 0),
        (resource.RLIMIT_RTPRIO, 0),
    ):
        _limit(kind, limit)
    if not order.bounded_memory:
        _limit(resource.RLIMIT_DATA, (order.memory_mb + MEMORY_SLACK_MB) << 20)
        if order.own_users:
            # Counted per user namespace; without one, all of the user's processes are.
            _limit(resource.RLIMIT_NPROC, order.pids)


def _limit(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(kind, (limit, limit))


def _execute(order: Order) -> None:
    Step.name = f"executing {order.argv[0]}"
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python had them ignored
    linux.close_on_exec_from(3)
    os.execve(order.argv[0], order.argv, order.environment)  # noqa: S606 - no shell
