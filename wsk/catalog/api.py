"""wsk api: create, get, delete, list."""

from wsk.grammar import Command, Flag, Group

_TYPES = ("html", "http", "json", "text", "svg")
_BASE = "An API base path or API name is required."

ENTRIES = (
    Group(
        "api",
        "work with APIs",
        (
            Command(
                "create", "api:create", "create an API or add a route to it",
                "wsk api create /club /books get hello",
                "[BASE_PATH] PATH VERB ACTION | --config-file FILE", 0, 1000, "",
                (
                    Flag("apiname", "n", "string", "NAME", text="name of the API"),
                    Flag("config-file", "c", "string", "FILE", text="swagger file"),
                    Flag(
                        "response-type", "", "string", "TYPE", "json",
                        "html|http|json|text|svg", _TYPES,
                    ),
                ),
            ),
            Command(
                "get", "api:get", "show an API's document",
                "wsk api get /club --format yaml",
                "BASE_PATH | NAME", 1, 1, _BASE,
                (
                    Flag("full", "f", text="with what the gateway says of it"),
                    Flag(
                        "format", "", "string", "FORMAT", "json", "json|yaml",
                        ("json", "yaml"),
                    ),
                ),
            ),
            Command(
                "delete", "api:delete", "delete an API, a path or a verb",
                "wsk api delete /club /books get",
                "BASE_PATH | NAME [PATH [VERB]]", 1, 3,
                f"{_BASE}  An optional API relative path and operation may also be "
                "provided.",
            ),
            Command(
                "list", "api_list:list_", "list APIs",
                "wsk api list --full",
                "[BASE_PATH | NAME [PATH [VERB]]]", 0, 3,
                "Optional parameters are: API base path (or API name), API relative "
                "path and operation.",
                (
                    Flag("skip", "s", "int", "COUNT", 0, "leave out this many"),
                    Flag("limit", "l", "int", "COUNT", 30, "show at most this many"),
                    Flag("name-sort", "n", text="sort by base path, path and verb"),
                    Flag("full", "f", text="six lines for each route"),
                ),
            ),
        ),
    ),
)  # fmt: skip
