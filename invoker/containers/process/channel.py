"""The platform's end of the line to the zygote: starts it, sends orders, hears events.

What the packets say stands in ``zygote``.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .zygote import PACKET_BYTES

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    "from invoker.containers.process.zygote import main; main(int(sys.argv[2]))"
)
_SOURCES = Path(__file__).parents[3]
_FULL_PAUSE_S = 0.002
END_LIMIT_S = 5

Event = dict[str, Any]


class Channel:
    """One zygote's life.  ``hear`` gets each event, ``ended`` is called once."""

    def __init__(
        self, hear: Callable[[Event], None], ended: Callable[[], None]
    ) -> None:
        self._hear = hear
        self._ended = ended
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def open(self) -> bool:
        return self._socket is not None

    def start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    os.path.realpath(sys.executable),
                    *("-I", "-S", "-c", _PROGRAM),
                    *(str(_SOURCES), str(theirs.fileno())),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
                cwd="/",
                # An interrupt at the terminal is the platform's to answer.
                start_new_session=True,
            )
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read)

    def _read(self) -> None:
        while self._socket is not None:
            try:
                packet = self._socket.recv(PACKET_BYTES)
            except BlockingIOError:
                return
            except ConnectionError:
                packet = b""
            if not packet:
                self._hang_up()
                self._ended()
                return
            self._hear(json.loads(packet))

    async def send(self, order: Event, handles: Sequence[int] = ()) -> None:
        """Raises ConnectionError when the zygote is gone."""
        packet = json.dumps(order).encode()
        while self._socket is not None:
            try:
                socket.send_fds(self._socket, [packet], list(handles))
                return
            except BlockingIOError:
                await asyncio.sleep(_FULL_PAUSE_S)  # it is busy starting others
        raise ConnectionError("the helper process for sandboxes has ended")

    def _hang_up(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    async def close(self) -> None:
        """Hang up; the zygote ends all sandboxes, then itself."""
        self._hang_up()
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            await asyncio.to_thread(process.wait, END_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)
