"""wsk activation: list, get, logs, result, poll."""

from wsk.catalog.shared import AN_OPTIONAL_NAMESPACE, PAGING, SUMMARY
from wsk.grammar import Command, Flag, Group

_LAST = Flag("last", "l", text="the newest activation")
_ID = "An activation ID is required."
_STATES = ("success", "error", "application", "developer", "internal")

ENTRIES = (
    Group(
        "activation",
        "work with activations",
        (
            Command(
                "list", "activation_list:list_", "list activations, newest first",
                "wsk activation list hello --limit 5",
                "[ACTION_NAME]", 0, 1, AN_OPTIONAL_NAMESPACE,
                (
                    *PAGING,
                    Flag("full", "f", text="show the records"),
                    Flag("since", "", "string", "TIME", text="ms, 10m, 2h, RFC 3339"),
                    Flag("upto", "", "string", "TIME", text="ms, 10m, 2h, RFC 3339"),
                    Flag(
                        "status", "", "string", "STATUS", text="success|error|...",
                        values=_STATES,
                    ),
                ),
            ),
            Command(
                "get", "activations:get", "show the record of an activation",
                "wsk activation get --last",
                "(ACTIVATION_ID | --last) [FIELD]", 0, 1000, _ID,
                (_LAST, SUMMARY, Flag("logs", "g", text="show the logs only")),
            ),
            Command(
                "logs", "activations:logs", "show the logs of an activation",
                "wsk activation logs --last --strip",
                "(ACTIVATION_ID | --last)", 0, 1000, _ID,
                (_LAST, Flag("strip", "r", text="without times and streams")),
            ),
            Command(
                "result", "activations:result", "show the result of an activation",
                "wsk activation result --last",
                "(ACTIVATION_ID | --last)", 0, 1000, _ID,
                (
                    _LAST,
                    Flag("exit-status", "", text="exit 246 if the activation failed"),
                ),
            ),
            Command(
                "poll", "poll:poll", "show logs as activations end",
                "wsk activation poll --exit 10",
                "[ACTION_NAME]", 0, 1, AN_OPTIONAL_NAMESPACE,
                (
                    Flag("exit", "e", "int", "SECONDS", 0, "end after; 0: never"),
                    Flag("since-seconds", "", "int", "COUNT", 0, "start earlier"),
                    Flag("since-minutes", "", "int", "COUNT", 0, "start earlier"),
                    Flag("since-hours", "", "int", "COUNT", 0, "start earlier"),
                    Flag("since-days", "", "int", "COUNT", 0, "start earlier"),
                ),
            ),
            Command(
                "tail", "logs:tail", "follow the logs: short for `logs --follow`",
                "wsk activation tail hello --timeout 10",
                "[ACTION_NAME]", 0, 1, AN_OPTIONAL_NAMESPACE,
                (Flag("timeout", "", "int", "SECONDS", 0, "end after; 0: never"),),
            ),
        ),
    ),
)  # fmt: skip
