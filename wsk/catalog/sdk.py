"""wsk sdk install."""

from wsk.grammar import Command, Flag, Group

ENTRIES = (
    Group(
        "sdk",
        "work with SDKs",
        (
            Command(
                "install", "sdk:install", "install docker, ios or bashauto here",
                "wsk sdk install bashauto --stdout",
                "COMPONENT", 0, 1000,
                "One component (docker, ios, or bashauto) must be specified.",
                (
                    Flag("stdout", "s", text="print the bash completion script"),
                    Flag("offline", "", text="docker: from a built-in template"),
                ),
                needs_host=False,
            ),
        ),
    ),
)  # fmt: skip
