"""Documents: their shape at rest, and strictness when they are read."""

from __future__ import annotations

import orjson
import pytest
from contract.stores.examples import a_package, a_rule, a_trigger, an_action

from chasen.entities import Action, Parameters, ReducedRule, Rule, Status, Trigger
from chasen.errors import CorruptDocument, MalformedContent, WrongCollection
from chasen.stores.documents import (
    decode_document,
    decode_entity,
    encode_document,
    entity_document,
)

RULES = {"guest/r": ReducedRule(a_rule("r").action, Status.ACTIVE)}


def test_an_action_document_has_openwhisks_members() -> None:
    document = entity_document(an_action("package/hello", updated_ms=5))

    assert document["entityType"] == "action"
    assert (document["namespace"], document["name"]) == ("guest/package", "hello")
    assert document["limits"] == {
        "timeout": 60_000,
        "memory": 256,
        "logs": 10,
        "concurrency": 1,
    }
    assert document["exec"]["kind"] == "python:3.11"


def test_users_keys_are_never_at_the_top() -> None:
    """CouchDB refuses a leading underscore there, and with it the whole batch."""
    mine = Parameters.of({"_id": 1, "entityType": 2})
    plain = entity_document(an_action("a"))

    assert entity_document(
        an_action("a", parameters=mine, annotations=mine)
    ).keys() == (plain.keys())


@pytest.mark.parametrize(
    "entity",
    [
        an_action("package/a"),
        a_trigger("t", rules=RULES),
        a_rule("r"),
        a_package("p"),
    ],
    ids=lambda entity: type(entity).__name__,
)
def test_any_missing_member_is_corruption(entity: Action | Trigger | Rule) -> None:
    document = entity_document(entity)

    for member in document:
        damaged = {key: value for key, value in document.items() if key != member}
        with pytest.raises(CorruptDocument):
            decode_entity(type(entity), damaged, str(entity.fqn), "1-a")


@pytest.mark.parametrize(
    "entity",
    [an_action("package/a"), a_trigger("t", rules=RULES), a_rule("r")],
    ids=lambda entity: type(entity).__name__,
)
@pytest.mark.parametrize("wrong", [17, "x!", [1], {"a": {}}, True])
def test_any_member_of_a_wrong_type_is_corruption(
    entity: Action | Trigger | Rule, wrong: object
) -> None:
    document = entity_document(entity)

    for member, value in document.items():
        if type(value) is type(wrong) and not isinstance(wrong, dict):
            continue
        with pytest.raises((CorruptDocument, WrongCollection)):
            decode_entity(
                type(entity), document | {member: wrong}, str(entity.fqn), "1-a"
            )


def test_a_document_under_anothers_name_is_corruption() -> None:
    with pytest.raises(CorruptDocument):
        decode_entity(Action, entity_document(an_action("a")), "guest/b", "1-a")


def test_another_kind_is_the_wrong_collection() -> None:
    with pytest.raises(WrongCollection):
        decode_entity(Rule, entity_document(an_action("a")), "guest/a", "1-a")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"1", b'{"a": NaN}'])
def test_text_that_is_no_object_is_corruption(text: bytes) -> None:
    with pytest.raises(CorruptDocument):
        decode_document(text)


@pytest.mark.parametrize("value", [2**70, "\ud800", {1: 2}, object()])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    entity = an_action("a", parameters=Parameters.of({"x": value}))

    with pytest.raises(MalformedContent):
        encode_document(entity_document(entity))


def test_a_document_survives_json() -> None:
    trigger = a_trigger("t", rules=RULES, parameters=Parameters.of({"a": [1.5, None]}))
    document = orjson.loads(encode_document(entity_document(trigger)))

    decoded = decode_entity(Trigger, document, "guest/t", "1-a")

    assert decoded.rules == trigger.rules
    assert decoded.parameters == trigger.parameters
