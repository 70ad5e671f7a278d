"""Log lines: JSON for machines, one plain line for people.

Control characters are escaped in both, so that no value can forge a line.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "color_message",  # uvicorn's own, for terminals
}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _ORDINARY}


class JsonLines(logging.Formatter):
    """``{"time", "level", "room", "event", ...fields}``"""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "room": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class ConsoleLines(logging.Formatter):
    """``12:00:00 WARNING invoker.pool event key=value``"""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        facts = "".join(
            f" {key}={json.dumps(value, default=str)}"
            for key, value in _fields(record).items()
        )
        event = record.getMessage().encode("unicode_escape").decode()
        line = f"{time} {record.levelname} {record.name} {event}{facts}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up(*, form: str, level: str) -> None:
    """Send log lines to stderr; ``form`` is json, console or auto."""
    people = form == "console" or (form == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(ConsoleLines() if people else JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("httpx", "docker", "urllib3", "aiokafka", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
