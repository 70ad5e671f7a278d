"""wsk context: list, create, use, show, delete."""

from wsk.grammar import Command, Flag, Group

_NAME = "A context name is required."

ENTRIES = (
    Group(
        "context",
        "keep several configurations by name",
        (
            Command(
                "list", "contexts:list_", "list contexts, marking the one in use",
                "wsk context list", needs_host=False,
            ),
            Command(
                "create", "contexts:create", "create a context",
                "wsk context create test --apihost http://127.0.0.1:3233 --auth -",
                "NAME", 1, 1, _NAME,
                (
                    Flag("auth", "u", "string", "KEY", text="key; - reads stdin"),
                    Flag("auth-file", "", "string", "FILE", text="file with the key"),
                    Flag("apihost", "", "string", "HOST", text="API host"),
                ),
                needs_host=False,
            ),
            Command(
                "use", "contexts:use", "use a context from now on; - for none",
                "wsk context use test", "NAME", 1, 1, _NAME, needs_host=False,
            ),
            Command(
                "show", "contexts:show", "show a context without its key",
                "wsk context show test", "NAME", 1, 1, _NAME, needs_host=False,
            ),
            Command(
                "delete", "contexts:delete", "delete a context",
                "wsk context delete test", "NAME", 1, 1, _NAME, needs_host=False,
            ),
        ),
    ),
)  # fmt: skip
