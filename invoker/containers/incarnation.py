"""Who is alive: one locked file per life of an invoker, asked by the reaper.

What lives here: taking, probing and clearing locks below ``<socket_dir>/locks``.  A
lock ends with the process that holds it, however that ended, and is seen through a
bind mount by another container of the same machine.  What does not live here: what
is done to the containers of the dead (``invoker/reaper.py``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from pathlib import Path

from chasen.errors import BadInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)


def is_incarnation(name: str) -> bool:
    """Answer whether this may be a file name of ours; labels can be anybody's."""
    return _NAME.fullmatch(name) is not None


class IncarnationLock:
    """Held from ``take`` to ``release``, or until the process ends."""

    def __init__(self, folder: Path, incarnation: str) -> None:
        if not is_incarnation(incarnation):
            raise BadInput(f"{incarnation!r} cannot name an incarnation.")
        self._path = folder / f"{incarnation}.lock"
        self._descriptor = -1

    def take(self) -> None:
        """Raises BadInput when another living process has this incarnation."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if is_held(self._path):
            raise BadInput(
                f"{self._path} is held: another process uses this incarnation."
            )
        # Locked before it gets its name: the reaper never sees it unlocked.
        draft = self._path.with_suffix(f".{os.getpid()}.new")
        self._descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())
        draft.rename(self._path)

    def release(self) -> None:
        if self._descriptor < 0:
            return
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1


def is_held(path: Path) -> bool:
    """Answer whether a living process holds the lock in this file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def is_alive(folder: Path, incarnation: str) -> bool:
    return is_incarnation(incarnation) and is_held(folder / f"{incarnation}.lock")


def living(folder: Path) -> set[str]:
    """Answer the incarnations whose locks are held."""
    return {path.stem for path in folder.glob("*.lock") if is_held(path)}


def clear(folder: Path, incarnation: str) -> None:
    """Forget the lock file of a dead life."""
    with contextlib.suppress(OSError):
        (folder / f"{incarnation}.lock").unlink(missing_ok=True)
