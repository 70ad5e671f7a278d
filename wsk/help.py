"""Help pages, written from the command tree."""

from wsk import catalog
from wsk.grammar import GLOBAL_FLAGS, PAIR_FLAGS, Command, Flag, Group

LOGO = r"""
   \|||||/
    |||||    wsk - functions on your own machines
    )===(    compatible with Apache OpenWhisk
    |   |
    \___/
"""

FOOT = 'Use "wsk [command] --help" for more information about a command.'


def page(path: list[str], node: Command | Group) -> str:
    """The help page of one entry, without a trailing newline."""
    if isinstance(node, Group):
        return _group_page(path, node)
    return _command_page(path, node)


def _group_page(path: list[str], group: Group) -> str:
    name = " ".join(["wsk", *path])
    parts = [LOGO.rstrip("\n") if not path else group.summary]
    parts.append(f"Usage:\n  {name} [command]")
    rows = [
        (entry.name, entry.summary)
        for entry in group.children
        if not (isinstance(entry, Command) and entry.hidden)
    ]
    width = max(len(row[0]) for row in rows) + 2
    listed = "\n".join(f"  {left.ljust(width)}{right}" for left, right in rows)
    parts.append(f"Available Commands:\n{listed}")
    if path:
        flags = (Flag("help", "h", text=f"help for {path[-1]}"), *group.flags)
        parts.append("Flags:\n" + flag_table(flags))
        parts.append("Global Flags:\n" + flag_table(GLOBAL_FLAGS[1:]))
    else:
        parts.append("Flags:\n" + flag_table(GLOBAL_FLAGS))
    parts.append(FOOT)
    return "\n\n".join(parts)


def own_flags(path: list[str], command: Command) -> tuple[Flag, ...]:
    """Every flag of a command but the global ones."""
    pairs = tuple(PAIR_FLAGS[letter] for letter in command.pairs)
    return (*command.flags, *pairs, *catalog.inherited(path))


def _command_page(path: list[str], command: Command) -> str:
    name = " ".join(["wsk", *path])
    usage = f"{name} {command.operands}".rstrip()
    parts = [command.summary, f"Usage:\n  {usage} [flags]"]
    parts.append(f"Example:\n  {command.example}")
    flags = (*own_flags(path, command), Flag("help", "h", text=f"help for {path[-1]}"))
    parts.append("Flags:\n" + flag_table(flags))
    own = {flag.name for flag in flags}
    rest = [flag for flag in GLOBAL_FLAGS if flag.name not in own]
    parts.append("Global Flags:\n" + flag_table(rest))
    parts.append(FOOT)
    return "\n\n".join(parts)


def flag_table(flags: tuple[Flag, ...] | list[Flag]) -> str:
    """Two columns: how it is written, what it does."""
    rows = [(_written(flag), _explained(flag)) for flag in flags]
    width = max(len(left) for left, _ in rows) + 2
    return "\n".join(f"{left.ljust(width)}{right}".rstrip() for left, right in rows)


def _written(flag: Flag) -> str:
    short = f"-{flag.short}, " if flag.short else "    "
    return f"  {short}--{flag.name} {flag.metavar}".rstrip()


def _explained(flag: Flag) -> str:
    if flag.default == "":
        return flag.text
    return f"{flag.text} (default {flag.default})"
