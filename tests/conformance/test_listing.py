"""Appendix A, "Listing": cases 47 to 65."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fixtures.house import House, User
from fixtures.rest import (
    as_dict,
    done,
    names,
    put,
    put_package,
    put_rule,
    refused,
    the_exec,
    theirs,
)

COLLECTIONS = ("actions", "triggers", "rules", "packages", "activations")


@pytest.fixture(scope="module")
def many() -> Iterator[dict[str, User]]:
    """Who has 31 actions, in each house; made when first asked for."""
    made: dict[str, User] = {}
    yield made
    for user in made.values():
        user.client.close()


@pytest.fixture
def crowded(house: House, many: dict[str, User]) -> User:
    if house.name not in many:
        user = house.user()
        for number in range(31):
            put(user, f"actions/a{number:02}", exec=the_exec())
        house.users.remove(user)  # it is used by other tests, too
        many[house.name] = user
    return many[house.name]


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_case_047_a_fresh_namespace_is_empty(user: User, collection: str) -> None:
    assert done(user.client.get(collection)) == []
    assert done(user.client.get(f"{collection}/")) == []


def test_case_048_at_most_200_are_listed(user: User) -> None:
    for value in ("201", "-1"):
        refused(
            user.client.get(f"actions?limit={value}"),
            400,
            "The query parameter 'limit' was malformed:\n"
            f"The value '{value}' is not in the range of 0 to 200 for actions.",
        )


def test_case_049_a_limit_is_a_number(user: User) -> None:
    refused(
        user.client.get("triggers?limit=abc"),
        400,
        "The value 'abc' is not an integer for triggers.",
    )


def test_case_050_nobody_skips_backwards(user: User) -> None:
    refused(
        user.client.get("rules?skip=-1"),
        400,
        "The value '-1' is not greater than or equal to 0 for rules.",
    )


def test_case_051_what_is_skipped_is_a_number(user: User) -> None:
    refused(user.client.get("packages?skip=x"), 400, "is not an integer for packages.")


def test_case_052_records_are_listed_like_all_else(user: User) -> None:
    refused(
        user.client.get("activations?limit=201"),
        400,
        "The value '201' is not in the range of 0 to 200 for activations.",
    )


def test_case_053_a_page_has_30_and_zero_means_200(crowded: User) -> None:
    assert len(done(crowded.client.get("actions"))) == 30
    assert len(done(crowded.client.get("actions?limit=0"))) == 31


def test_case_054_counting(crowded: User) -> None:
    for query, count in (("", 31), ("&skip=10", 21), ("&limit=5", 31), ("&skip=99", 0)):
        found = done(crowded.client.get(f"actions?count=true{query}"))
        assert found == {"actions": count}


def test_case_055_the_newest_comes_first(user: User) -> None:
    for name in "abc":
        put(user, f"actions/{name}", exec=the_exec())
    before = names(user.client.get("actions"))

    put(user, "actions/a", overwrite=True)

    assert before == ["c", "b", "a"]
    assert names(user.client.get("actions")) == ["a", "c", "b"]


def test_case_056_a_row_of_an_action(user: User) -> None:
    stored = put(user, "actions/a", exec=the_exec())
    (row,) = done(user.client.get("actions"))

    assert row == {
        "namespace": user.namespace,
        "name": "a",
        "version": "0.0.1",
        "publish": False,
        "annotations": stored["annotations"],
        "updated": stored["updated"],
        "limits": stored["limits"],
        "exec": {"binary": False},
    }


def test_case_057_each_row_says_its_kind(user: User) -> None:
    put(user, "actions/a", exec=the_exec())
    put(user, "actions/s", exec={"kind": "sequence", "components": ["/_/a"]})
    put(user, "actions/b", exec={"kind": "blackbox", "image": "me/image"})

    kinds = {
        row["name"]: as_dict(row["annotations"])["exec"]
        for row in done(user.client.get("actions"))
    }

    assert kinds.pop("a").startswith("python:")
    assert kinds == {"s": "sequence", "b": "blackbox"}


def test_case_058_a_row_of_a_trigger(user: User) -> None:
    put(user, "triggers/t", parameters=[{"key": "a", "value": 1}])
    (row,) = done(user.client.get("triggers"))

    assert set(row) == {
        "namespace",
        "name",
        "version",
        "publish",
        "annotations",
        "updated",
    }


def test_case_059_a_row_of_a_package(user: User) -> None:
    put_package(user, "p")
    put_package(user, "b", binding="p")

    bound, plain = done(user.client.get("packages"))

    assert plain["binding"] is False
    assert bound["binding"] == {"namespace": user.namespace, "name": "p"}
    assert set(plain) == {
        "namespace",
        "name",
        "version",
        "publish",
        "annotations",
        "updated",
        "binding",
    }


def test_case_060_a_row_of_a_rule(user: User) -> None:
    put(user, "actions/a", exec=the_exec())
    put(user, "triggers/t")
    put_rule(user, "r", "t", "a")

    (row,) = done(user.client.get("rules"))

    assert row["trigger"] == {"path": user.namespace, "name": "t"}
    assert row["action"] == {"path": user.namespace, "name": "a"}
    assert "status" not in row


def test_case_061_packaged_actions_are_listed_too(user: User) -> None:
    put_package(user, "pkg")
    put(user, "actions/pkg/a", exec=the_exec())

    (row,) = done(user.client.get("actions"))

    assert (row["namespace"], row["name"]) == (f"{user.namespace}/pkg", "a")


@pytest.mark.parametrize("collection", ["actions", "triggers", "rules", "activations"])
def test_case_062_lists_are_the_owners(
    house: House, user: User, collection: str
) -> None:
    refused(house.user().client.get(theirs(user, collection)), 403)


def test_case_063_strangers_see_published_packages(house: House, user: User) -> None:
    put_package(user, "private")
    put_package(user, "public", publish=True)
    put_package(user, "bound", binding="public", publish=True)
    bob = house.user()

    assert names(bob.client.get(theirs(user, "packages"))) == ["public"]
    count = done(bob.client.get(theirs(user, "packages?count=true")))
    assert count == {"packages": 1}
    assert names(user.client.get("packages")) == ["bound", "public", "private"]


def test_case_064_a_namespace_that_is_not_there_has_no_packages(user: User) -> None:
    address = f"{user.house.api_host}/api/v1/namespaces/nosuchnamespace/packages"

    assert done(user.client.get(address)) == []


def test_case_065_docs_changes_nothing(user: User) -> None:
    put(user, "actions/a", exec=the_exec())

    assert done(user.client.get("actions?docs=true")) == done(
        user.client.get("actions")
    )
