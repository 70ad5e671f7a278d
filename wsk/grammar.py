"""The shapes of the command tree: flags, commands, groups.

The tree itself is in `catalog`; parsing it is `arguments`, showing it `help`,
completing it `completion`.
"""

from typing import NamedTuple


class Flag(NamedTuple):
    """One `--flag`. Kinds: bool, string, int, list (repeatable), pair (two tokens)."""

    name: str
    short: str = ""
    kind: str = "bool"
    metavar: str = ""
    default: str | int = ""
    text: str = ""
    values: tuple[str, ...] = ()  # what completion offers, and typos are measured by


class Command(NamedTuple):
    """One leaf of the tree.

    `run` is "module:function" below `wsk`; `pairs` are the letters of the two-token
    flags it uses; `required` is the sentence of argument-count errors; `needs_host` is
    whether it talks to a server.
    """

    name: str
    run: str
    summary: str
    example: str
    operands: str = ""
    least: int = 0
    most: int = 0
    required: str = "No arguments are required."
    flags: tuple[Flag, ...] = ()
    pairs: str = ""
    needs_host: bool = True
    hidden: bool = False


class Group(NamedTuple):
    """A named branch: `wsk action ...`."""

    name: str
    summary: str
    children: tuple["Command | Group", ...]
    flags: tuple[Flag, ...] = ()


# Removed from the command line before anything else is read (see `arguments`).
PAIR_FLAGS = {
    "p": Flag("param", "p", "pair", "KEY VALUE", "", "parameter (JSON if it parses)"),
    "P": Flag("param-file", "P", "string", "FILE", "", "JSON object of parameters"),
    "a": Flag("annotation", "a", "pair", "KEY VALUE", "", "annotation"),
    "A": Flag("annotation-file", "A", "string", "FILE", "", "JSON object: annotations"),
    "F": Flag("feed-param", "F", "pair", "KEY VALUE", "", "parameter of the feed"),
    "T": Flag("trigger-param", "T", "pair", "KEY VALUE", "", "trigger's parameter"),
}

OUTPUTS = ("text", "json", "yaml", "name", "wide")

GLOBAL_FLAGS = (
    Flag("help", "h", text="show this help"),
    Flag("verbose", "v", text="show requests and answers"),
    Flag("debug", "d", text="show requests and answers in full, and tracebacks"),
    Flag("insecure", "i", text="do not verify the server's certificate"),
    Flag("auth", "u", "string", "KEY", text="authorization key of this call"),
    Flag("apihost", "", "string", "HOST", text="API host of this call"),
    Flag("apiversion", "", "string", "VERSION", text="API version of this call"),
    Flag("cert", "", "string", "PATH", text="client certificate (PEM)"),
    Flag("key", "", "string", "PATH", text="client key (PEM)"),
    Flag("cacert", "", "string", "FILE", text="certificates to trust (PEM)"),
    Flag("output", "o", "string", "FORMAT", "text", "|".join(OUTPUTS), OUTPUTS),
    Flag("quiet", "q", text="no `ok:` lines"),
    Flag(
        "color", "", "string", "WHEN", "auto", "auto|always|never",
        ("auto", "always", "never"),
    ),
    Flag("config", "", "string", "FILE", text="properties file of this call"),
    Flag("context", "", "string", "NAME", text="named configuration of this call"),
    Flag("dry-run", "", text="print the requests that would change something"),
    Flag("no-input", "", text="never ask"),
    Flag("http-timeout", "", "int", "SECONDS", 75, "wait this long for an answer"),
    Flag("version", "", text="show the version"),
)  # fmt: skip
