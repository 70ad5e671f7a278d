"""Everything that is printed: formats, colours, harmless control characters.

Text for pipes is a contract and never changes with the terminal; what is pleasant
(colour, hints, warnings) appears on a terminal only. What an entity looks like is
`entities` and `lists`.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from wsk import jsontext

# everything a terminal would act on, but our own few colours
_CONTROL = re.compile(
    r"\x1b(?!\[(?:0|1|2|31|32|33|36)m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]"
)
STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def harmless(text: str) -> str:
    """Show control characters instead of sending them to the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def wants_colour(choice: str, stream: TextIO, environ: Mapping[str, str]) -> bool:
    """--color, then NO_COLOR, CLICOLOR_FORCE, then what the stream is."""
    if choice in ("always", "never"):
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("CLICOLOR_FORCE") == "1":
        return True
    return stream.isatty() and environ.get("TERM", "") not in ("dumb", "")


class Output:
    """The two streams, and the format that was asked for."""

    def __init__(
        self,
        *,
        output: str = "text",
        quiet: bool = False,
        color: str = "auto",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.format = output
        self.quiet = quiet
        self.is_terminal = sys.stdout.isatty()
        self.errors_seen = sys.stderr.isatty()
        self._colour = wants_colour(color, sys.stdout, environ)
        self._error_colour = wants_colour(color, sys.stderr, environ)

    @property
    def structured(self) -> bool:
        """Is stdout one document for a program?"""
        return self.format in ("json", "yaml")

    @property
    def is_text(self) -> bool:
        return self.format in ("text", "wide")

    def style(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self._colour else text

    def bold(self, text: str) -> str:
        return self.style(text, "bold")

    def line(self, text: str = "") -> None:
        """One line, or several, on stdout."""
        self._write(sys.stdout, text, self.is_terminal)

    def error_line(self, text: str) -> None:
        sys.stdout.flush()
        self._write(sys.stderr, text, self.errors_seen)

    def _write(self, stream: TextIO, text: str, terminal: bool) -> None:
        if terminal:
            text = harmless(text)
        data = (text + "\n").encode("utf-8", "replace")
        stream.flush()
        raw = getattr(stream, "buffer", None)
        if raw is None:
            stream.write(data.decode("utf-8"))
        else:
            # bytes, so that the locale cannot make a letter unprintable
            raw.write(data)
        stream.flush()

    def ok(self, text: str) -> None:
        if self.is_text and not self.quiet:
            self.line(f"{self.style('ok:', 'green')} {text}")

    def json(self, value: Any) -> None:
        """A payload that the client does not model: keys sorted."""
        self.document(value) if self.structured else self.line(jsontext.pretty(value))

    def modelled(self, value: Any, original: Any) -> None:
        """An entity: text has a fixed order of keys, documents have all of them."""
        if self.structured:
            self.document(original)
        elif self.format == "name":
            self.line(full_name(original))
        else:
            self.line(jsontext.pretty(value, sort=False))

    def document(self, value: Any) -> None:
        """The one document of a structured format."""
        if self.format == "yaml":
            from wsk import yamltext

            self.line(yamltext.dumps(value).rstrip("\n"))
        else:
            self.line(jsontext.pretty(value))

    def done(self, text: str, entity: Any = None) -> None:
        """A change succeeded: `ok: ...`, or the entity for programs."""
        if self.structured:
            self.document(entity)
        elif self.format == "name":
            self.line(full_name(entity))
        else:
            self.ok(text)

    def hint(self, text: str) -> None:
        if self.errors_seen and self.is_text:
            self.error_line(self._error_style(f"hint: {text}", "dim"))

    def warn(self, text: str) -> None:
        if self.errors_seen:
            self.warn_always(text)

    def warn_always(self, text: str) -> None:
        self.error_line(f"{self._error_style('warning:', 'yellow')} {text}")

    def _error_style(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self._error_colour else text

    def error(self, text: str) -> None:
        self.error_line(f"{self._error_style('error:', 'red')} {text}")

    def names(self, entities: Iterable[Any]) -> None:
        for entity in entities:
            self.line(full_name(entity))


def full_name(entity: Any) -> str:
    """`/ns/pkg/name` of an entity; the id of an activation."""
    if not isinstance(entity, dict):
        return "" if entity is None else str(entity)
    if "activationId" in entity:
        return str(entity["activationId"])
    return f"/{entity.get('namespace', '_')}/{entity.get('name', '')}"
