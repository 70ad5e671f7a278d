"""Appendix A, "Packages": cases 202 to 219."""

from __future__ import annotations

import pytest
from fixtures.house import House, User
from fixtures.rest import (
    WRONG_COLLECTION,
    as_dict,
    done,
    names,
    pairs,
    put,
    put_package,
    refused,
    the_exec,
    theirs,
)


@pytest.fixture
def bob(house: House) -> User:
    return house.user()


def binding(owner: User, name: str) -> dict[str, object]:
    return {"binding": {"namespace": owner.namespace, "name": name}}


def test_case_202_a_created_package(user: User) -> None:
    stored = put_package(user, "p")

    assert stored.pop("updated") > 0
    assert stored == {
        "namespace": user.namespace,
        "name": "p",
        "version": "0.0.1",
        "publish": False,
        "parameters": [],
        "annotations": [],
        "binding": {},
    }


@pytest.mark.parametrize("query", ["", "?overwrite=true"])
def test_case_203_default_is_reserved(user: User, query: str) -> None:
    answer = user.client.put(f"packages/default{query}", json={})

    assert refused(answer, 400) == "Package name 'default' is reserved."


def test_case_204_a_package_shows_actions_and_feeds(user: User) -> None:
    put_package(user, "p", annotations=pairs({"description": "d"}))
    action = put(user, "actions/p/a", exec=the_exec())
    feed = put(user, "actions/p/f", exec=the_exec(), annotations=pairs({"feed": False}))
    put(user, "actions/outside", exec=the_exec())

    found = done(user.client.get("packages/p"))

    for listed, stored in ((found["actions"], action), (found["feeds"], feed)):
        (item,) = listed
        assert item == {key: stored[key] for key in ("name", "version", "annotations")}
    assert found["binding"] == {}
    assert as_dict(found["annotations"]) == {"description": "d"}


def test_case_205_a_binding_shows_what_is_behind_it(user: User, bob: User) -> None:
    put_package(user, "p", publish=True, parameters=pairs({"x": "p", "y": "p"}))
    put(user, "actions/p/a", exec=the_exec())
    put_package(bob, "b", of=user, binding="p", parameters=pairs({"y": "b", "z": "b"}))

    found = done(bob.client.get("packages/b"))

    assert as_dict(found["parameters"]) == {"x": "p", "y": "b", "z": "b"}
    assert [each["name"] for each in found["actions"]] == ["a"]
    assert (found["namespace"], found["name"]) == (bob.namespace, "b")
    assert found["binding"] == {"namespace": user.namespace, "name": "p"}


def test_case_206_the_annotation_binding_is_the_systems(user: User) -> None:
    wish = pairs({"binding": "mine", "other": 1})

    plain = put_package(user, "p", annotations=wish)
    bound = put_package(user, "b", binding="p", annotations=wish)
    changed = put(user, "packages/b", overwrite=True, annotations=pairs({"new": 1}))

    target = {"namespace": user.namespace, "name": "p"}
    assert as_dict(plain["annotations"]) == {"other": 1}
    assert as_dict(bound["annotations"]) == {"other": 1, "binding": target}
    assert as_dict(changed["annotations"]) == {"new": 1, "binding": target}


def test_case_207_what_is_bound_has_to_be_there(user: User) -> None:
    body = {"binding": {"namespace": "_", "name": "none"}}

    assert refused(user.client.put("packages/b", json=body), 400) == (
        "Binding references a package that does not exist."
    )


def test_case_208_a_binding_cannot_be_bound(user: User) -> None:
    put_package(user, "p")
    put_package(user, "b", binding="p")

    assert (
        refused(user.client.put("packages/c", json=binding(user, "b")), 400)
        == "Cannot bind to another package binding."
    )


def test_case_209_nor_an_action(user: User) -> None:
    put(user, "actions/a", exec=the_exec())

    assert (
        refused(user.client.put("packages/b", json=binding(user, "a")), 409)
        == "Cannot bind to a resource that is not a package."
    )


def test_case_210_a_package_does_not_become_a_binding(user: User) -> None:
    put_package(user, "p")
    put_package(user, "q")

    answer = user.client.put("packages/q?overwrite=true", json=binding(user, "p"))

    assert refused(answer, 409) == (
        "Resource is a package and cannot be converted into a binding."
    )


def test_case_211_only_what_may_be_read_may_be_bound(user: User, bob: User) -> None:
    put_package(user, "private")
    put_package(user, "public", publish=True)

    for name in ("private", "missing"):
        answer = bob.client.put("packages/b", json=binding(user, name))
        refused(answer, 403, f"not authorized to access '{user.namespace}/{name}'")
    put_package(bob, "b", of=user, binding="public")


def test_case_212_a_binding_may_not_lead_to_itself(user: User) -> None:
    put_package(user, "p")
    before = put_package(user, "b", binding="p")

    refused(
        user.client.put("packages/b?overwrite=true", json=binding(user, "b")),
        400,
        "Cannot bind to another package binding.",
    )

    after = done(user.client.get("packages/b"))
    assert after["binding"] == before["binding"]
    assert after["version"] == "0.0.1"


def test_case_212_a_binding_may_lead_elsewhere(user: User) -> None:
    put_package(user, "p")
    put_package(user, "q")
    put_package(user, "b", binding="p")

    kept = put(user, "packages/b", overwrite=True, binding={})
    moved = put(user, "packages/b", overwrite=True, **binding(user, "q"))

    assert kept["binding"]["name"] == "p"
    assert moved["binding"]["name"] == "q"
    assert as_dict(moved["annotations"])["binding"]["name"] == "q"


def test_case_213_strangers_are_told_nothing(user: User, bob: User) -> None:
    put_package(user, "private")
    put(user, "triggers/t")

    for name in ("private", "missing", "t"):
        answer = bob.client.get(theirs(user, f"packages/{name}"))
        refused(answer, 403, f"not authorized to access '{user.namespace}/{name}'")
    assert refused(user.client.get("packages/x"), 404) == (
        f"The requested resource '{user.namespace}/x' does not exist."
    )


def test_case_213_a_published_package_is_read_by_all(user: User, bob: User) -> None:
    put_package(user, "p", publish=True)
    put(user, "actions/p/a", exec=the_exec())

    assert done(bob.client.get(theirs(user, "packages/p")))["actions"]
    assert names(bob.client.get(theirs(user, "actions/p/"))) == ["a"]
    assert done(bob.client.get(theirs(user, "actions/p/a")))["name"] == "a"
    for method in ("PUT", "DELETE"):
        refused(bob.client.request(method, theirs(user, "packages/p"), json={}), 403)


def test_case_214_a_binding_is_never_read_by_others(user: User, bob: User) -> None:
    put_package(user, "p", publish=True)
    put_package(user, "b", binding="p", publish=True)

    refused(bob.client.get(theirs(user, "packages/b")), 403)
    refused(bob.client.get(theirs(user, "actions/b/")), 403)
    refused(bob.client.put("packages/c", json=binding(user, "b")), 403)


def test_case_205_a_provider_that_closed_its_package(user: User, bob: User) -> None:
    put_package(user, "p", publish=True)
    put(user, "actions/p/a", exec=the_exec())
    put_package(bob, "b", of=user, binding="p")
    put_package(user, "own", binding="p")

    put(user, "packages/p", overwrite=True, publish=False)
    for path in ("packages/b", "actions/b/", "actions/b/a"):
        refused(bob.client.get(path), 403)
    done(user.client.delete("packages/p?force=true"))
    refused(bob.client.get("packages/b"), 403)
    refused(user.client.get("packages/own"), 404)


def test_case_215_a_package_with_actions_is_kept(user: User) -> None:
    put_package(user, "p")
    put(user, "actions/p/a", exec=the_exec())

    assert refused(user.client.delete("packages/p"), 409) == (
        "Package not empty (contains 1 entity). "
        "Set force param or delete package contents."
    )
    put(user, "actions/p/b", exec=the_exec())
    refused(user.client.delete("packages/p"), 409, "(contains 2 entities)")
    for name in "ab":
        done(user.client.delete(f"actions/p/{name}"))
    assert done(user.client.delete("packages/p"))["name"] == "p"
    refused(user.client.get("packages/p"), 404)


def test_case_216_unless_force_is_used(user: User) -> None:
    put_package(user, "p")
    for name in "ab":
        put(user, f"actions/p/{name}", exec=the_exec())
    put(user, "actions/outside", exec=the_exec())

    done(user.client.delete("packages/p?force=true"))

    assert names(user.client.get("actions")) == ["outside"]
    refused(user.client.get("packages/p"), 404)


def test_case_217_a_package_cannot_be_invoked(user: User) -> None:
    put_package(user, "p")

    for name in ("p", "refresh"):
        refused(user.client.post(f"packages/{name}", json={}), 405)


def test_case_218_deleting_a_binding_leaves_its_provider(user: User) -> None:
    put_package(user, "p")
    put(user, "actions/p/a", exec=the_exec())
    put_package(user, "b", binding="p")

    done(user.client.delete("packages/b"))

    assert len(done(user.client.get("packages/p"))["actions"]) == 1


def test_case_219_an_empty_update_keeps_all(user: User) -> None:
    first = put_package(
        user,
        "p",
        publish=True,
        parameters=pairs({"x": 1}),
        annotations=pairs({"y": 2}),
    )

    second = put(user, "packages/p", overwrite=True)

    assert second["version"] == "0.0.2"
    for field in ("publish", "parameters", "annotations"):
        assert second[field] == first[field]


def test_case_041_a_package_name_taken_by_another_collection(user: User) -> None:
    put(user, "triggers/x")

    refused(user.client.put("packages/x", json={}), 409, WRONG_COLLECTION)
