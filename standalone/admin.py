"""``chasen admin``: subjects, their keys and limits.

Opens the store itself.  A key is printed only by ``user create`` and ``user get``; no
command takes one as an argument.  Texts are those of OpenWhisk's wskadmin.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import string
import sys
import uuid
from dataclasses import replace
from pathlib import Path

from chasen.entities import AuthKey, Namespace, Subject, UserLimits, key_hash
from chasen.entities.identity import KEY_LENGTH
from chasen.errors import ChasenError, NoDocument
from chasen.ports.stores import AuthStore
from chasen.seal import Seal, open_seal, write_secret
from chasen.settings import Settings

_ALPHABET = string.ascii_letters + string.digits

RATE_FLAGS = (
    ("invocationsPerMinute", "invocations_per_minute"),
    ("concurrentInvocations", "concurrent_invocations"),
    ("firesPerMinute", "fires_per_minute"),
)


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the grammar of ``admin``."""
    admin = commands.add_parser("admin", help="subjects, keys and limits")
    rooms = admin.add_subparsers(dest="room", required=True, metavar="user|limits")
    user = rooms.add_parser("user", help="subjects and their keys").add_subparsers(
        dest="verb", required=True, metavar="create|get|delete|block|unblock"
    )
    create = user.add_parser("create", help="make a subject with a new key; print it")
    create.add_argument("subject")
    create.add_argument("--namespace", "-ns", help="its namespace; default: its name")
    create.add_argument("--if-absent", action="store_true", help="existing is fine")
    create.add_argument(
        "--key-file", type=Path, help="write the key there (0600) instead of printing"
    )
    for verb, sentence in (
        ("get", "print the key"),
        ("delete", "remove the subject and its namespaces' keys"),
        ("block", "refuse its keys from now on"),
        ("unblock", "accept its keys again"),
    ):
        user.add_parser(verb, help=sentence).add_argument("subject")
    limits = rooms.add_parser("limits", help="limits of a namespace").add_subparsers(
        dest="verb", required=True, metavar="set|get|delete"
    )
    for verb in ("set", "get", "delete"):
        command = limits.add_parser(verb)
        command.add_argument("namespace")
        if verb == "set":
            for flag, field in RATE_FLAGS:
                command.add_argument(f"--{flag}", dest=field, type=_count)


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 100_000_000:
        raise argparse.ArgumentTypeError("must be between 0 and 100000000")
    return number


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry out one command; answer its exit status."""
    from chasen.stores.open import open_stores

    async def inside() -> int:
        async with open_stores(
            settings.store_url, password=settings.store_password()
        ) as stores:
            seal = open_seal(settings.key_file)
            verb = f"{arguments.room}_{arguments.verb}"
            return await _VERBS[verb](stores.auth, seal, arguments)

    return asyncio.run(inside())


def new_namespace(name: str, seal: Seal) -> tuple[Namespace, AuthKey]:
    """Answer a namespace with a fresh key, and the key itself."""
    key = AuthKey(
        str(uuid.uuid4()),
        "".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH)),
    )
    return Namespace(name, key.uuid, key_hash(key.key), seal.seal(key.key)), key


async def ensure_subject(auth: AuthStore, seal: Seal, name: str) -> str | None:
    """Make the subject unless it is there; answer its key only when it is new."""
    try:
        await auth.subject(name)
    except NoDocument:
        namespace, key = new_namespace(name, seal)
        await auth.put_subject(Subject(name, (namespace,)))
        return key.compact
    return None


async def _user_create(auth: AuthStore, seal: Seal, given: argparse.Namespace) -> int:
    name = given.namespace or given.subject
    try:
        old = await auth.subject(given.subject)
    except NoDocument:
        old = Subject(given.subject)
    if old.blocked:
        return _fail("The subject you want to edit is blocked")
    if any(each.name == name for each in old.namespaces):
        if given.if_absent:
            return _hand_over(given.key_file, await _key(auth, seal, given.subject))
        return _fail("Namespace already exists")
    namespace, key = new_namespace(name, seal)
    await auth.put_subject(replace(old, namespaces=(*old.namespaces, namespace)))
    return _hand_over(given.key_file, key.compact)


def _hand_over(path: Path | None, key: str) -> int:
    if path is None:
        print(key)
        return 0
    if not path.exists():
        write_secret(path, f"{key}\n".encode())
    return 0


async def _key(auth: AuthStore, seal: Seal, subject: str) -> str:
    found = await auth.subject(subject)
    for namespace in found.namespaces:
        if namespace.name == subject or len(found.namespaces) == 1:
            return f"{namespace.uuid}:{seal.open(namespace.sealed_key)}"
    raise ChasenError(f'namespace "{subject}" not found for "{subject}"')


async def _user_get(auth: AuthStore, seal: Seal, given: argparse.Namespace) -> int:
    print(await _key(auth, seal, given.subject))
    return 0


async def _user_delete(auth: AuthStore, seal: Seal, given: argparse.Namespace) -> int:
    await auth.delete_subject(await auth.subject(given.subject))
    print("Subject deleted")
    return 0


async def _user_block(auth: AuthStore, seal: Seal, given: argparse.Namespace) -> int:
    await auth.put_subject(replace(await auth.subject(given.subject), blocked=True))
    print(f'"{given.subject}" blocked successfully')
    return 0


async def _user_unblock(auth: AuthStore, seal: Seal, given: argparse.Namespace) -> int:
    await auth.put_subject(replace(await auth.subject(given.subject), blocked=False))
    print(f'"{given.subject}" unblocked successfully')
    return 0


async def _limits_set(auth: AuthStore, seal: Seal, given: argparse.Namespace) -> int:
    limits = await auth.limits(given.namespace) or UserLimits()
    changed = {
        field: getattr(given, field)
        for _, field in RATE_FLAGS
        if getattr(given, field) is not None
    }
    await auth.put_limits(given.namespace, replace(limits, **changed))
    print(f'Limits successfully set for "{given.namespace}"')
    return 0


async def _limits_get(auth: AuthStore, seal: Seal, given: argparse.Namespace) -> int:
    limits = await auth.limits(given.namespace)
    if limits is None:
        print("No limits found, default system limits apply")
        return 0
    for name, value in limits.to_json().items():
        print(f"{name} = {value}")
    return 0


async def _limits_delete(auth: AuthStore, seal: Seal, given: argparse.Namespace) -> int:
    await auth.put_limits(given.namespace, None)
    print("Limits deleted")
    return 0


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


_VERBS = {
    "user_create": _user_create,
    "user_get": _user_get,
    "user_delete": _user_delete,
    "user_block": _user_block,
    "user_unblock": _user_unblock,
    "limits_set": _limits_set,
    "limits_get": _limits_get,
    "limits_delete": _limits_delete,
}
