"""wsk action: create, update, invoke, get, delete, list, logs."""

from wsk.catalog.shared import (
    AN_OPTIONAL_NAMESPACE,
    DATA,
    LISTING,
    LOG_FLAGS,
    SETTINGS,
    SUMMARY,
)
from wsk.grammar import Command, Flag, Group

_WEB_VALUES = ("yes", "true", "raw", "no", "false")
_STORE = (
    Flag("kind", "", "string", "KIND", text="runtime, such as nodejs:20 or python:3"),
    Flag("main", "", "string", "NAME", text="function (or class) to call"),
    Flag("docker", "", "string", "IMAGE", text="image to run the action in"),
    Flag("native", "", text="ARTIFACT is an executable"),
    Flag("sequence", "", text="ARTIFACT is a comma separated list of actions"),
    Flag("copy", "", text="ARTIFACT is an action to copy"),
    Flag("web", "", "string", "MODE", text="yes|true|raw|no|false", values=_WEB_VALUES),
    Flag("web-secure", "", "string", "SECRET", text="true|false|SECRET for web calls"),
    Flag("timeout", "t", "int", "MS", 60000, "time limit in milliseconds"),
    Flag("memory", "m", "int", "MB", 256, "memory limit in MB"),
    Flag("logsize", "l", "int", "MB", 10, "log limit in MB"),
    Flag("concurrency", "c", "int", "COUNT", 1, "activations at once in a container"),
    Flag("env", "", "pair", "KEY VALUE", text="environment variable of the action"),
    Flag("create-package", "", text="create a missing package first"),
    *SETTINGS,
)
_UPDATE = (
    *_STORE,
    Flag("del-annotation", "", "list", "KEY", text="annotation to remove"),
    Flag("del-param", "", "list", "KEY", text="parameter to remove"),
    Flag("clear-params", "", text="remove all parameters"),
    Flag("if-changed", "", text="do nothing when nothing would change"),
)
_GET = (
    SUMMARY,
    Flag("url", "r", text="show where the action is called"),
    Flag("save", "", text="save the code to a file of the action's name"),
    Flag("save-as", "", "string", "FILE", text="save the code to this file; - prints"),
    Flag("force", "", text="let --save overwrite a file"),
)
_INVOKE = (
    Flag("blocking", "b", text="wait for the activation's record"),
    Flag("result", "r", text="wait for the result, show only that"),
    Flag("logs", "", text="with -b or -r: show the logs on stderr"),
    Flag("wait", "", "string", "DURATION", text="keep asking when it takes longer"),
    Flag("repeat", "n", "int", "COUNT", 1, "invoke this often, show latencies"),
    Flag("concurrency", "", "int", "COUNT", 1, "with --repeat: this many at once"),
    Flag("web", "", text="call the web address"),
    Flag("local", "", "string", "FILE", text="run this file here instead"),
    Flag("kind", "", "string", "KIND", text="with --local: runtime of the file"),
    Flag("main", "", "string", "NAME", text="with --local: function to call"),
    *SETTINGS,
    DATA,
)
_NAME = "An action name is required."

ENTRIES = (
    Group(
        "action",
        "work with actions",
        (
            Command(
                "create", "actions:create", "create an action",
                "wsk action create hello hello.py --kind python:3.11",
                "ACTION_NAME ARTIFACT", 1, 2,
                "An action name and code artifact are required.", _STORE, "pPaA",
            ),
            Command(
                "update", "actions:update", "update an action, or create it",
                "wsk action update hello hello.py -p name World",
                "ACTION_NAME [ARTIFACT]", 1, 2,
                "An action name is required. A code artifact is optional.", _UPDATE,
                "pPaA",
            ),
            Command(
                "invoke", "invoke:invoke", "invoke an action",
                "wsk action invoke hello --result --param name World",
                "ACTION_NAME", 0, 1, _NAME, _INVOKE, "pP", needs_host=False,
            ),
            Command(
                "get", "action_get:get", "show an action",
                "wsk action get hello --summary",
                "ACTION_NAME [FIELD]", 1, 2, _NAME, _GET,
            ),
            Command(
                "delete", "actions:delete", "delete actions",
                "wsk action delete hello",
                "ACTION_NAME", 1, 1, _NAME,
                (Flag("ignore-missing", "", text="a missing action is no error"),),
            ),
            Command(
                "list", "actions:list_", "list the actions of a namespace or package",
                "wsk action list --limit 10",
                "[/NAMESPACE | PACKAGE]", 0, 1, AN_OPTIONAL_NAMESPACE, LISTING,
            ),
            Command(
                "logs", "logs:logs", "show or follow an action's logs",
                "wsk action logs hello --follow",
                "ACTION_NAME", 1, 1, _NAME, LOG_FLAGS,
            ),
        ),
    ),
)  # fmt: skip
