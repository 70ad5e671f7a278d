"""A spinner on stderr while an answer is awaited; nothing is left behind."""

import threading
import time

from wsk.render import Output

SHOW_AFTER_S = 0.3
STEP_S = 0.1
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Spinner:
    """`with spinner:` around one request, on a terminal only."""

    def __init__(self, out: Output, what: str) -> None:
        self._what = what
        self._out = out
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._turn, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _turn(self) -> None:
        import sys

        started = time.monotonic()
        if self._stop.wait(SHOW_AFTER_S):
            return
        step = 0
        while True:
            waited = time.monotonic() - started
            frame = FRAMES[step % len(FRAMES)]
            sys.stderr.write(f"\r{frame} {self._what} {waited:.1f}s")
            sys.stderr.flush()
            step += 1
            if self._stop.wait(STEP_S):
                break
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
