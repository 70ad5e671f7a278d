"""Every knob of the house: its name, unit, default and sentence, once.

``docs/operating.md`` shows this table; a test compares the two.  Only ``__main__``
files read the environment and pass it to ``Settings.from_environment``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chasen.errors import ChasenError


@dataclass(frozen=True, slots=True)
class Knob:
    """``CHASEN_<NAME>``; ``kind`` is how the text is read."""

    name: str
    default: str
    kind: str
    sentence: str

    @property
    def variable(self) -> str:
        return f"CHASEN_{self.name}"


KNOBS = (
    Knob(
        "STORE_URL",
        "sqlite:{state}/chasen.db",
        "text",
        "Where entities and records live: sqlite:PATH or couchdb://USER@HOST:PORT/PREFIX.",
    ),
    Knob(
        "STORE_PASSWORD_FILE",
        "",
        "path",
        "A file with the store's password, so that it stands in no address.",
    ),
    Knob(
        "BUS_URL",
        "memory:{state}/bus.db",
        "text",
        "What carries activations: memory:PATH (one process) or kafka://HOST:PORT.",
    ),
    Knob(
        "CONTAINERS_URL",
        "process:",
        "text",
        "Where actions run: process: or docker:///var/run/docker.sock.",
    ),
    Knob(
        "STATE_DIR",
        "./data",
        "path",
        "Where this process keeps its files: store, journal, keys.",
    ),
    Knob(
        "SOCKET_DIR",
        "{state}/sockets",
        "path",
        "Where the sockets of action containers lie; the same path for the engine.",
    ),
    Knob(
        "KEY_FILE",
        "{state}/keys/server.key",
        "path",
        "The server key that seals stored keys; made at first start, mode 0600.",
    ),
    Knob("LISTEN", "127.0.0.1:3233", "address", "Where the public API listens."),
    Knob(
        "OPERATOR_LISTEN",
        "127.0.0.1:3234",
        "address",
        "Where /live, /ready, /metrics and /invokers are served.",
    ),
    Knob(
        "API_HOST",
        "",
        "text",
        "The URL that actions see as __OW_API_HOST; empty: made from LISTEN.",
    ),
    Knob(
        "WEB_HOST",
        "",
        "text",
        "Another host name, for web actions alone: pages under it are not sandboxed.",
    ),
    Knob("CONTROLLER_ID", "0", "text", "The name of this controller, unique."),
    Knob(
        "CONTROLLERS",
        "1",
        "number",
        "How many controllers share the invokers and the throttles.",
    ),
    Knob("INVOKER_ID", "0", "number", "The number of this invoker, unique and dense."),
    Knob(
        "USER_MEMORY_MB",
        "2048",
        "number",
        "Memory in MB that an invoker may give to action containers.",
    ),
    Knob(
        "RUNTIMES",
        "",
        "path",
        "A file with the kinds of this house, in OpenWhisk's shape; empty: ours.",
    ),
    Knob(
        "STEM_CELLS",
        "",
        "text",
        "How many started containers each kind keeps ready; empty: as in the manifest.",
    ),
    Knob(
        "PAUSE_GRACE_S",
        "",
        "seconds",
        "How long a container rests before it is paused; empty: 0.05 with the freezer,"
        " else 10.",
    ),
    Knob("IDLE_TIMEOUT_S", "600", "seconds", "How long an unused container is kept."),
    Knob(
        "ACTIVATION_RETENTION",
        "7",
        "days",
        "How many days activation records are kept; 0 keeps them for ever.",
    ),
    Knob(
        "DURABLE",
        "false",
        "flag",
        "Also survive a power cut: every journal line and transaction is synced.",
    ),
    Knob(
        "BLACKBOX",
        "compatible",
        "text",
        "Images of users: off, compatible (their own user, writable) or strict.",
    ),
    Knob(
        "ACTION_NETWORK",
        "chasen-actions",
        "text",
        "The network of action containers; none closes it.",
    ),
    Knob(
        "ACTION_SUBNET", "10.88.0.0/16", "text", "The addresses of the action network."
    ),
    Knob(
        "EGRESS_ALLOW",
        "",
        "text",
        "Private addresses that actions may reach, as CIDRs with commas.",
    ),
    Knob(
        "SANDBOX_TRUST",
        "false",
        "flag",
        "Run process sandboxes even where nothing can be isolated.",
    ),
    Knob(
        "LOG_FORMAT", "auto", "text", "json, console, or auto (console on a terminal)."
    ),
    Knob("LOG_LEVEL", "INFO", "text", "DEBUG, INFO, WARNING or ERROR."),
    Knob("FAULTS", "", "text", "Crash points for tests, as in I5:kill@3."),
)

_BY_NAME = {knob.name: knob for knob in KNOBS}


class BadSettings(ChasenError):
    """Holds all faults at once, one a line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs as they stand, by lower-case name."""

    values: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None

    def with_values(self, **values: Any) -> Settings:
        return Settings({**self.values, **values})

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Answer the settings in the environment.

        Raises:
            BadSettings: naming every variable that is unknown or cannot be read.
        """
        given = {
            key.removeprefix("CHASEN_"): text
            for key, text in environment.items()
            if key.startswith("CHASEN_")
        }
        faults = [
            f"CHASEN_{name} is not a setting. Remove it, or correct its name."
            for name in given
            if name not in _BY_NAME and not name.startswith(_OF_OTHERS)
        ]
        state = given.get("STATE_DIR") or _BY_NAME["STATE_DIR"].default
        values: dict[str, Any] = {}
        for knob in KNOBS:
            text = given.get(knob.name, knob.default).replace("{state}", state)
            try:
                values[knob.name.lower()] = _READERS[knob.kind](text)
            except ValueError:
                faults.append(f"{knob.variable}={text!r} is not a {knob.kind}.")
        if faults:
            raise BadSettings("\n".join(faults))
        return cls(values)

    @property
    def public_api_host(self) -> str:
        """Answer the URL that actions use."""
        if self.values["api_host"]:
            return self.values["api_host"]
        host, port = self.values["listen"]
        return f"http://{host}:{port}"

    def store_password(self) -> str | None:
        path: Path | None = self.values["store_password_file"]
        return path.read_text().strip() if path else None


# Read by scripts and tests of the house, not by its programs.
_OF_OTHERS = ("TEST_", "STACK_", "BENCH_", "CACHE", "HTTP_PORT", "TLS_")


def _flag(text: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False, "": False}[
            text.lower()
        ]
    except KeyError:
        raise ValueError(text) from None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not 0 <= int(port) <= 65535:
        raise ValueError(text)
    return host, int(port)


def _seconds(text: str) -> float | None:
    return float(text) if text else None


_READERS = {
    "text": str,
    "path": lambda text: Path(os.path.abspath(text)) if text else None,
    "address": _address,
    "number": int,
    "seconds": _seconds,
    "days": float,
    "flag": _flag,
}
