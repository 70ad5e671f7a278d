"""The filter's decisions, by a small machine that runs it; and both filters agree."""

from __future__ import annotations

import errno
import struct

import pytest

from invoker.containers.process import seccomp
from runtimes import seccomp_profile

ALLOW = "allow"
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMNS = {"x86_64": 0, "aarch64": 1}
SOCKET = {"x86_64": 41, "aarch64": 198}
CLONE = {"x86_64": 56, "aarch64": 220}
GETPID = {"x86_64": 39, "aarch64": 172}
WRITE = {"x86_64": 1, "aarch64": 64}

machines = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])


def decide(machine: str, number: int, *words: int, architecture: int = 0) -> str | int:
    """Answer "allow", or the number of the error."""
    data = struct.pack(
        "=IIQ6Q",
        *(number, architecture or ARCHITECTURES[machine], 0),
        *(*words, *([0] * (6 - len(words)))),
    )
    lines = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    at, held = 0, 0
    while True:
        code, yes, no, value = lines[at]
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += yes if held == value else no
            case 0x25:
                at += yes if held > value else no
            case 0x35:
                at += yes if held >= value else no
            case 0x45:
                at += yes if held & value else no
            case 0x06:
                return ALLOW if value == 0x7FFF0000 else value & 0xFFFF
            case _:
                raise AssertionError(f"an unknown line: {code:#x}")


@machines
def test_each_denied_call_is_an_eperm_and_its_neighbours_are_not(machine: str) -> None:
    denied = {numbers[COLUMNS[machine]] for numbers in seccomp.DENIED.values()}
    conditional = set(seccomp._CONDITIONAL[machine].values()) | {435}

    for number in range(seccomp.LAST_KNOWN + 1):
        if number in conditional:
            continue
        expected = errno.EPERM if number in denied else ALLOW
        assert decide(machine, number) == expected, number


@machines
def test_what_came_after_us_does_not_exist(machine: str) -> None:
    for number in (seccomp.LAST_KNOWN + 1, 999, 0x3FFFFFFF, 435):
        assert decide(machine, number) == errno.ENOSYS


@machines
def test_calls_of_another_architecture_are_refused(machine: str) -> None:
    i386 = 0x40000003

    assert decide(machine, GETPID[machine], architecture=i386) == errno.EPERM
    if machine == "x86_64":
        assert decide(machine, 0x40000000 + GETPID[machine]) == errno.EPERM


@machines
def test_sockets_are_local_or_of_the_internet(machine: str) -> None:
    for family in range(50):
        found = decide(machine, SOCKET[machine], family, 1, 0)
        assert found == (ALLOW if family in (1, 2, 10, 16) else errno.EPERM), family
    assert decide(machine, SOCKET[machine], 16, 3, 9) == errno.EPERM


@machines
def test_cloning_makes_threads_and_children_but_no_namespaces(machine: str) -> None:
    threads, vfork = 0x003D0F00, 0x00004111

    assert decide(machine, CLONE[machine], threads) == ALLOW
    assert decide(machine, CLONE[machine], vfork) == ALLOW
    for bit in (17, 25, 26, 27, 28, 29, 30):
        assert decide(machine, CLONE[machine], 1 << bit | 17) == errno.EPERM, bit


@machines
def test_a_program_fits_the_kernel(machine: str) -> None:
    assert len(seccomp.program(machine)) // 8 < 4096
    assert decide(machine, WRITE[machine]) == ALLOW


def test_the_images_profile_denies_the_same_calls() -> None:
    allowed = {
        name
        for rule in seccomp_profile()["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("args")
        for name in rule["names"]
    }

    assert allowed & set(seccomp.DENIED) == set()
