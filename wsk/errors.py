"""What can go wrong, as one error with a sentence and an exit code.

    WskError                 a sentence for stderr, an exit code, perhaps the usage line
    +- ApplicationError      the action answered with an error: its JSON is the message
    +- Interrupted           Ctrl-C while waiting

Printing them is `__main__`'s; turning HTTP answers into them is `client`'s.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GENERAL = 1
MISUSE = 2
NETWORK = 3
REFUSED = 149
TIMED_OUT = 202
APPLICATION_ERROR = 246
INTERRUPTED = 130

USAGE_LINE = "Run 'wsk --help' for usage."


class WskError(Exception):
    """A sentence for the user and the code to leave with."""

    def __init__(
        self,
        message: str,
        exit_code: int = GENERAL,
        *,
        usage: bool = False,
        status: int | None = None,
        code: str | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.usage = usage
        self.status = status
        self.code = code
        self.hint = hint

    def within(self, prefix: str, *, usage: bool = False) -> "WskError":
        """Add what was being done; the inner exit code wins."""
        if self.exit_code:  # a dry run shows a request, nothing went wrong
            self.message = prefix + self.message
        self.usage = self.usage or usage
        return self


class ApplicationError(WskError):
    """The action ran and reported an error: HTTP 502 without a `code`."""

    def __init__(self, body: Any) -> None:
        fields = body if isinstance(body, dict) else {}
        if "error" not in fields and isinstance(fields.get("response"), dict):
            result = fields["response"].get("result")  # a whole record
            fields = result if isinstance(result, dict) else {}
        text = fields.get("error")
        sentence = text if isinstance(text, str) else "The action reported an error."
        super().__init__(sentence, APPLICATION_ERROR, status=502)
        self.body = body


class Interrupted(WskError):
    """Ctrl-C during a wait; the command may print a last word."""

    def __init__(self, message: str = "", exit_code: int = INTERRUPTED) -> None:
        super().__init__(message, exit_code)


def arguments_error(text: str, exit_code: int = GENERAL) -> WskError:
    return WskError(f"Invalid argument(s). {text}", exit_code, usage=True)


@contextmanager
def doing(prefix: str, *, usage: bool = False) -> Iterator[None]:
    """Prefix every error inside with what was being tried."""
    try:
        yield
    except Interrupted:
        raise
    except WskError as error:
        raise error.within(prefix, usage=usage) from error.__cause__


def _terminate(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end what is inside as Ctrl-C does, so that it cleans up."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
