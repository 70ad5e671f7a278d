"""`wsk` as a process of its own: signals, pipes and terminals."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WSK = [sys.executable, "-m", "wsk"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **more}


def start(*words: str, **more: str) -> subprocess.Popen[str]:
    """Start with pipes; SIGINT reaches it as from a shell in front."""
    return subprocess.Popen(
        [*WSK, *words],
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def read_until(process: subprocess.Popen[str], text: str, limit_s: float = 15) -> str:
    """Read stdout until a text is there."""
    assert process.stdout is not None
    found, until = "", time.monotonic() + limit_s
    while text not in found:
        assert time.monotonic() < until, found
        if select.select([process.stdout], [], [], 0.2)[0]:
            piece = os.read(process.stdout.fileno(), 65536).decode()
            assert piece or process.poll() is None, found
            found += piece
    return found


def in_terminal(*words: str, typed: bytes = b"", **more: str) -> tuple[str, int]:
    """Run in a pseudo-terminal; everything that it showed, and the exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*WSK, *words], environment(**more))
    if typed:
        os.write(terminal, typed)
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux says EIO when the last writer is gone
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    status = os.waitpid(pid, 0)[1]
    return shown.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(status)
