"""Appendix A, "Names, ids, shared key space": cases 32 to 46."""

from __future__ import annotations

import pytest
from fixtures.house import User
from fixtures.rest import (
    NOT_THERE,
    WRONG_COLLECTION,
    done,
    names,
    put,
    refused,
    the_exec,
)

ILLEGAL = "The name of the entity contains illegal characters."


def test_case_032_a_name_may_have_spaces(user: User) -> None:
    stored = put(user, "actions/my%20action", exec=the_exec())

    assert stored["name"] == "my action"
    assert done(user.client.get("actions/my%20action"))["name"] == "my action"


def test_case_033_but_not_be_one(user: User) -> None:
    for name in ("%20", "a%20", "%20a"):
        answer = user.client.put(f"actions/{name}", json={"exec": the_exec()})
        assert refused(answer, 400) == ILLEGAL


def test_case_034_a_dollar_is_illegal(user: User) -> None:
    assert refused(user.client.put("triggers/$hola", json={}), 400) == ILLEGAL


def test_case_035_a_plus_is_illegal(user: User) -> None:
    assert refused(user.client.put("packages/hi%2Bthere", json={}), 400) == ILLEGAL


def test_case_036_a_dash_may_end_but_not_begin_a_name(user: User) -> None:
    body = {"exec": the_exec()}

    refused(user.client.put("actions/-x", json=body), 400, ILLEGAL)
    assert done(user.client.put("actions/x-", json=body))["name"] == "x-"


def test_case_037_an_ampersand_is_legal(user: User) -> None:
    assert put(user, "actions/a%26b", exec=the_exec())["name"] == "a&b"


def test_case_038_a_name_of_257_is_too_long(user: User) -> None:
    answer = user.client.put(f"actions/{'a' * 257}", json={"exec": the_exec()})

    assert refused(answer, 400) == "Name segement longer than allowed: 257 > 256."


def test_case_039_a_name_of_256_is_not(user: User) -> None:
    assert put(user, f"actions/{'a' * 256}", exec=the_exec())["name"] == "a" * 256


def test_case_040_case_matters(user: User) -> None:
    put(user, "actions/Foo", exec=the_exec())
    put(user, "actions/foo", exec=the_exec())

    assert sorted(names(user.client.get("actions"))) == ["Foo", "foo"]


def test_case_041_a_triggers_name_is_taken_for_actions(user: User) -> None:
    put(user, "triggers/x")
    answer = user.client.put("actions/x", json={"exec": the_exec()})

    assert refused(answer, 409) == WRONG_COLLECTION


def test_case_042_get_through_the_wrong_collection(user: User) -> None:
    put(user, "actions/a", exec=the_exec())

    for collection in ("triggers", "rules", "packages"):
        assert refused(user.client.get(f"{collection}/a"), 409) == WRONG_COLLECTION


def test_case_043_delete_through_the_wrong_collection(user: User) -> None:
    put(user, "actions/a", exec=the_exec())

    for collection in ("triggers", "rules", "packages"):
        refused(user.client.delete(f"{collection}/a"), 409, WRONG_COLLECTION)
    assert done(user.client.get("actions/a"))["name"] == "a"


@pytest.mark.parametrize("part", ["", "/logs", "/result"])
def test_case_044_an_activation_id_has_32_characters(user: User, part: str) -> None:
    refused(
        user.client.get(f"activations/abc{part}"),
        400,
        "Activation id length is 3 but must be 32.",
    )


def test_case_045_an_activation_id_is_hexadecimal(user: User) -> None:
    answer = user.client.get(f"activations/{'z' * 32}")

    assert refused(answer, 400) == "The activation id is not valid."


def test_case_046_an_unknown_activation_is_404(user: User) -> None:
    assert refused(user.client.get(f"activations/{'0' * 32}"), 404) == NOT_THERE
