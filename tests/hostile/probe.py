"""What hostile code can do inside a container or sandbox: sixty attempts.

One file for the standard library alone.  As an action, ``main`` answers
``{name: outcome}``; as a program it prints that.  An outcome is "ok", the name of an
error number, or a word; figures are put into classes, so that golden files compare
byte for byte.  Numbers of system calls are those of x86_64.
"""

import ctypes
import errno
import os
import resource
import signal
import socket
import sys
import threading
import time

MEMORY_MB = 128  # what the container was given
libc = ctypes.CDLL(None, use_errno=True)
ATTEMPTS = {}


def attempt(function):
    ATTEMPTS[function.__name__] = function
    return function


def name_of(error):
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def syscall(number, *words):
    result = libc.syscall(number, *[ctypes.c_long(word) for word in words])
    if result >= 0:
        return "ok"
    return errno.errorcode[ctypes.get_errno()]


def status(field, path="/proc/self/status"):
    with open(path) as file:
        for line in file:
            if line.startswith(field + ":"):
                return line.split(":", 1)[1].strip()
    return "absent"


def writing(path):
    def write():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.write(handle, b"x")
        finally:
            os.close(handle)
        return "ok"

    return write


def reading(path):
    def read():
        if os.path.isdir(path):
            return f"{len(os.listdir(path))} entries"
        with open(path, "rb") as file:
            return f"read {min(len(file.read(10)), 1)}"

    return read


def in_child(function, limit_s=10):
    """Answer the outcome of a function in a process of its own."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receive)
        try:
            outcome = function()
        except OSError as error:
            outcome = name_of(error)
        except BaseException as error:
            outcome = type(error).__name__
        os.write(send, outcome.encode())
        os._exit(0)
    os.close(send)
    threading.Timer(limit_s, lambda: os.kill(pid, signal.SIGKILL)).start()
    outcome = os.read(receive, 200).decode()
    os.close(receive)
    _, ended = os.waitpid(pid, 0)
    return outcome or f"killed by {os.WTERMSIG(ended)}"


# --- identity -------------------------------------------------------------------------


@attempt
def uid_is_zero():
    return str(0 in os.getresuid() + os.getresgid())


@attempt
def groups():
    return str(len(os.getgroups()))


@attempt
def capabilities():
    found = {
        status(name).strip("0") for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")
    }
    return "none" if found == {""} else str(sorted(found))


@attempt
def no_new_privileges():
    return status("NoNewPrivs")


@attempt
def seccomp():
    return status("Seccomp")


@attempt
def become_root():
    os.setresuid(0, 0, 0)
    return "ok"


# --- files ----------------------------------------------------------------------------

for label, path in (
    ("write_root", "/probe"),
    ("write_usr", "/usr/probe"),
    ("write_etc", "/etc/passwd"),
    ("write_dev", "/dev/probe"),
    ("write_proc_sys", "/proc/sys/kernel/hostname"),
    ("write_core_pattern", "/proc/sys/kernel/core_pattern"),
    ("write_sysrq", "/proc/sysrq-trigger"),
):
    ATTEMPTS[label] = writing(path)

for label, path in (
    ("read_shadow", "/etc/shadow"),
    ("read_ssh_keys", "/root/.ssh"),
    ("read_docker_socket", "/var/run/docker.sock"),
    ("read_containerd", "/run/containerd"),
    ("read_kernel_memory", "/proc/kcore"),
    ("read_sys", "/sys/kernel"),
    ("read_cgroups", "/sys/fs/cgroup"),
):
    ATTEMPTS[label] = reading(path)


@attempt
def mount():
    return syscall(165, 0, 0, 0, 0, 0)


@attempt
def chroot():
    os.chroot("/tmp")
    return "ok"


@attempt
def make_device():
    os.mknod("/tmp/probe-device", 0o600 | 0o020000, os.makedev(1, 1))
    return "ok"


@attempt
def setuid_file():
    """Harmless where it belongs to nobody special; the mount must say nosuid."""
    flags = [os.statvfs(path).f_flag & os.ST_NOSUID for path in ("/tmp", "/action")]
    return "ignored" if all(flags) else "honoured"


# --- kernel ---------------------------------------------------------------------------

for label, words in (
    ("unshare_user", (272, 0x10000000)),
    ("clone_user", (56, 0x10000000 | 17, 0, 0, 0, 0)),
    ("clone3", (435, 0, 0)),
    ("setns", (308, 0, 0)),
    ("io_uring", (425, 1, 0)),
    ("bpf", (321, 0, 0, 0)),
    ("perf", (298, 0, 0, -1, -1, 0)),
    ("userfaultfd", (323, 0)),
    ("keyctl", (250, 0, 0)),
    ("open_by_handle", (304, 0, 0, 0)),
    ("kexec", (246, 0, 0, 0, 0)),
    ("load_module", (175, 0, 0, 0)),
    ("personality", (135, 0x0040000)),
    ("kernel_log", (103, 3, 0, 0)),
    ("x32_getpid", (0x40000000 + 39,)),
    ("a_later_call", (470,)),
):
    ATTEMPTS[label] = lambda words=words: syscall(*words)


# --- processes ------------------------------------------------------------------------


@attempt
def foreign_processes():
    numbers = [name for name in os.listdir("/proc") if name.isdigit()]
    ours = 0
    for number in numbers:
        try:
            ours += status("NSpid", f"/proc/{number}/status").split()[-1] == number
        except OSError:
            pass
    first = "ours" if "1" in numbers else "not"
    return f"{len(numbers) - ours} beside ours, first is {first}"


@attempt
def kill_the_launcher():
    def strike():
        os.kill(1, signal.SIGKILL)
        time.sleep(0.1)
        return "it survives"

    return in_child(strike)


@attempt
def trace_the_launcher():
    return in_child(lambda: syscall(101, 16, 1, 0, 0))


@attempt
def launcher_memory():
    return in_child(reading("/proc/1/mem"))


@attempt
def launcher_environment():
    return in_child(reading("/proc/1/environ"))


@attempt
def launcher_descriptors():
    return in_child(lambda: os.readlink("/proc/1/fd/0"))


@attempt
def nicer_than_allowed():
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    return "ok"


@attempt
def real_time():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return "ok"


@attempt
def raise_a_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
    except ValueError:
        return "EPERM"
    return "ok"


# --- network --------------------------------------------------------------------------

for label, family in (
    ("raw_socket", (socket.AF_INET, socket.SOCK_RAW, 1)),
    ("packet_socket", (socket.AF_PACKET, socket.SOCK_RAW)),
    ("vsock", (socket.AF_VSOCK, socket.SOCK_STREAM)),
    ("netlink_audit", (socket.AF_NETLINK, socket.SOCK_RAW, 9)),
    ("netlink_route", (socket.AF_NETLINK, socket.SOCK_RAW, 0)),
    ("bluetooth", (31, socket.SOCK_RAW)),
):
    ATTEMPTS[label] = lambda family=family: socket.socket(*family).close() or "ok"


@attempt
def bind_80():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 80))
    return "ok"


# --- resources ------------------------------------------------------------------------


@attempt
def processes():
    def bomb():
        children = []
        outcome = "no limit"
        try:
            while len(children) < 2000:
                pid = os.fork()
                if pid == 0:
                    time.sleep(30)
                    os._exit(0)
                children.append(pid)
        except OSError as error:
            outcome = f"{name_of(error)} below {'65' if len(children) < 65 else 'more'}"
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)
        return outcome

    return in_child(bomb, 30)


@attempt
def memory():
    def hoard():
        blocks = []
        while len(blocks) * 8 < MEMORY_MB * 4:
            blocks.append(bytearray(b"x" * (8 << 20)))
        return "no limit"

    return in_child(hoard, 30)


@attempt
def temporary_space():
    return fill("/tmp/probe-big", 64)


@attempt
def shared_memory_space():
    return fill("/dev/shm/probe-big", 64)


def fill(path, limit_mib):
    size = 0
    try:
        with open(path, "wb", buffering=0) as file:
            while size < 1 << 30:
                size += file.write(bytes(1 << 20))
    except OSError as error:
        within = "within" if size >> 20 <= limit_mib else "beyond"
        return f"{name_of(error)} {within} {limit_mib} MiB"
    finally:
        if os.path.exists(path):
            os.unlink(path)
    return "no limit"


@attempt
def temporary_files():
    names = []
    try:
        while len(names) < 100_000:
            names.append(f"/tmp/probe-{len(names)}")
            os.close(os.open(names[-1], os.O_CREAT | os.O_WRONLY))
    except OSError as error:
        return f"{name_of(error)} below 20000: {len(names) < 20_000}"
    finally:
        for name in names:
            if os.path.exists(name):
                os.unlink(name)
    return "no limit"


@attempt
def open_files():
    handles = []
    try:
        while len(handles) < 100_000:
            handles.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        return f"{name_of(error)} below 1025: {len(handles) < 1025}"
    finally:
        for handle in handles:
            os.close(handle)
    return "no limit"


# --- platform -------------------------------------------------------------------------


@attempt
def executable_in_tmp():
    with open("/tmp/probe-script", "w") as file:
        file.write("#!/bin/sh\n")
    os.chmod("/tmp/probe-script", 0o755)
    return in_child(lambda: os.execv("/tmp/probe-script", ["x"]))


@attempt
def keys_in_the_environment():
    known = {"PATH", "HOME", "LANG", "TMPDIR"}
    return str(sorted(x for x in os.environ if x not in known and x[:5] != "__OW_"))


def main(args):
    outcomes = {}
    for name, function in ATTEMPTS.items():
        try:
            outcomes[name] = str(function())
        except OSError as error:
            outcomes[name] = name_of(error)
        except Exception as error:
            outcomes[name] = type(error).__name__
    return outcomes


if __name__ == "__main__":
    import json

    json.dump(main({}), sys.stdout, indent=1)
