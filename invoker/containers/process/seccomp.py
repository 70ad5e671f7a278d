"""The system call filter of a sandbox: what is denied, as a BPF program.

Docker's default list denies by leaving out; here the calls up to ``LAST_KNOWN`` are
allowed but for those named, and later ones do not exist (ENOSYS), so that a new kernel
adds nothing.  A denial is EPERM, never a kill: errors of actions stay readable.
Source: Docker's default profile, less what it still allows and no action needs.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence

LAST_KNOWN = 456  # futex_requeue, Linux 6.7

# name: (number on x86_64, number on aarch64 or None)
DENIED: dict[str, tuple[int, int | None]] = {
    # the way to the kernel that no filter sees
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # other processes' memory and descriptors
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # files that no path leads to
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "lookup_dcookie": (212, 18),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    # mounts, roots and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "unshare": (272, 97),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    # keys are shared by all processes of a user
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # deep kernel surface
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
    "memfd_secret": (447, 447),
    "modify_ldt": (154, None),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "get_mempolicy": (239, 236),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "set_mempolicy_home_node": (450, 450),
    # the machine itself
    "acct": (163, 89),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "vhangup": (153, 58),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, None),
    "ioperm": (173, None),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    # remains that answer ENOSYS on most kernels
    "create_module": (174, None),
    "get_kernel_syms": (177, None),
    "query_module": (178, None),
    "nfsservctl": (180, 42),
    "getpmsg": (181, None),
    "putpmsg": (182, None),
    "afs_syscall": (183, None),
    "tuxcall": (184, None),
    "security": (185, None),
    "vserver": (236, None),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
}
# Calls that depend on an argument; clone3 hides its flags behind a pointer.
_CONDITIONAL = {
    "x86_64": {
        "socket": 41,
        "socketpair": 53,
        "clone": 56,
        "personality": 135,
        "ioctl": 16,
    },
    "aarch64": {
        "socket": 198,
        "socketpair": 199,
        "clone": 220,
        "personality": 92,
        "ioctl": 29,
    },
}
_CLONE3 = 435
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK, _NETLINK_ROUTE = 1, 2, 10, 16, 0
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

_LOAD, _EQUAL, _GREATER, _AT_LEAST, _ANY_BIT = 0x20, 0x15, 0x25, 0x35, 0x45
_RETURN = 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000

Line = tuple[int, int, int, int]


def program(machine: str) -> bytes:
    """Answer the filter for a machine's system calls."""
    column = 0 if machine == "x86_64" else 1
    denied = sorted(
        number for numbers in DENIED.values() if (number := numbers[column]) is not None
    )
    lines = [
        _load(_ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        _deny(errno.EPERM),
        _load(_NUMBER),
        (_GREATER, 0, 1, LAST_KNOWN),
        _deny(errno.ENOSYS),
        (_EQUAL, 0, 1, _CLONE3),
        _deny(errno.ENOSYS),
    ]
    if machine == "x86_64":
        # x32 calls carry a bit of their own; they must not pass as unknown ones.
        lines[4:4] = [(_AT_LEAST, 0, 1, _X32), _deny(errno.EPERM)]
    for name, number in _CONDITIONAL[machine].items():
        block = _CHECKS[name]
        lines += [(_EQUAL, 0, len(block), number), *block]
    for first, last in _ranges(denied):
        lines += [
            (_AT_LEAST, 1, 0, first),
            _allow(),
            (_GREATER, 1, 0, last),
            _deny(errno.EPERM),
        ]
    lines.append(_allow())
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _load(offset: int) -> Line:
    return (_LOAD, 0, 0, offset)


def _argument(index: int) -> Line:
    return _load(16 + 8 * index)  # its lower half, on little-endian machines


def _deny(number: int) -> Line:
    return (_RETURN, 0, 0, _ERRNO | number)


def _allow() -> Line:
    return (_RETURN, 0, 0, _ALLOW)


def _one_of(values: Sequence[int]) -> list[Line]:
    lines: list[Line] = []
    for value in values:
        lines += [(_EQUAL, 0, 1, value), _allow()]
    return lines


_CHECKS: dict[str, list[Line]] = {
    "socket": [
        _argument(0),
        *_one_of((_AF_UNIX, _AF_INET, _AF_INET6)),
        (_EQUAL, 1, 0, _AF_NETLINK),
        _deny(errno.EPERM),
        _argument(2),
        *_one_of((_NETLINK_ROUTE,)),  # getaddrinfo asks it for the own addresses
        _deny(errno.EPERM),
    ],
    "socketpair": [_argument(0), *_one_of((_AF_UNIX,)), _deny(errno.EPERM)],
    "clone": [
        _argument(0),
        (_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        _deny(errno.EPERM),
        _allow(),
    ],
    "personality": [
        _argument(0),
        *_one_of((0, 0xFFFFFFFF)),
        _deny(errno.EPERM),
    ],
    "ioctl": [
        _argument(1),
        (_EQUAL, 1, 0, _TIOCSTI),
        (_EQUAL, 0, 1, _TIOCLINUX),
        _deny(errno.EPERM),
        _allow(),
    ],
}


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges
