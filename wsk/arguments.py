"""Reading the command line: two-token flags first, then the table in `catalog`.

argparse cannot express the grammar: values that look like flags (`-p a -b`), flags
before sub-commands, and one letter with a different meaning in every command.
What a flag's value means is the command's business.
"""

from collections.abc import Iterable
from typing import Any

from wsk import catalog
from wsk.errors import GENERAL, WskError
from wsk.files import check_file
from wsk.grammar import GLOBAL_FLAGS, Command, Flag, Group
from wsk.typos import suggestion

_TWO = {"-p": "p", "--param": "p", "-a": "a", "--annotation": "a"}
_TWO |= {"-F": "F", "--feed-param": "F", "-T": "T", "--trigger-param": "T"}
_ONE = {"-P": "P", "--param-file": "P", "-A": "A", "--annotation-file": "A"}
_KIND = {"p": "parameter ", "P": "parameter ", "a": "annotation ", "A": "annotation "}
INT64 = 2**63
END_OF_FLAGS = "--"

Pairs = list[tuple[str, str, str]]


class Call:
    """A parsed command line: the command, its operands and its flags."""

    def __init__(self, path: list[str], node: Command | Group, pairs: Pairs) -> None:
        self.path = path
        self.node = node
        self.pairs = pairs
        self.operands: list[str] = []
        self.flags: dict[str, Any] = {}
        self.sequence: list[tuple[str, str]] = []  # list flags, as they were typed
        self.wants_help = False

    @property
    def command(self) -> Command:
        assert isinstance(self.node, Command)
        return self.node

    def given(self, name: str) -> bool:
        return name in self.flags

    def on(self, name: str) -> bool:
        return bool(self.flags.get(name))

    def text(self, name: str, default: str = "") -> str:
        return str(self.flags.get(name, default))

    def number(self, name: str) -> int:
        """The value of an int flag, or its default."""
        if name in self.flags:
            return self.flags[name]
        for flag in (*self.command.flags, *GLOBAL_FLAGS):
            if flag.name == name:
                return int(flag.default or 0)
        raise AssertionError(f"no flag {name}")

    def check_count(self) -> None:
        """Raise the argument-count error of the command, if there is one."""
        command, count = self.command, len(self.operands)
        if command.least <= count <= command.most:
            return
        if count < command.least:
            text = f"Invalid argument(s). {command.required}"
        else:
            extra = ", ".join(self.operands[command.most :])
            text = f"Invalid argument(s): {extra}. {command.required}"
        raise WskError(text, GENERAL, usage=True)


def take_pairs(argv: list[str]) -> tuple[list[str], Pairs]:
    """Cut -p -a -F -T (two values) and -P -A (one) out of the command line.

    They are taken wherever they stand, also after `--`, on every command.
    """
    rest: list[str] = []
    pairs: Pairs = []
    position = 0
    while position < len(argv):
        token = argv[position]
        if token in _TWO:
            letter, wanted = _TWO[token], 2
        elif token in _ONE:
            letter, wanted = _ONE[token], 1
        else:
            rest.append(token)
            position += 1
            continue
        values = argv[position + 1 : position + 1 + wanted]
        if len(values) < wanted:
            raise _too_few(token, letter)
        if letter in "PA":
            check_file(values[0])
        pairs.append((letter, values[0], values[1] if wanted == 2 else ""))
        position += 1 + wanted
    return rest, pairs


def _too_few(token: str, letter: str) -> WskError:
    if letter in "PA":
        reason = f"An argument must be provided for '{token}'"
    else:
        reason = f"Arguments for '{token}' must be a key/value pair"
    middle = f"The {_KIND[letter]}arguments are invalid: " if letter in _KIND else ""
    text = f"Failed to parse arguments: {middle}{reason}"
    return WskError(text, GENERAL, usage=True)


def parse(argv: list[str]) -> Call:
    """Parse everything after `wsk`."""
    tokens, pairs = take_pairs(argv)
    wants_help = False
    while tokens and tokens[0] == "help":
        tokens, wants_help = tokens[1:], True
    path, node, rest = _walk(tokens)
    call = Call(path, node, pairs)
    call.wants_help = wants_help
    _read_flags(call, rest)
    if isinstance(node, Group):
        _group_rest(call)
    elif call.operands == ["help"] and path != ["help"]:
        call.wants_help = True
    call.wants_help = call.wants_help or call.on("help")
    return call


def _group_rest(call: Call) -> None:
    """A group takes no operands: what is left is an unknown sub-command."""
    left = [word for word in call.operands if word != "help"]
    if len(left) < len(call.operands):
        call.wants_help = True
    if not left:
        return
    assert isinstance(call.node, Group)
    owner = " ".join(["wsk", *call.path])
    names = [child.name for child in call.node.children if not _hidden(child)]
    text = f'unknown command "{left[0]}" for "{owner}"{suggestion(left[0], names)}'
    raise WskError(text.rstrip("\n"), GENERAL, usage=True)


def _hidden(child: Command | Group) -> bool:
    return isinstance(child, Command) and child.hidden


def _walk(tokens: list[str]) -> tuple[list[str], Command | Group, list[str]]:
    """Find the command; its name may stand after flags."""
    node: Command | Group = catalog.root()
    path: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(tokens) and isinstance(node, Group):
        token = tokens[position]
        if token == END_OF_FLAGS:
            break
        if token.startswith("-") and len(token) > 1:
            width = _width(token, _known_below(node))
            rest += tokens[position : position + width]
            position += width
            continue
        child = catalog.child(node, token)
        if child is None:
            break
        path.append(child.name)
        node = child
        position += 1
    return path, node, rest + tokens[position:]


def _known_below(group: Group) -> list[Flag]:
    found = [*GLOBAL_FLAGS, *group.flags]
    if group.name:
        for entry in group.children:
            found += entry.flags
    return found


def _width(token: str, flags: Iterable[Flag]) -> int:
    """How many tokens a flag before the sub-command takes."""
    if "=" in token:
        return 1
    for flag in flags:
        if token == f"--{flag.name}" or (flag.short and token == f"-{flag.short}"):
            return {"bool": 1, "pair": 3}.get(flag.kind, 2)
    return 1


class _Reader:
    """The flags of one command, by name and letter; its own before the global."""

    def __init__(self, node: Command | Group, group_flags: Iterable[Flag]) -> None:
        self.by_name: dict[str, Flag] = {}
        self.by_letter: dict[str, Flag] = {}
        for flag in (*node.flags, *group_flags, *GLOBAL_FLAGS):
            self.by_name.setdefault(flag.name, flag)
            if flag.short:
                self.by_letter.setdefault(flag.short, flag)


def _read_flags(call: Call, tokens: list[str]) -> None:
    reader = _Reader(call.node, catalog.inherited(call.path))
    queue = list(tokens)
    while queue:
        token = queue.pop(0)
        if token == END_OF_FLAGS:
            call.operands += queue
            return
        if token.startswith("--"):
            _long(call, reader, token[2:], queue)
        elif token.startswith("-") and len(token) > 1:
            _short(call, reader, token, queue)
        else:
            call.operands.append(token)


def _long(call: Call, reader: _Reader, text: str, queue: list[str]) -> None:
    name, equals, value = text.partition("=")
    flag = reader.by_name.get(name)
    if flag is None:
        raise _unknown_flag(call, reader, name)
    if equals:
        _set(call, flag, value)
    elif flag.kind == "bool":
        call.flags[flag.name] = True
    else:
        _set_from_queue(call, flag, f"--{name}", queue)


def _short(call: Call, reader: _Reader, token: str, queue: list[str]) -> None:
    letters = token[1:]
    while letters:
        flag = reader.by_letter.get(letters[0])
        if flag is None:
            text = f"unknown shorthand flag: '{letters[0]}' in {token}"
            raise WskError(text, GENERAL, usage=True)
        rest = letters[1:]
        if rest.startswith("="):
            return _set(call, flag, rest[1:])
        if flag.kind == "bool":
            call.flags[flag.name] = True
            letters = rest
            continue
        if rest:
            return _set(call, flag, rest)
        shown = f"'{letters[0]}' in {token}"
        return _set_from_queue(call, flag, shown, queue)
    return None


def _set_from_queue(call: Call, flag: Flag, shown: str, queue: list[str]) -> None:
    wanted = 2 if flag.kind == "pair" else 1
    if len(queue) < wanted:
        raise WskError(f"flag needs an argument: {shown}", GENERAL, usage=True)
    if flag.kind == "pair":
        call.sequence.append((flag.name, f"{queue.pop(0)}={queue.pop(0)}"))
        call.flags[flag.name] = True
    else:
        _set(call, flag, queue.pop(0))


def _set(call: Call, flag: Flag, value: str) -> None:
    if flag.kind == "bool":
        call.flags[flag.name] = _boolean(flag, value)
    elif flag.kind == "int":
        call.flags[flag.name] = _integer(flag, value)
    elif flag.kind in ("list", "pair"):
        call.sequence.append((flag.name, value))
        call.flags.setdefault(flag.name, [])
        if isinstance(call.flags[flag.name], list):
            call.flags[flag.name].append(value)
    else:
        call.flags[flag.name] = value


def _bad_value(flag: Flag, value: str, reason: str) -> WskError:
    shown = f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"
    text = f'invalid argument "{value}" for "{shown}" flag: {reason}'
    return WskError(text, GENERAL, usage=True)


def _boolean(flag: Flag, value: str) -> bool:
    if value in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if value in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise _bad_value(flag, value, "not true or false")


def _integer(flag: Flag, value: str) -> int:
    digits = value[1:] if value[:1] in ("-", "+") else value
    # isdigit alone would take other scripts' digits, which no server reads
    if not (digits.isascii() and digits.isdigit()):
        raise _bad_value(flag, value, "not an integer")
    number = int(value) if len(digits) < 20 else INT64
    if not -INT64 <= number < INT64:
        raise _bad_value(flag, value, "out of range of a 64-bit integer")
    return number


def _unknown_flag(call: Call, reader: _Reader, name: str) -> WskError:
    text = f"unknown flag: --{name}"
    if name == "namespace" and call.path == ["property", "set"]:
        text += " (the namespace follows from the key)"
    names = [f"--{known}" for known in reader.by_name]
    text += suggestion(f"--{name}", names)
    return WskError(text.rstrip("\n"), GENERAL, usage=True)
