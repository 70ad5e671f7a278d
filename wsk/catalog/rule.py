"""wsk rule: create, update, get, status, enable, disable, delete, list."""

from wsk.catalog.shared import AN_OPTIONAL_NAMESPACE, LISTING, SUMMARY
from wsk.grammar import Command, Flag, Group

_NAME = "A rule name is required."
_THREE = "A rule, trigger and action name are required."
_ENDS = "RULE_NAME TRIGGER_NAME ACTION_NAME"

ENTRIES = (
    Group(
        "rule",
        "work with rules",
        (
            Command(
                "create", "rules:create", "bind an action to a trigger",
                "wsk rule create on-order new-order hello", _ENDS, 3, 3, _THREE,
            ),
            Command(
                "update", "rules:update", "update a rule, or create it",
                "wsk rule update on-order new-order hello", _ENDS, 3, 3, _THREE,
            ),
            Command(
                "get", "rules:get", "show a rule",
                "wsk rule get on-order --summary",
                "RULE_NAME [FIELD]", 1, 2, _NAME, (SUMMARY,),
            ),
            Command(
                "status", "rules:status", "show whether a rule is active",
                "wsk rule status on-order", "RULE_NAME", 1, 1, _NAME,
            ),
            Command(
                "enable", "rules:enable", "make a rule active",
                "wsk rule enable on-order", "RULE_NAME", 1, 1, _NAME,
            ),
            Command(
                "disable", "rules:disable", "make a rule inactive",
                "wsk rule disable on-order", "RULE_NAME", 1, 1, _NAME,
            ),
            Command(
                "delete", "rules:delete", "delete a rule",
                "wsk rule delete on-order --disable", "RULE_NAME", 1, 1, _NAME,
                (Flag("disable", "", text="make it inactive first"),),
            ),
            Command(
                "list", "rules:list_", "list the rules of a namespace",
                "wsk rule list", "[/NAMESPACE]", 0, 1, AN_OPTIONAL_NAMESPACE, LISTING,
            ),
        ),
    ),
)  # fmt: skip
