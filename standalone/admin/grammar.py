"""The grammar of ``chasen admin``: wskadmin's, but keys are never arguments."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from chasen.entities.limits import LIMIT_NAMES

KEY_HELP = "a file with uuid:key, or - for stdin"

EXAMPLES = """\
examples:
  chasen admin user create alice
  chasen admin user create alice -ns team -u team.key
  chasen admin user get alice | wsk property set --auth -
  chasen admin limits set alice --invocationsPerMinute 1000 --maxActionMemory 256
  chasen admin limits set alice --maxActionMemory default
  chasen admin db get subjects --docs
"""


class Once(argparse.Action):
    """Refuses an option that is given twice: which of the two counts?"""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.exit(2, f"{option_string} is given twice\n")
        setattr(namespace, self.dest, values)


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the words of ``admin``."""
    admin = commands.add_parser(
        "admin",
        help="subjects, keys and limits",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rooms = admin.add_subparsers(dest="room", required=True, metavar="user|limits|db")
    _add_user(_verbs(rooms, "user", "subjects and their keys"))
    _add_limits(_verbs(rooms, "limits", "limits of a namespace"))
    _add_db(_verbs(rooms, "db", "what the stores hold"))


def _verbs(
    rooms: argparse._SubParsersAction, name: str, sentence: str
) -> argparse._SubParsersAction:
    parser = rooms.add_parser(name, help=sentence)
    return parser.add_subparsers(dest="verb", required=True, metavar="VERB")


def _add_user(verbs: argparse._SubParsersAction) -> None:
    create = _verb(verbs, "create", "make a subject or a namespace; print its key")
    create.add_argument("subject")
    create.add_argument("-u", "--auth", metavar="FILE", action=Once, help=KEY_HELP)
    _namespace(create, "its namespace; default: the subject's name")
    create.add_argument(
        "-r", "--revoke", action="store_true", help="replace the key that is there"
    )
    create.add_argument(
        "-g", "--generate", action="store_true", help="only print a key, store nothing"
    )
    create.add_argument("-s", "--silent", action="store_true", help="print no key")
    create.add_argument("--if-absent", action="store_true", help="existing is fine")
    create.add_argument(
        "--key-file", type=Path, help="write the key there (0600) instead of printing"
    )
    delete = _verb(verbs, "delete", "remove a subject, or one of its namespaces")
    delete.add_argument("subject")
    _namespace(delete, "remove only this namespace")
    get = _verb(verbs, "get", "print a key")
    get.add_argument("subject")
    _namespace(get, "of this namespace; default: the subject's name")
    get.add_argument("-a", "--all", action="store_true", help="of all its namespaces")
    whois = _verb(verbs, "whois", "tell whose key this is")
    whois.add_argument("auth", metavar="FILE", help=KEY_HELP)
    listed = _verb(verbs, "list", "print the keys of a namespace")
    listed.add_argument("namespace")
    listed.add_argument(
        "-p", "--pick", type=int, default=1, metavar="N", help="at most N (1)"
    )
    listed.add_argument("-a", "--all", action="store_true", help="all of them")
    listed.add_argument("-k", "--key", action="store_true", help="without the subject")
    for verb, sentence in (
        ("block", "refuse all keys of these subjects from now on"),
        ("unblock", "accept them again"),
    ):
        _verb(verbs, verb, sentence).add_argument("subjects", nargs="+")


def _add_limits(verbs: argparse._SubParsersAction) -> None:
    limits = _verb(verbs, "set", "change the limits that are named, keep the others")
    limits.add_argument("namespace")
    for name in LIMIT_NAMES:
        # The value is read where all limits are checked, so that errors are one line.
        count = "+" if name == "allowedKinds" else 1
        limits.add_argument(
            f"--{name}",
            nargs=count,
            metavar="VALUE",
            action=Once,
            help=argparse.SUPPRESS,
        )
    limits.epilog = "VALUE may be: default\nlimits:\n" + "".join(
        f"  --{name}\n" for name in LIMIT_NAMES
    )
    limits.formatter_class = argparse.RawDescriptionHelpFormatter
    for verb, sentence in (
        ("get", "print the limits that are set"),
        ("delete", "give all of them back to the house's defaults"),
    ):
        _verb(verbs, verb, sentence).add_argument("namespace")


def _add_db(verbs: argparse._SubParsersAction) -> None:
    get = _verb(verbs, "get", "print what a database holds")
    get.add_argument("database", help="subjects, whisks or activations")
    get.add_argument("--docs", action="store_true", help="with the documents")
    get.add_argument("-w", "--view", metavar="DESIGN/VIEW", help="through a view")


def _verb(
    verbs: argparse._SubParsersAction, name: str, sentence: str
) -> argparse.ArgumentParser:
    return verbs.add_parser(
        name, help=sentence, description=sentence, allow_abbrev=False
    )


def _namespace(parser: argparse.ArgumentParser, sentence: str) -> None:
    parser.add_argument("-ns", "--namespace", metavar="NS", action=Once, help=sentence)
