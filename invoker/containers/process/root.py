"""The file tree that sandboxes see, made once by the zygote and copied by each.

Only what a language needs is there, read-only: the system's programs and libraries,
the interpreters, our launchers, certificates.  No home, no /var, no sockets, no
keys.  What a sandbox may write to is mounted by ``sandbox``, per sandbox.
"""

from __future__ import annotations

import os
import stat

from . import linux

HOSTNAME = "sandbox"
USER_ID = 1000  # inside; outside it is another one
SOCKET_FOLDER = "/run/chasen"
ACTION_FOLDER = "/action"

_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ETC_SHARED = (
    "ssl",
    "pki",
    "ca-certificates",
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "services",
    "protocols",
)
_FILES = {
    "etc/passwd": "root:x:0:0:root:/:/usr/sbin/nologin\n"
    f"action:x:{USER_ID}:{USER_ID}:action:/tmp:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    "etc/group": f"root:x:0:\naction:x:{USER_ID}:\nnogroup:x:65534:\n",
    "etc/hosts": f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n",
    "etc/hostname": f"{HOSTNAME}\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_LINKS = {
    "dev/fd": "/proc/self/fd",
    "dev/stdin": "/proc/self/fd/0",
    "dev/stdout": "/proc/self/fd/1",
    "dev/stderr": "/proc/self/fd/2",
    # Semaphores live here; the one writable place for data is bounded.
    "dev/shm": "/tmp",  # noqa: S108 - inside the sandbox
}
# What sandboxes mount over; the host's files below are shown elsewhere.
_MOUNTED_OVER = ("/tmp/", f"{ACTION_FOLDER}/", f"{SOCKET_FOLDER}/")  # noqa: S108
_SHOWN_BELOW = "/opt/chasen"
_EMPTY = ("proc", "tmp", "action", "run/chasen", "dev", "etc", "var/tmp", "home")


def inside(path: str) -> str:
    """Answer where a sandbox sees this path of the host."""
    hidden = f"{path}/".startswith(_MOUNTED_OVER)
    return f"{_SHOWN_BELOW}{path}" if hidden else path


def enter(base: str, visible: list[str], resolv_conf: str) -> None:
    """Leave the host's file tree for the sandboxes' one; there is no way back.

    ``base`` is an empty folder to mount on.  The caller is in a mount namespace of
    its own.
    """
    linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)
    flags = linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("chasen", base, "tmpfs", flags, "mode=0755,size=4m")
    for folder in _EMPTY:
        os.makedirs(f"{base}/{folder}", exist_ok=True)
    for name in _SYSTEM:
        _share_system(base, name)
    for path in visible:
        _share(base, path)
    for name in _ETC_SHARED:
        if os.path.exists(f"/etc/{name}"):
            _share(base, f"/etc/{name}")
    for name in _DEVICES:
        _bind(f"/dev/{name}", f"{base}/dev/{name}", folder=False)
    # Hidden at once by the sandbox's own; the kernel wants to see one to give one.
    linux.mount("/proc", f"{base}/proc", None, linux.MS_BIND | linux.MS_REC)
    for name, text in {**_FILES, "etc/resolv.conf": resolv_conf}.items():
        with open(f"{base}/{name}", "w") as file:
            file.write(text)
    for name, target in _LINKS.items():
        os.symlink(target, f"{base}/{name}")
    os.chdir(base)
    linux.pivot_root_here()
    linux.mount(
        None, "/", None, linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | flags
    )


def _share_system(base: str, name: str) -> None:
    path = f"/{name}"
    if os.path.islink(path):
        os.symlink(os.readlink(path), f"{base}/{name}")
    elif os.path.isdir(path):
        _share(base, path)


def _share(base: str, path: str) -> None:
    """Show a path of the host read-only, under the same name where that works."""
    target = base + inside(path)
    if os.path.lexists(target):
        return  # it lies in a folder that is shown already
    folder = stat.S_ISDIR(os.stat(path).st_mode)
    _bind(path, target, folder=folder)
    linux.read_only(target)


def _bind(source: str, target: str, *, folder: bool) -> None:
    if folder:
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    linux.mount(source, target, None, linux.MS_BIND | linux.MS_REC)
