"""Flags that several commands share."""

from wsk.grammar import Flag

PAGING = (
    Flag("skip", "s", "int", "COUNT", 0, "leave out this many"),
    Flag("limit", "l", "int", "COUNT", 30, "show at most this many (0: 200)"),
    Flag("all", "", text="show all, page by page"),
)
LISTING = (*PAGING, Flag("name-sort", "n", text="sort by name"))
SETTINGS = (
    Flag("set", "", "list", "KEY=VALUE", text="parameter; @FILE reads the value"),
    Flag("set-string", "", "list", "KEY=VALUE", text="parameter, always text"),
    Flag("set-file", "", "list", "KEY=FILE", text="parameter with a file's content"),
)
DATA = Flag("data", "", "string", "JSON|@FILE|-", text="the whole body, also an array")
SUMMARY = Flag("summary", "s", text="describe in two lines")
AN_OPTIONAL_NAMESPACE = "An optional namespace is the only valid argument."
LOG_FLAGS = (
    Flag("follow", "f", text="go on until Ctrl-C"),
    Flag("last", "l", text="the newest activation only"),
    Flag("since", "", "string", "TIME", text="ms, 10m, 2h, RFC 3339"),
    Flag("tail", "", "int", "COUNT", 30, "look at this many activations"),
    Flag(
        "grep", "", "string", "PATTERN", text="lines that match, a regular expression"
    ),
    Flag("status", "", "string", "STATUS", text="success|error|..."),
    Flag("strip", "r", text="lines only"),
    Flag("timestamps", "", text="with the time of each line"),
    Flag("timeout", "", "int", "SECONDS", 0, "with --follow: end after; 0: never"),
)
