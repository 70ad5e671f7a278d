"""Landlock: rules by path, and no signals or abstract sockets out of the sandbox.

The only wall around files where there are no user namespaces, and a second one where
there are.  Source: Documentation/userspace-api/landlock.rst of the Linux kernel.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

from . import linux

_VERSION_QUESTION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2


def version() -> int:
    """Answer the kernel's Landlock version, 0 if it has none."""
    try:
        return linux.syscall("landlock_create_ruleset", 0, 0, _VERSION_QUESTION)
    except OSError:
        return 0


def restrict(readable: Iterable[str] | None, writable: Iterable[str] = ()) -> None:
    """Lock this process and its children in; needs no_new_privs.

    ``readable`` None leaves files alone.  Paths that do not exist are skipped.
    """
    known = version()
    files = 0 if readable is None else _file_rights(known)
    scoped = _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS if known >= 6 else 0
    if not files and not scoped:
        return
    attributes = (ctypes.c_uint64 * 3)(files, 0, scoped)
    size = 24 if known >= 6 else 8
    rules = linux.syscall("landlock_create_ruleset", ctypes.byref(attributes), size, 0)
    for path in readable or ():
        _allow(rules, path, _READ & files)
    for path in writable:
        _allow(rules, path, files)
    linux.syscall("landlock_restrict_self", rules, 0)
    os.close(rules)


def _file_rights(known: int) -> int:
    rights = (1 << 13) - 1
    for since, bit in ((2, 13), (3, 14), (5, 15)):
        if known >= since:
            rights |= 1 << bit
    return rights


def _allow(rules: int, path: str, rights: int) -> None:
    class Rule(ctypes.Structure):
        _pack_ = 1
        _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))

    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not stat.S_ISDIR(os.fstat(handle).st_mode):
        rights &= _OF_FILES
    rule = Rule(rights, handle)
    linux.syscall("landlock_add_rule", rules, _PATH_BENEATH, ctypes.byref(rule), 0)
    os.close(handle)
