"""Kernel calls that Python does not have, by ctypes; numbers of x86_64 and aarch64.

What they are used for stands in ``root``, ``sandbox`` and ``zygote``.
"""

from __future__ import annotations

import ctypes
import os

# PyDLL keeps the interpreter lock: a child made by clone() must not have to get it.
_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
# This one lets other threads run: a network namespace can take long to make.
_patient = ctypes.CDLL(None, use_errno=True)

MACHINE = os.uname().machine
_NUMBERS = {
    "x86_64": {"clone": 56, "pivot_root": 155, "capset": 126},
    "aarch64": {"clone": 220, "pivot_root": 41, "capset": 91},
}
_COMMON = {
    "close_range": 436,
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER = 28, 36
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
# No power by being root, by changing ids, by keeping or raising: all locked.
SECUREBITS_NOTHING = 0xEF
_CLOSE_ON_EXEC = 4
_SIGCHLD = 17
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_CAPABILITY_VERSION_3 = 0x20080522


def supported() -> bool:
    """Answer whether the numbers here fit this machine."""
    return os.uname().sysname == "Linux" and MACHINE in _NUMBERS


def syscall(name: str, *arguments: object) -> int:
    """Call by name; raises OSError."""
    number = _COMMON.get(name) or _NUMBERS[MACHINE][name]
    words = [
        ctypes.c_long(argument) if isinstance(argument, int) else argument
        for argument in arguments
    ]
    answer = _libc.syscall(ctypes.c_long(number), *words)
    if answer < 0:
        raise _error(name)
    return answer


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def clone(namespaces: int) -> int:
    """Fork into new namespaces at once; answers 0 in the child.

    Only for a process with a single thread: Python's own care after a fork is left
    out, because the child executes another program soon.
    """
    return syscall("clone", namespaces | _SIGCHLD, 0, 0, 0, 0)


def unshare(namespaces: int) -> None:
    if _patient.unshare(ctypes.c_int(namespaces)) != 0:
        raise _error("unshare")


def setns(descriptor: int, namespace: int) -> None:
    if _patient.setns(ctypes.c_int(descriptor), ctypes.c_int(namespace)) != 0:
        raise _error("setns")


def mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str = ""
) -> None:
    answer = _libc.mount(
        source.encode() if source else None,
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    if answer != 0:
        raise _error(f"mount {target}")


def unmount(target: str) -> None:
    """Detach; the mounts go when nobody is in them."""
    if _libc.umount2(target.encode(), ctypes.c_int(MNT_DETACH)) != 0:
        raise _error(f"umount {target}")


def read_only(target: str) -> None:
    """Make a mount and all below it read-only, without setuid files and devices."""
    wanted = _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV
    attributes = (ctypes.c_uint64 * 4)(wanted, 0, 0, 0)
    try:
        syscall(
            "mount_setattr",
            _AT_FDCWD,
            target.encode(),
            _AT_RECURSIVE,
            ctypes.byref(attributes),
            ctypes.sizeof(attributes),
        )
    except OSError:  # before Linux 5.12; flags that are set may not be taken away
        kept = os.statvfs(target).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
        flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | kept
        mount(None, target, None, flags)


def pivot_root_here() -> None:
    """Make the current folder, a mount, the root of all; the old root is let go."""
    syscall("pivot_root", b".", b".")
    unmount(".")
    os.chdir("/")


def prctl(option: int, second: int = 0, third: object = 0) -> None:
    word = ctypes.c_ulong(third) if isinstance(third, int) else third
    zero = ctypes.c_ulong(0)
    if _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(second), word, zero, zero) < 0:
        raise _error(f"prctl {option}")


def drop_capabilities() -> None:
    """Give up every privilege, and every way to get one back."""
    try:
        prctl(PR_SET_SECUREBITS, SECUREBITS_NOTHING)
        for capability in range(64):
            prctl(PR_CAPBSET_DROP, capability)
    except OSError:
        pass  # EPERM: there is nothing to drop; EINVAL: that was the last one
    try:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:
        pass  # before Linux 4.3 there are none
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    syscall("capset", ctypes.byref(header), ctypes.byref(nothing))


def close_on_exec_from(first: int) -> None:
    try:
        syscall("close_range", first, 0xFFFFFFFF, _CLOSE_ON_EXEC)
    except OSError:
        os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def load_filter(program: bytes) -> None:
    """Install a seccomp filter; needs no_new_privs.  ``program``: 8 bytes a line."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_void_p))

    lines = ctypes.create_string_buffer(program, len(program))
    whole = Program(len(program) // 8, ctypes.cast(lines, ctypes.c_void_p))
    prctl(PR_SET_SECCOMP, 2, ctypes.byref(whole))
