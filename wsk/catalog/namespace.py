"""wsk namespace list, wsk namespace get, wsk list."""

from wsk.grammar import Command, Flag, Group

_FLAGS = (
    Flag("name-sort", "n", text="sort by name"),
    Flag("all", "", text="no effect: everything is listed, page by page"),
)

ENTRIES = (
    Group(
        "namespace",
        "work with namespaces",
        (
            Command(
                "list", "namespaces:list_", "list the namespaces of your key",
                "wsk namespace list",
            ),
            Command(
                "get", "namespaces:get", "list the entities of your namespace",
                "wsk namespace get", "", 0, 1, flags=_FLAGS,
            ),
        ),
    ),
    Command(
        "list", "namespaces:get", "list the entities of your namespace",
        "wsk list", "", 0, 0, flags=_FLAGS,
    ),
)  # fmt: skip
