"""``chasen``: one word a room.  Each imports what it needs when it is called."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator

from chasen import __version__
from chasen.errors import ChasenError
from chasen.settings import Settings

EPILOG = """\
Settings are environment variables, CHASEN_...; docs/operating.md lists them.

examples:
  chasen up                              the whole house in this process
  chasen admin user create alice         a namespace with a key of its own
  chasen doctor                          what this machine can and cannot do
"""


def parser() -> argparse.ArgumentParser:
    """Answer the grammar of the command line."""
    root = argparse.ArgumentParser(
        prog="chasen",
        description="Chasen, a Function-as-a-Service platform compatible with "
        "Apache OpenWhisk.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"chasen {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser(
        "up", help="run controller and invoker in one process, until Ctrl-C"
    )
    up.add_argument("--data", metavar="DIR", help="where it keeps its files")
    up.add_argument(
        "--listen", metavar="HOST:PORT", help="where the API listens (127.0.0.1:3233)"
    )
    commands.add_parser("controller", help="run one controller")
    commands.add_parser("invoker", help="run one invoker")
    commands.add_parser("reaper", help="remove containers whose invoker is gone")
    from standalone import admin, doctor

    admin.add_to(commands)
    doctor.add_to(commands)
    return root


def main() -> None:
    """Entry of the console script; ends the process with the command's status."""
    arguments = parser().parse_args()
    try:
        settings = Settings.from_environment(_environment(arguments))
        status = _run(arguments, settings)
    except ChasenError as error:
        print(f"chasen: {error}", file=sys.stderr)
        status = 1
    except BaseExceptionGroup as group:
        status = _tell(group)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _tell(group: BaseExceptionGroup) -> int:
    """Print what ended a program: sentences where there are some, else the group."""
    ours, others = group.split((ChasenError, asyncio.CancelledError, SystemExit))
    if others is not None:
        raise others
    for error in _leaves(ours) if ours is not None else ():
        if isinstance(error, ChasenError):
            print(f"chasen: {error}", file=sys.stderr)
    return 1


def _leaves(group: BaseExceptionGroup) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _environment(arguments: argparse.Namespace) -> dict[str, str]:
    """Flags win over the environment."""
    environment = dict(os.environ)
    for flag, variable in (("data", "CHASEN_STATE_DIR"), ("listen", "CHASEN_LISTEN")):
        value = getattr(arguments, flag, None)
        if value:
            environment[variable] = value
    return environment


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    os.umask(0o077)
    match arguments.command:
        case "admin":
            from standalone import admin

            return admin.run(arguments, settings)
        case "doctor":
            from standalone import doctor

            return doctor.run(arguments, settings)
        case command:
            from standalone import programs

            return programs.run(command, settings)


if __name__ == "__main__":
    main()
