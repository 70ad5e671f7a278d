"""wsk package: create, update, bind, get, delete, list, refresh."""

from wsk.catalog.shared import AN_OPTIONAL_NAMESPACE, LISTING, SETTINGS, SUMMARY
from wsk.grammar import Command, Flag, Group

_NAME = "A package name is required."
_SHARED = Flag(
    "shared", "", "string", "YES|NO", text="may others use it?", values=("yes", "no")
)

ENTRIES = (
    Group(
        "package",
        "work with packages",
        (
            Command(
                "create", "packages:create", "create a package",
                "wsk package create shop --param region eu",
                "PACKAGE_NAME", 1, 1, _NAME, (_SHARED, *SETTINGS), "pPaA",
            ),
            Command(
                "update", "packages:update", "update a package, or create it",
                "wsk package update shop --shared yes",
                "PACKAGE_NAME", 1, 1, _NAME, (_SHARED, *SETTINGS), "pPaA",
            ),
            Command(
                "bind", "packages:bind", "make a package with your own parameters",
                "wsk package bind /guest/shop my-shop --param region us",
                "PACKAGE_NAME BOUND_PACKAGE_NAME", 2, 2,
                "A package name and binding name are required.",
                (Flag("overwrite", "o", text="replace an existing one"), *SETTINGS),
                "pPaA",
            ),
            Command(
                "get", "packages:get", "show a package",
                "wsk package get shop --summary",
                "PACKAGE_NAME [FIELD]", 1, 2, _NAME, (SUMMARY,),
            ),
            Command(
                "delete", "packages:delete", "delete a package",
                "wsk package delete shop",
                "PACKAGE_NAME", 1, 1, _NAME,
                (
                    Flag("recursive", "", text="with everything in it"),
                    Flag("yes", "y", text="do not ask"),
                ),
            ),
            Command(
                "list", "packages:list_", "list the packages of a namespace",
                "wsk package list /guest",
                "[/NAMESPACE]", 0, 1, AN_OPTIONAL_NAMESPACE, LISTING,
            ),
            Command(
                "refresh", "packages:refresh", "deprecated: refresh bindings",
                "wsk package refresh",
                "[/NAMESPACE]", 0, 1, AN_OPTIONAL_NAMESPACE,
            ),
        ),
    ),
)  # fmt: skip
