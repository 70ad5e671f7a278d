"""The Python action runtime: /init and /run over HTTP, user code in this process.

Starts bare (`python3 -I -S launcher.py`) with the standard library alone and the files
beside it, which must be mounted with it: their compiled form saves half of the start.
Two ways to talk:

- the public contract: TCP port 8080 (CHASEN_PORT), logs to the real streams, and a
  sentinel line on both after each run, so it serves under any OpenWhisk;
- Chasen's own: a Unix socket (CHASEN_SOCKET), and with CHASEN_LOGS=inband the logs
  travel behind the result in the same body: `X-Chasen-Result` bytes of JSON, then
  lines `<RFC 3339 time, 30 columns> <stdout|stderr>: <text>`, joined by newlines,
  together at most `X-Chasen-Log-Limit` bytes (10 MiB).  `X-Chasen-Logs-Truncated: 1`
  says that some are lost.

Answers follow OpenWhisk's ActionLoop proxy.  What differs, on purpose: a second /init
is refused also after a failed first; a result that is not JSON is 502, not a dead
worker; a variable that an earlier run brought does not linger in a later one.

Why a parser and a loop of our own: importing http.server takes longer than the whole
start of this file, asyncio longer still.  Measured on one slow core, Python 3.11, a
hello action over the Unix socket: a warm /run costs 13 to 22 us of this process's CPU
with logs in band (16 to 28 with one printed line, 14 to 18 with sentinels), a bare
recv and sendall of the same bytes 3 us in the same run: ratio 5 to 7.  Ready 11 to 17
ms after exec, of which the bare interpreter is 7.
"""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import _signal  # type: ignore # noqa: E402 - the package around it imports enum, 5 ms
import _socket  # noqa: E402

from action import Action  # noqa: E402
from logs import InbandLogs, SentinelLogs  # noqa: E402
from server import Server  # noqa: E402

PR_SET_DUMPABLE = 4


def listen(settings: dict[str, str]) -> _socket.socket:
    """Answer a listening socket: CHASEN_SOCKET's path, or else a TCP port."""
    if path := settings.get("CHASEN_SOCKET"):
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        if os.path.exists(path):
            os.unlink(path)
        listener.bind(path)
        os.chmod(path, 0o777)  # noqa: S103 - who may reach it is the directory's affair
    else:
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", int(settings.get("CHASEN_PORT") or 8080)))  # noqa: S104
    listener.listen(128)
    return listener


def hide() -> None:
    """Keep user code's children out of this process's memory and descriptors.

    By _ctypes alone, 0.5 ms; the package around it would take 3.
    """
    try:
        from _ctypes import call_function, dlopen, dlsym

        prctl = dlsym(dlopen(None, 0), "prctl")  # type: ignore[arg-type]
        call_function(prctl, (PR_SET_DUMPABLE, 0, 0, 0, 0))
    except Exception:  # noqa: S110 - a second wall: without it seccomp is left
        pass


def _leave_no_modules() -> None:
    # User code may have modules of our files' names: ours do not stand in its way.
    sys.path.remove(HERE)
    for name in ("action", "codec", "logs", "server"):
        del sys.modules[name]


def main() -> None:
    """Listen, then prepare what user code will find, then serve."""
    names = [name for name in os.environ if name.startswith("CHASEN_")]
    settings = {name: os.environ.pop(name) for name in names}
    listener = listen(settings)
    for number in (_signal.SIGTERM, _signal.SIGINT):
        _signal.signal(number, lambda number, _: os._exit(128 + number))
    hide()
    sys.dont_write_bytecode = True  # the folder does not outlive us
    if sys.flags.no_site:
        import builtins
        from _sitebuiltins import Quitter

        builtins.exit, builtins.quit = Quitter("exit", ""), Quitter("quit", "")
    _leave_no_modules()
    packages = settings.get("CHASEN_PACKAGES", "")
    sys.path.extend(path for path in packages.split(":") if path)
    logs = InbandLogs() if settings.get("CHASEN_LOGS") == "inband" else SentinelLogs()
    action = Action(os.path.abspath(settings.get("CHASEN_ACTION_DIR") or "/action"))
    Server(listener, action, logs).serve()


if __name__ == "__main__":
    main()
