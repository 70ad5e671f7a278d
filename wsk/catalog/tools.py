"""Commands that the original does not have: logs, new, dev, doctor and a few more."""

from wsk.catalog.shared import LOG_FLAGS
from wsk.grammar import Command, Flag

ENTRIES = (
    Command(
        "logs", "logs:logs", "show or follow the logs of activations",
        "wsk logs hello --tail 5",
        "[ACTION_NAME | ACTIVATION_ID]", 0, 1,
        "An action name or an activation ID is the only valid argument.", LOG_FLAGS,
    ),
    Command(
        "new", "new:new", "write a new project from a template",
        "wsk new shop --kind python:default",
        "NAME", 0, 1, "A project name is required.",
        (
            Flag("kind", "", "string", "KIND", "python:default", "language"),
            Flag("template", "", "string", "NAME", "web", "see --list"),
            Flag("dir", "", "string", "DIR", text="write here (default: NAME)"),
            Flag("force", "", text="also into a folder that is not empty"),
            Flag("list", "", text="list the templates"),
        ),
        needs_host=False,
    ),
    Command(
        "dev", "dev:dev", "run actions here while you write them",
        "wsk dev hello.py --once -p name World",
        "[DIR | FILE]", 0, 1, "A folder or a file is the only valid argument.",
        (
            Flag("port", "", "int", "PORT", 3333, "listen here, on 127.0.0.1"),
            Flag("event", "", "string", "FILE", text="JSON object to invoke with"),
            Flag("kind", "", "string", "KIND", text="runtime of the file"),
            Flag("main", "", "string", "NAME", text="function to call"),
            Flag("env-file", "", "string", "FILE", text="KEY=VALUE lines for the code"),
            Flag("once", "", text="invoke once and end"),
        ),
        "pP", needs_host=False,
    ),
    Command(
        "completion", "tools:completion", "print a completion script for your shell",
        "wsk completion bash",
        "bash|zsh|fish", 1, 1, "A shell is required: bash, zsh or fish.",
        needs_host=False,
    ),
    Command(
        "doctor", "doctor:doctor", "find out why a server cannot be reached",
        "wsk doctor", needs_host=False,
    ),
    Command(
        "curl", "tools:curl", "send one authenticated request",
        "wsk curl namespaces/_/limits",
        "PATH", 1, 1, "A path below /api/v1 is required.",
        (
            Flag("request", "X", "string", "METHOD", "GET", "method"),
            Flag("data", "", "string", "JSON|@FILE|-", text="body"),
        ),
    ),
    Command(
        "version", "tools:version", "show the version", "wsk version",
        needs_host=False,
    ),
)  # fmt: skip
