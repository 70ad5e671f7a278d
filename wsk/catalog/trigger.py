"""wsk trigger: create, update, get, delete, list, fire."""

from wsk.catalog.shared import AN_OPTIONAL_NAMESPACE, DATA, LISTING, SETTINGS, SUMMARY
from wsk.grammar import Command, Flag, Group

_NAME = "A trigger name is required."

ENTRIES = (
    Group(
        "trigger",
        "work with triggers",
        (
            Command(
                "create", "triggers:create", "create a trigger",
                "wsk trigger create new-order --param region eu",
                "TRIGGER_NAME", 1, 1, _NAME,
                (
                    Flag("feed", "f", "string", "ACTION", text="feed that fires it"),
                    *SETTINGS,
                ),
                "pPaAFT",
            ),
            Command(
                "update", "triggers:update", "update a trigger, or create it",
                "wsk trigger update new-order --param region us",
                "TRIGGER_NAME", 1, 1, _NAME, SETTINGS, "pPaAFT",
            ),
            Command(
                "fire", "triggers:fire", "fire a trigger",
                "wsk trigger fire new-order --param item 3",
                "TRIGGER_NAME", 1, 1, _NAME, (*SETTINGS, DATA), "pP",
            ),
            Command(
                "get", "triggers:get", "show a trigger",
                "wsk trigger get new-order",
                "TRIGGER_NAME [FIELD]", 1, 2, _NAME, (SUMMARY,),
            ),
            Command(
                "delete", "triggers:delete", "delete a trigger",
                "wsk trigger delete new-order",
                "TRIGGER_NAME", 1, 1, _NAME,
                (
                    Flag("force", "", text="no effect; accepted for older scripts"),
                    Flag("keep-on-feed-error", "", text="keep it if its feed fails"),
                ),
            ),
            Command(
                "list", "triggers:list_", "list the triggers of a namespace",
                "wsk trigger list --name-sort",
                "[/NAMESPACE]", 0, 1, AN_OPTIONAL_NAMESPACE, LISTING,
            ),
        ),
    ),
)  # fmt: skip
