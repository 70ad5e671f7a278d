"""`wsk` from the first word to the exit code.

Reads the command line, builds the session, runs the command, and is the only place
that prints errors.
"""

import os
import sys
from importlib import import_module

from wsk.arguments import Call, parse
from wsk.errors import (
    GENERAL,
    INTERRUPTED,
    USAGE_LINE,
    ApplicationError,
    Interrupted,
    WskError,
)
from wsk.grammar import OUTPUTS, Command, Group
from wsk.render import Output
from wsk.session import Session


def main(argv: list[str] | None = None) -> int:
    """Run one command line; answer the exit code."""
    words = sys.argv[1:] if argv is None else argv
    try:
        if words[:1] == ["__complete"]:
            from wsk.complete import main as complete

            return complete(words[1:])
        code = _guarded(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # the reader went away, as `head` does; there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _guarded(words: list[str]) -> int:
    out = Output(color=_early_colour(words))
    path: list[str] = []
    debug = "-d" in words or "--debug" in words or bool(os.environ.get("WSK_CLI_DEBUG"))
    try:
        call = parse(words)
        path = call.path
        return _run(call, out)
    except WskError as error:
        report(error, out, path)
        return error.exit_code
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:
        if debug:
            raise
        text = f"internal error: {error or type(error).__name__} (re-run with --debug)"
        out.error(text)
        return GENERAL


def _early_colour(words: list[str]) -> str:
    """The colour of errors in the command line itself."""
    for word in words:
        if word.startswith("--color="):
            return word.partition("=")[2]
    return "auto"


def _run(call: Call, out: Output) -> int:
    if call.on("version") and not call.path:
        call = parse(["version"])
    if call.wants_help or isinstance(call.node, Group):
        from wsk.help import page

        out.line(page(call.path, call.node))
        return 0
    session = _session(call, out)
    command = call.command
    try:
        if command.needs_host:
            _ = session.client  # a missing host is told before a missing argument
        call.check_count()
        _warn_of_ignored_pairs(session, command)
        return _function(command)(session) or 0
    finally:
        session.close()


def _function(command: Command):
    module, _, name = command.run.partition(":")
    return getattr(import_module(f"wsk.{module}"), name)


def _session(call: Call, out: Output) -> Session:
    from wsk.properties import load

    config = load(call)
    own = {flag.name for flag in call.command.flags}
    chosen = "" if "output" in own else call.text("output")
    chosen = chosen or os.environ.get("WSK_OUTPUT", "") or config.output or "text"
    if chosen not in OUTPUTS:
        text = f"Supported output formats are {'|'.join(OUTPUTS)}"
        raise WskError(text, GENERAL, usage=True)
    colour = call.text("color") or config.color or "auto"
    # `report` prints with the same object, whatever goes wrong later
    out.__init__(output=chosen, quiet=call.on("quiet"), color=colour)
    if config.loose:
        out.warn(f"{config.path} could be read by others; its mode is 0600 now")
    return Session(call, config, out)


def _warn_of_ignored_pairs(session: Session, command: Command) -> None:
    for letter in dict.fromkeys(letter for letter, _, _ in session.call.pairs):
        if letter not in command.pairs:
            where = " ".join(session.call.path)
            session.out.warn(f"-{letter} is ignored by '{where}'")


def report(error: WskError, out: Output, path: list[str]) -> None:
    """Print an error as the contract wants it."""
    if error.exit_code == 0:  # a dry run stops at its first request
        out.line(error.message)
        return
    if isinstance(error, Interrupted):
        if error.message:
            out.line(error.message)
        return
    if out.format == "json":
        from wsk.jsontext import pretty

        document = {
            "message": error.message,
            "code": error.code,
            "status": error.status,
            "exitCode": error.exit_code,
        }
        if isinstance(error, ApplicationError):
            document["result"] = error.body
        out.error_line(pretty({"error": document}))
        return
    out.error(error.message)
    if error.usage:
        out.error_line(USAGE_LINE)
        if out.errors_seen and path:
            out.error_line(f"See 'wsk {' '.join(path)} --help'.")
    if error.hint:
        out.hint(error.hint)


if __name__ == "__main__":
    sys.exit(main())
