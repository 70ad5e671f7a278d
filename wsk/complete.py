"""`wsk __complete WORDS...`: what could stand in place of the last word.

Answers `VALUE<TAB>description` lines, and says nothing rather than fail: a shell is
waiting. Names come from the server and are kept for 30 s in ~/.cache/wsk.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from typing import Any

from wsk import catalog, entities
from wsk.arguments import Call, parse
from wsk.errors import WskError
from wsk.grammar import GLOBAL_FLAGS, PAIR_FLAGS, Command, Flag, Group

FRESH_S = 30
ANSWER_LIMIT_S = 2
FILES = ":files"

Line = tuple[str, str]

# what the operands of a command are; the last one repeats never
OPERANDS: dict[str, tuple[str, ...]] = {
    "action create": ("", "files"), "action update": ("actions", "files"),
    "action invoke": ("actions",), "action get": ("actions", "field action"),
    "action delete": ("actions",), "action list": ("packages",),
    "activation get": ("activations", "field activation"),
    "activation logs": ("activations",), "activation result": ("activations",),
    "activation list": ("actions",), "activation poll": ("actions",),
    "activation tail": ("actions",), "logs": ("actions",), "action logs": ("actions",),
    "package get": ("packages", "field package"), "package update": ("packages",),
    "package delete": ("packages",), "package bind": ("packages",),
    "rule create": ("", "triggers", "actions"), "rule get": ("rules", "field rule"),
    "rule update": ("rules", "triggers", "actions"), "rule status": ("rules",),
    "rule enable": ("rules",), "rule disable": ("rules",), "rule delete": ("rules",),
    "trigger get": ("triggers", "field trigger"), "trigger update": ("triggers",),
    "trigger fire": ("triggers",), "trigger delete": ("triggers",),
    "sdk install": ("=docker ios bashauto",), "completion": ("=bash zsh fish",),
    "dev": ("files",), "deploy": ("files",),
}  # fmt: skip
FIELDS = {
    "action": entities.ACTION, "activation": entities.ACTIVATION,
    "package": entities.PACKAGE, "rule": entities.RULE, "trigger": entities.TRIGGER,
}  # fmt: skip
_TAKES_TWO = {"-p", "--param", "-a", "--annotation", "-F", "--feed-param"}
_TAKES_TWO |= {"-T", "--trigger-param"}
_TAKES_FILE = {"-P", "--param-file", "-A", "--annotation-file"}


def main(words: list[str]) -> int:
    """Print the lines; never fail."""
    try:
        for value, text in suggestions(words or [""]):
            print(f"{value}\t{text}" if text else value)
    except Exception:  # noqa: S110 - an error here would appear in the user's prompt
        pass
    return 0


def suggestions(words: list[str]) -> list[Line]:
    """Lines for the last word, given those before it."""
    *before, last = words
    if before and before[-1] in _TAKES_FILE:
        return [(FILES, "")]
    if any(word in _TAKES_TWO for word in before[-2:]):
        return []
    try:
        call = _parse(before)
    except WskError:
        return []
    flag = _open_flag(call, before)
    if flag is not None:
        return _flag_values(call, flag, last)
    if last.startswith("-"):
        return [line for line in _flags(call) if line[0].startswith(last)]
    if isinstance(call.node, Group):
        found = [
            (child.name, child.summary)
            for child in call.node.children
            if not (isinstance(child, Command) and child.hidden)
        ]
        return [line for line in found if line[0].startswith(last)]
    return _operands(call, last)


def _parse(before: list[str]) -> Call:
    try:
        return parse(before)
    except WskError:
        if not before or not before[-1].startswith("-"):
            raise
        return parse(before[:-1])  # a flag that still waits for its value


def _node_flags(call: Call) -> list[Flag]:
    own = [*call.node.flags, *catalog.inherited(call.path)]
    if isinstance(call.node, Command):
        own += [PAIR_FLAGS[letter] for letter in call.node.pairs]
    names = {flag.name for flag in own}
    return own + [flag for flag in GLOBAL_FLAGS if flag.name not in names]


def _open_flag(call: Call, before: list[str]) -> Flag | None:
    """The flag whose value is being typed."""
    if not before or not before[-1].startswith("-"):
        return None
    for flag in _node_flags(call):
        shorts = f"-{flag.short}" if flag.short else ""
        if before[-1] in (f"--{flag.name}", shorts) and flag.kind != "bool":
            return flag
    return None


def _flags(call: Call) -> list[Line]:
    return [(f"--{flag.name}", flag.text) for flag in _node_flags(call)]


def _flag_values(call: Call, flag: Flag, last: str) -> list[Line]:
    if flag.values:
        found: Iterable[Line] = ((value, "") for value in flag.values)
    elif flag.name == "kind":
        found = ((kind, "") for kind in _kinds(call))
    elif flag.name in ("feed",):
        found = _names(call, "actions", last)
    elif flag.metavar in ("FILE", "PATH", "DIR"):
        return [(FILES, "")]
    else:
        return []
    return [line for line in found if line[0].startswith(last)]


def _operands(call: Call, last: str) -> list[Line]:
    kinds = OPERANDS.get(" ".join(call.path), ())
    position = len(call.operands)
    if call.on("last") and kinds[:1] == ("activations",):
        kinds = kinds[1:]
    if position >= len(kinds):
        return []
    kind = kinds[position]
    if kind == "files":
        return [(FILES, "")]
    if kind.startswith("field "):
        found: Iterable[Line] = ((name, "") for name in FIELDS[kind[6:]])
    elif kind.startswith("="):
        found = ((name, "") for name in kind[1:].split())
    elif kind:
        found = _names(call, kind, last)
    else:
        found = ()
    return [line for line in found if line[0].startswith(last)]


def _names(call: Call, collection: str, last: str) -> list[Line]:
    from wsk.activation_list import status_code, status_text
    from wsk.lists import age

    rows = _cached(call, f"namespaces/_/{collection}?limit=200&skip=0")
    found: list[Line] = []
    for row in rows:
        if collection == "activations":
            when = age(int(row.get("start", 0)))
            state = status_text(status_code(row))
            found.append((str(row["activationId"]), f"{row['name']} {state} {when}"))
        else:
            package = str(row.get("namespace", "")).partition("/")[2]
            name = str(row["name"])
            found.append((f"{package}/{name}" if package else name, ""))
    if collection == "actions" and "/" not in last:
        packages = {name.split("/")[0] + "/" for name, _ in found if "/" in name}
        found = [line for line in found if "/" not in line[0]]
        found += [(name, "package") for name in sorted(packages)]
    return found


def _kinds(call: Call) -> list[str]:
    found = _cached(call, "/")
    runtimes = found.get("runtimes") if isinstance(found, dict) else None
    return [
        str(item["kind"]) for language in (runtimes or {}).values() for item in language
    ]


def _cached(call: Call, route: str) -> Any:
    """The server's answer to a GET, at most 30 s old."""
    from wsk.client import Client
    from wsk.properties import load

    config = load(call)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    secret = f"{config.apihost}\0{config.auth}\0{route}"
    digest = hashlib.sha256(secret.encode()).hexdigest()[:32]
    path = os.path.join(base, "wsk", digest)
    try:
        if time.time() - os.stat(path).st_mtime < FRESH_S:
            with open(path, encoding="utf-8") as file:
                return json.load(file)
    except (OSError, ValueError):
        pass  # not there, or half written by someone else: ask again
    client = Client(config, answer_limit_s=ANSWER_LIMIT_S)
    try:
        if route == "/":
            answer = client.send("GET", f"{client.base}/", authorized=False)
        else:
            answer = client.send("GET", client.url(route))
    finally:
        client.close()
    found = json.loads(answer.body)
    _keep(path, found)
    return found


def _keep(path: str, found: Any) -> None:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        partial = f"{path}.{os.getpid()}"
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(found, file)
        os.replace(partial, path)
    except OSError:
        return
