"""Crash points: named lines at which a test lets the process die.

``CHASEN_FAULTS="I5:kill@3,C2:sleep=2"``: at the third pass of I5 the process kills
itself; every pass of C2 sleeps two seconds.  Without the setting a point costs one
dictionary look-up.
"""

from __future__ import annotations

import os
import signal
import time

_armed: dict[str, tuple[str, int]] = {}
_passes: dict[str, int] = {}


def arm(text: str) -> None:
    """Arm the points in the text; an empty text arms none."""
    _armed.clear()
    _passes.clear()
    for each in filter(None, text.split(",")):
        name, _, deed = each.partition(":")
        verb, _, count = deed.partition("@")
        _armed[name] = (verb, int(count or 0))


def point(name: str) -> None:
    """Do what is armed for this point, nothing otherwise."""
    if name in _armed:
        _strike(name)


def _strike(name: str) -> None:
    verb, wanted = _armed[name]
    _passes[name] = _passes.get(name, 0) + 1
    if wanted and _passes[name] != wanted:
        return
    if verb == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif verb == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif verb.startswith("sleep="):
        time.sleep(float(verb.removeprefix("sleep=")))
    elif verb == "raise":
        raise RuntimeError(f"fault point {name}")
