"""wsk property: get, set, unset."""

from wsk.grammar import Command, Flag, Group

_GET = (
    Flag("all", "", text="all properties"),
    Flag("apihost", "", text="API host"),
    Flag("auth", "u", text="authorization key"),
    Flag("namespace", "", text="namespace of the key"),
    Flag("cert", "", text="client certificate"),
    Flag("key", "", text="client key"),
    Flag("apiversion", "", text="API version"),
    Flag("cliversion", "", text="version of this program"),
    Flag("apibuild", "", text="build of the server"),
    Flag("apibuildno", "", text="build number of the server"),
    Flag("output", "o", "string", "FORMAT", "std", "std|raw|json", ("std", "raw")),
)

_SET = (
    Flag("auth", "u", "string", "KEY", text="authorization key; - reads stdin"),
    Flag("auth-file", "", "string", "FILE", text="file that holds the key"),
    Flag("apihost", "", "string", "HOST", text="API host"),
    Flag("apiversion", "", "string", "VERSION", text="API version"),
    Flag("cert", "", "string", "PATH", text="client certificate (PEM)"),
    Flag("key", "", "string", "PATH", text="client key (PEM)"),
)

_UNSET = (
    Flag("all", "", text="all of them"),
    Flag("auth", "u", text="authorization key"),
    Flag("apihost", "", text="API host"),
    Flag("apiversion", "", text="API version"),
    Flag("cert", "", text="client certificate"),
    Flag("key", "", text="client key"),
)

ENTRIES = (
    Group(
        "property",
        "work with the configuration of this program",
        (
            Command(
                "get", "property:get", "show properties",
                "wsk property get --apihost",
                most=1000, flags=_GET, needs_host=False,
            ),
            Command(
                "set", "property:set_", "write properties to the properties file",
                "wsk property set --apihost http://127.0.0.1:3233 --auth -",
                flags=_SET, needs_host=False,
            ),
            Command(
                "unset", "property:unset",
                "remove properties from the properties file",
                "wsk property unset --auth",
                most=1000, flags=_UNSET, needs_host=False,
            ),
        ),
    ),
)  # fmt: skip
