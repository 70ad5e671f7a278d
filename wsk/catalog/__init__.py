"""The command tree as data: one module a group, read when the group is named.

    wsk action ...   catalog/action.py     GROUP
    wsk doctor       catalog/tools.py      COMMANDS

Only names and summaries stand here, so that `wsk --help` imports nothing more.
"""

from importlib import import_module

from wsk.grammar import Command, Flag, Group

# name, module, summary; in the order of help
GROUPS = (
    ("action", "action", "work with actions"),
    ("activation", "activation", "work with activations"),
    ("package", "package", "work with packages"),
    ("rule", "rule", "work with rules"),
    ("trigger", "trigger", "work with triggers"),
    ("property", "property", "work with the configuration of this program"),
    ("namespace", "namespace", "work with namespaces"),
    ("list", "namespace", "list the entities of your namespace"),
    ("api", "api", "work with APIs"),
    ("sdk", "sdk", "work with SDKs"),
    ("project", "project", "deploy a project by its manifest"),
    ("deploy", "project", "deploy a project: short for `project deploy`"),
    ("logs", "tools", "show or follow the logs of activations"),
    ("new", "tools", "write a new project from a template"),
    ("dev", "tools", "run actions here while you write them"),
    ("context", "context", "keep several configurations by name"),
    ("completion", "tools", "print a completion script for your shell"),
    ("doctor", "tools", "find out why a server cannot be reached"),
    ("curl", "tools", "send one authenticated request"),
    ("version", "tools", "show the version"),
)


def root() -> Group:
    """The tree's first level; children below a group are empty until asked for."""
    children: list[Command | Group] = []
    for name, _, summary in GROUPS:
        children.append(Command(name, "", summary, ""))
    return Group("", "", tuple(children))


def child(group: Group, name: str) -> Command | Group | None:
    """The named entry below a group."""
    if group.name == "":
        for entry, module, _ in GROUPS:
            if entry == name:
                return _load(name, module)
        return None
    return next((entry for entry in group.children if entry.name == name), None)


def _load(name: str, module: str) -> Command | Group:
    entries = import_module(f"wsk.catalog.{module}").ENTRIES
    return next(entry for entry in entries if entry.name == name)


def inherited(path: list[str]) -> tuple[Flag, ...]:
    """Flags that the groups on the way to a command give to it."""
    node: Command | Group | None = root()
    found: tuple[Flag, ...] = ()
    for name in path:
        if not isinstance(node, Group):
            break
        found += node.flags
        node = child(node, name)
    return found


def walk(path: list[str]) -> Command | Group | None:
    """The entry at a path, or nothing."""
    node: Command | Group | None = root()
    for name in path:
        if not isinstance(node, Group):
            return None
        node = child(node, name)
    return node
