"""The verbs of ``chasen admin``: what each asks, and what it prints.

Messages go to stdout and statuses are wskadmin's: 0 done, 1 failed, 2 wrong arguments;
``block`` and ``unblock`` answer how many failed.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chasen.entities.limits import LIMIT_NAMES
from chasen.errors import BadInput, ChasenError
from chasen.seal import write_secret
from chasen.settings import Settings
from controller.administration.keys import fresh_key, given_key
from standalone.admin.counter import Counter, open_counter
from standalone.admin.keyfile import key_from

Given = argparse.Namespace
INDENT = " " * 8


async def carry_out(given: Given, settings: Settings) -> int:
    """Carry out one command; answer its exit status."""
    try:
        if getattr(given, "auth", None) is not None:
            given.auth = key_from(given.auth)
        if getattr(given, "generate", False):
            return _generate(given)
        async with open_counter(settings) as counter:
            return await _VERBS[given.room, given.verb](counter, given)
    except BadInput as error:
        print(error)
        return 2
    except ChasenError as error:
        print(error)
        return 1


# user --------------------------------------------------------------------------------


def _generate(given: Given) -> int:
    pair = fresh_key() if given.auth is None else given_key(given.auth)
    return _hand_over(given, pair.compact)


async def _create(counter: Counter, given: Given) -> int:
    if given.if_absent:
        for name, key in await _keys_if_any(counter, given.subject):
            if name == (given.namespace or given.subject):
                return _hand_over(given, key)
    key = await counter.call(
        "user create",
        {
            "subject": given.subject,
            "namespace": given.namespace,
            "key": given.auth,
            "revoke": given.revoke,
        },
    )
    return _hand_over(given, key)


async def _keys_if_any(counter: Counter, subject: str) -> list[tuple[str, str]]:
    try:
        return await counter.call("user keys", {"subject": subject})
    except ChasenError:
        return []


def _hand_over(given: Given, key: str) -> int:
    path: Path | None = given.key_file
    if path is None:
        if not given.silent:
            print(key)
        return 0
    if given.revoke:
        path.unlink(missing_ok=True)
    if not path.exists():
        write_secret(path, f"{key}\n".encode())
    return 0


async def _delete(counter: Counter, given: Given) -> int:
    asked = {"subject": given.subject, "namespace": given.namespace}
    if given.namespace is not None:
        await counter.call("user delete", asked)
        print("Namespace deleted")
        return 0
    with _Failing("Failed to delete subject"):
        await counter.call("user delete", asked)
    print("Subject deleted")
    return 0


async def _get(counter: Counter, given: Given) -> int:
    with _Failing("Failed to get subject"):
        keys = await counter.call("user keys", {"subject": given.subject})
    if given.all:
        for name, key in keys:
            print(f"{name}\t{key}")
        return 0
    wanted = given.namespace or given.subject
    for name, key in keys:
        if name == wanted:
            print(key)
            return 0
    print(f'namespace "{wanted}" not found for "{given.subject}"')
    return 1


async def _whois(counter: Counter, given: Given) -> int:
    found = await counter.call("user whois", {"key": given.auth})
    if found is None:
        print("Subject id is not recognized")
        return 0
    print(f"subject: {found[0]}\nnamespace: {found[1]}")
    return 0


async def _list(counter: Counter, given: Given) -> int:
    if given.pick < 1:
        print("pick at least 1 identity to show")
        return 2
    found = await counter.call("user identities", {"namespace": given.namespace})
    if not found:
        print(f'no identities found for namespace "{given.namespace}"')
    for key, subject in found if given.all else found[: given.pick]:
        print(key if given.key else f"{key}\t{subject}")
    return 0


async def _block(counter: Counter, given: Given) -> int:
    failed = 0
    for subject in filter(None, map(str.strip, given.subjects)):
        try:
            await counter.call(f"user {given.verb}", {"subject": subject})
        except ChasenError as error:
            print(f'Failed to {given.verb} "{subject}" ({error})')
            failed += 1
        else:
            print(f'"{subject}" {given.verb}ed successfully')
    return min(failed, 255)


# limits ------------------------------------------------------------------------------


async def _limits_set(counter: Counter, given: Given) -> int:
    limits = {
        name: _value(name, getattr(given, name))
        for name in LIMIT_NAMES
        if getattr(given, name) is not None
    }
    asked = {"namespace": given.namespace, "limits": limits}
    await counter.call("limits set", asked)
    print(f'Limits successfully set for "{given.namespace}"')
    return 0


def _value(name: str, words: list[str]) -> Any:
    """Answer the JSON value that the words mean; whether it fits is not judged here."""
    if words == ["default"]:
        return None
    if name == "allowedKinds":
        return words
    text = words[0]
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    is_number = text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()
    return int(text) if is_number and len(text) < 20 else text


async def _limits_get(counter: Counter, given: Given) -> int:
    limits = await counter.call("limits get", {"namespace": given.namespace})
    if limits is None:
        print("No limits found, default system limits apply")
        return 0
    for name, value in limits.items():
        print(f"{name} = {value}")
    return 0


async def _limits_delete(counter: Counter, given: Given) -> int:
    with _Failing("Failed to delete limits"):
        await counter.call("limits delete", {"namespace": given.namespace})
    print("Limits deleted")
    return 0


# db ----------------------------------------------------------------------------------


async def _db_get(counter: Counter, given: Given) -> int:
    """Prints row after row: a store may hold more than fits into memory."""
    asked = {"database": given.database, "view": given.view, "docs": given.docs}
    begun = False
    async for row in counter.rows(asked):
        print("," if begun else _head(given))
        print(
            textwrap.indent(json.dumps(row, sort_keys=True, indent=4), INDENT), end=""
        )
        begun = True
    print("\n    ]\n}" if begun else f"{_head(given)}\n    ]\n}}")
    return 0


def _head(given: Given) -> str:
    index = given.view or "primary index"
    return f'getting contents for {given.database} ({index})\n{{\n    "rows": ['


class _Failing:
    """Puts what was tried before the reason: ``Failed to ... (reason)``."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, ChasenError) and not isinstance(error, BadInput):
            raise ChasenError(f"{self._what} ({error})") from None


_VERBS: dict[tuple[str, str], Callable[[Counter, Given], Awaitable[int]]] = {
    ("user", "create"): _create,
    ("user", "delete"): _delete,
    ("user", "get"): _get,
    ("user", "whois"): _whois,
    ("user", "list"): _list,
    ("user", "block"): _block,
    ("user", "unblock"): _block,
    ("limits", "set"): _limits_set,
    ("limits", "get"): _limits_get,
    ("limits", "delete"): _limits_delete,
    ("db", "get"): _db_get,
}
