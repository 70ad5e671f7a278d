"""S38: the table of rights, held against every route and every kind of caller."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fixtures.house import House, User, an_address

from controller.api.description.openapi import path_parameters
from controller.api.description.operation import Operation, Right
from controller.api.description.operations import OPERATIONS

EXEC = {"kind": "python:default", "code": "def main(args):\n    return args"}
KEYED = [each for each in OPERATIONS if each.right is not Right.NONE]
OWN = [each for each in KEYED if each.right is not Right.KEY]
SHARED = [each for each in OWN if each.shared]
# Reading before deleting, contents before packages.
IN_ORDER = sorted(
    KEYED, key=lambda each: (each.method == "DELETE", -each.path.count("/"))
)
NAMES = {
    "actions": "action",
    "packages": "package",
    "triggers": "trigger",
    "rules": "rule",
    "limits": "any",
}
BODIES: dict[str, Any] = {
    "ActionPut": {"exec": EXEC},
    "RulePut": {"trigger": "/_/trigger", "action": "/_/action"},
    "RuleStatus": {"status": "active"},
}


@pytest.fixture
def owner(house: House) -> User:
    """Has one of each, so that what is refused is there."""
    user = house.user()
    for path, body in (
        ("actions/action", BODIES["ActionPut"]),
        ("packages/package", {}),
        ("actions/package/inside", BODIES["ActionPut"]),
        ("triggers/trigger", {}),
        ("rules/rule", BODIES["RulePut"]),
    ):
        answer = user.client.put(path, json=body)
        assert answer.status_code == 200, (path, answer.text)
    return user


def call(
    client: httpx.Client, owner: User, operation: Operation, **given: Any
) -> httpx.Response:
    """Ask for something of the owner's; the status must be a documented one."""
    collection = operation.path.split("/")[5:6]
    values = {
        "namespace": owner.namespace,
        "package": "package",
        "identifier": "0" * 32,
        "name": NAMES.get("".join(collection), ""),
    }
    if "package" in path_parameters(operation):
        values["name"] = "inside"
    if operation.body:
        given.setdefault("json", BODIES.get(operation.body, {}))
    if operation.method == "PUT":
        given.setdefault("params", {"overwrite": "true"})
    path = operation.path.format_map(values)
    url = f"{owner.house.api_host}{path}"
    answer = client.request(operation.method, url, **given)
    documented = {*operation.answers, *operation.errors}
    assert answer.status_code in documented, (operation.name, answer.text)
    return answer


def test_without_a_key_only_what_is_public_answers(house: House, owner: User) -> None:
    with httpx.Client() as nobody:
        for each in OPERATIONS:
            if each.right is Right.NONE:
                if each.answers:  # a web action's answer is its own
                    answer = call(nobody, owner, each)
                    assert answer.status_code in each.answers, each.name
                continue
            answer = call(nobody, owner, each)
            assert answer.status_code == 401, each.name
            assert set(answer.json()) == {"error", "code"}


@pytest.mark.parametrize(
    "authorization",
    ["Bearer token", "Basic", "Basic !", "Basic Z3Vlc3Q6Z3Vlc3Q=", "Digest x", ""],
)
def test_other_credentials_are_none(
    house: House, owner: User, authorization: str
) -> None:
    headers = {"authorization": authorization} | an_address()

    with httpx.Client(headers=headers) as nobody:
        for each in KEYED[:3]:  # after 20 failures in a minute an address has to wait
            answer = call(nobody, owner, each)
            assert answer.status_code == 401, each.name


def test_a_stranger_is_refused_whatever_belongs_to_a_namespace(
    house: House, owner: User
) -> None:
    stranger = house.user()

    for each in KEYED:
        answer = call(stranger.client, owner, each)
        if each.right is Right.KEY:
            assert answer.status_code == (200 if each.answers else 404), each.name
        else:
            assert answer.status_code == 403, (each.name, answer.text)


def test_a_published_package_is_open_to_be_read_and_invoked_only(
    house: House, owner: User
) -> None:
    reader = house.user()
    published = {"publish": True}
    owner.client.put("packages/package?overwrite=true", json=published)

    for each in OWN:
        answer = call(reader.client, owner, each)
        if each.shared:
            assert answer.status_code in each.answers, (each.name, answer.text)
        else:
            assert answer.status_code == 403, (each.name, answer.text)


def test_the_owner_may_do_everything(house: House, owner: User) -> None:
    for each in IN_ORDER:
        answer = call(owner.client, owner, each)
        if not each.answers or "identifier" in path_parameters(each):
            assert answer.status_code in (400, 404), each.name
        else:
            assert answer.status_code in each.answers, (each.name, answer.text)


def test_a_key_of_another_namespace_of_the_same_subject_is_a_strangers(
    house: House, owner: User
) -> None:
    """Rights belong to namespaces, not to who owns several."""
    key = house.admin("user", "create", owner.namespace, "-ns", f"{owner.namespace}-b")
    uuid, _, secret = key.strip().partition(":")

    with httpx.Client(auth=(uuid, secret)) as other:
        for each in OWN:
            answer = call(other, owner, each)
            assert answer.status_code == 403, (each.name, answer.text)
