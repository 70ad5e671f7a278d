"""Which of the host's files a launcher needs to see."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

_SYSTEM = tuple(f"/{name}/" for name in ("usr", "bin", "sbin", "lib", "lib64"))
_PARTS = ("bin", "lib", "lib64", "libexec", "share")

# Where there is no file tree of its own, Landlock lets a sandbox read these.
READABLE_PLAIN = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ssl", "/etc/passwd"),
    *("/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives", "/proc"),
    *("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/full"),
)


def resolved(argv: Sequence[str]) -> list[str]:
    """Answer a command by its real path: links may lead through hidden folders.

    Raises:
        FileNotFoundError: the program is not installed.
    """
    found = shutil.which(argv[0])
    if found is None:
        raise FileNotFoundError(f"{argv[0]} is not installed")
    return [os.path.realpath(found), *argv[1:]]


def homes(program: str) -> list[str]:
    """Answer the folders that a program outside the system's folders needs.

    Not its whole prefix, which may be somebody's home.
    """
    path = Path(os.path.realpath(program))
    if path.parent.name != "bin":
        return [str(path)]
    prefix = path.parents[1]
    return [str(prefix / name) for name in _PARTS if (prefix / name).is_dir()]


def visible_of(argvs: Iterable[Sequence[str]]) -> list[str]:
    """Answer the paths that launchers need: interpreters, and the scripts' folders."""
    paths: list[str] = []
    for argv in argvs:
        try:
            paths += homes(resolved(argv)[0])
        except FileNotFoundError:
            continue  # create() says so when somebody wants it
        paths += [
            os.path.dirname(word)
            for word in argv[1:]
            if word.startswith("/") and os.path.isfile(word)
        ]
    return without_system(paths)


def without_system(paths: Iterable[str]) -> list[str]:
    """Leave out what every sandbox sees; outer folders come first."""
    kept = {path for path in paths if not f"{path}/".startswith(_SYSTEM)}
    return sorted(kept, key=len)


def resolv_conf(*, own_network: bool) -> str:
    """Answer how names are resolved: a stub on loopback is not for own networks."""
    paths = ["/etc/resolv.conf"]
    if own_network:
        paths.insert(0, "/run/systemd/resolve/resolv.conf")
    for path in paths:
        try:
            return Path(path).read_text()
        except OSError:
            continue
    return ""
