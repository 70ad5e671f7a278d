"""wsk activation poll: the logs of activations as they end.

Rounds overlap: records are written a little after they end, so a window that only
moves forward loses some. What was shown is remembered by its id.
"""

import time
from typing import Any

from wsk import jsontext
from wsk.activation_list import name_filter, query
from wsk.activations import log_entry
from wsk.errors import GENERAL, Interrupted, WskError, terminable
from wsk.jsontext import integer
from wsk.session import Session

ROUND_S = 2.0
OVERLAP_MS = 5000
PAUSE_LIMIT_S = 30.0
FAILURES_LIMIT = 10


class Window:
    """Which activations to ask for next, and which were seen; no I/O."""

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self._seen: dict[str, int] = {}

    def fresh(self, rows: list[Any]) -> list[Any]:
        """Rows not seen before, oldest first; moves the window forward."""
        rows = sorted(rows, key=lambda row: integer(row.get("start")))
        new = [row for row in rows if str(row.get("activationId")) not in self._seen]
        for row in new:
            self._seen[str(row.get("activationId"))] = integer(row.get("start"))
        if new:
            newest = integer(new[-1].get("start"))
            self.since_ms = max(self.since_ms + 1, newest - OVERLAP_MS)
            floor = self.since_ms
            self._seen = {k: v for k, v in self._seen.items() if v >= floor}
        return new


def fetch(session: Session, window: Window, name: str) -> list[Any]:
    """One round's records."""
    asked = query(
        limit=0, skip=0, docs=True, name=name, since=str(window.since_ms), upto=""
    )
    return session.client.rows("_", "activations", asked, large=True)


def _start_ms(session: Session) -> int:
    """From the --since flags, or just after the newest activation."""
    call = session.call
    sizes = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
    ago_s = sum(call.number(f"since-{unit}") * size for unit, size in sizes.items())
    if ago_s:
        return int((time.time() - ago_s) * 1000)
    asked = query(limit=1, skip=0, docs=True, name="", since="", upto="")
    rows = session.client.rows("_", "activations", asked, large=True)
    if rows:
        return integer(rows[0].get("start")) + 1
    return 1


def poll(session: Session) -> int:
    """Ask every two seconds until Ctrl-C or --exit."""
    call, out = session.call, session.out
    name = name_filter(call.operands[0]) if call.operands else ""
    if out.is_text:
        out.line("Enter Ctrl-c to exit.")
        out.line("Polling for activation logs")
    try:
        with terminable():
            _rounds(session, name, call.number("exit"))
    except KeyboardInterrupt:
        text = "Poll terminated" if out.is_text else ""
        raise Interrupted(text, GENERAL) from None
    return 0


def _rounds(session: Session, name: str, exit_s: int) -> None:
    started = time.monotonic()
    window: Window | None = None
    failures, pause_s = 0, ROUND_S
    while True:
        try:
            if window is None:
                window = Window(_start_ms(session))
            for row in window.fresh(fetch(session, window, name)):
                _show(session, row)
            failures, pause_s = 0, ROUND_S
        except WskError as error:
            failures += 1
            if failures >= FAILURES_LIMIT or error.status in (400, 401, 403):
                raise
            session.out.warn(error.message)
        left_s = exit_s - (time.monotonic() - started) if exit_s else pause_s
        time.sleep(max(0.0, min(pause_s, max(left_s, ROUND_S))))
        if failures:
            pause_s = min(pause_s * 2, PAUSE_LIMIT_S)
        if exit_s and time.monotonic() - started > exit_s:
            return


def _show(session: Session, row: Any) -> None:
    out = session.out
    identifier, name = str(row.get("activationId")), str(row.get("name"))
    lines = row.get("logs") or []
    if out.structured:
        for line in lines:
            out.line(jsontext.compact(log_entry(str(line), identifier, name)))
        return
    out.line()
    out.line(f"Activation: '{out.bold(name)}' ({out.bold(identifier)})")
    out.line(jsontext.pretty(lines))
