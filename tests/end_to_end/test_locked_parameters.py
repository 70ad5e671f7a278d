"""Parameters marked with ``encryption``: sealed at rest, opened for the run only."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

import pytest
from fixtures.house import House, User, result_of
from fixtures.rest import done, pairs, put, put_package, refused, the_exec

LOCKED = "aes-256"
# Says what it got without telling it: records are not secret.
DIGEST = """
import hashlib, json, os
def main(args):
    def digest(value):
        return hashlib.sha256(json.dumps(value).encode()).hexdigest()
    names = ["TOKEN_" + each for each in "ABC"]
    return {
        "args": {key: digest(args[key]) for key in sorted(args)},
        "env": {key: digest(os.environ[key]) for key in names if key in os.environ},
    }
"""
# Looks at everything that the house keeps where its settings are.
SEARCH = """
import asyncio, json, os
from chasen.entities import Action, EntityPath, Package
from chasen.ports.stores import Page
from chasen.settings import Settings
from chasen.stores.documents import entity_document
from chasen.stores.open import open_stores

needle = {needle!r}

async def stored(settings):
    async with open_stores(
        settings.store_url, password=settings.store_password()
    ) as stores:
        path = EntityPath({namespace!r})
        return [
            json.dumps(entity_document(entity))
            for kind in (Action, Package)
            for entity in await stores.entities.list(kind, path, Page())
        ]

settings = Settings.from_environment(os.environ)
found = [text for text in asyncio.run(stored(settings)) if needle in text]
for folder, _, names in os.walk(settings.state_dir):
    for name in names:
        try:
            with open(os.path.join(folder, name), "rb") as file:
                if needle.encode() in file.read():
                    found.append(os.path.join(folder, name))
        except OSError:
            pass  # sockets
print(json.dumps(found))
"""


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def locked(key: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"key": key, "value": value, "encryption": LOCKED, **more}


def shown(entity: dict[str, Any], key: str) -> dict[str, Any]:
    (found,) = (each for each in entity["parameters"] if each["key"] == key)
    return found


@pytest.fixture
def secret() -> str:
    return f"s3cr3t-{secrets.token_hex(16)}"


def test_a_locked_parameter_reaches_the_function_and_nobody_else(
    user: User, secret: str
) -> None:
    value = {"nested": [secret, 1]}
    stored = put(
        user,
        "actions/a",
        exec=the_exec(DIGEST),
        parameters=[locked("token", value), {"key": "plain", "value": 1}],
    )

    for entity in (stored, done(user.client.get("actions/a"))):
        assert secret not in json.dumps(entity)
        assert shown(entity, "token")["encryption"] == LOCKED
        assert isinstance(shown(entity, "token")["value"], str)
        assert shown(entity, "plain") == {"key": "plain", "value": 1}
    got = result_of(user.invoke("a", {"other": 2}))["args"]
    assert got == {"token": digest(value), "plain": digest(1), "other": digest(2)}
    overridden = result_of(user.invoke("a", {"token": "mine"}))["args"]
    assert overridden["token"] == digest("mine")


def test_a_locked_parameter_is_nowhere_in_the_clear(
    house: House, user: User, secret: str
) -> None:
    """Not in the store, nor where accepted messages and records are kept."""
    control = f"plain-{user.namespace}"  # what is not locked is found
    plain = {"key": "plain", "value": control}
    put_package(user, "p", parameters=[locked("x", f"x-{secret}"), plain])
    put(
        user,
        "actions/p/a",
        exec=the_exec(DIGEST),
        parameters=[locked("y", f"y-{secret}"), locked("e", secret, init=True)],
    )
    accepted = user.client.post("actions/p/a", json={}).json()["activationId"]
    record = user.record(accepted)
    assert set(record["response"]["result"]["args"]) == {"x", "y", "plain"}
    put(user, "triggers/t")
    put(user, "rules/r", trigger="/_/t", action="/_/p/a")
    assert user.client.post("triggers/t", json={}).status_code == 202

    def places(needle: str) -> list[str]:
        program = SEARCH.format(needle=needle, namespace=user.namespace)
        return json.loads(house.python(program))

    assert places(secret) == []
    assert places(control)


def test_packages_bindings_and_the_environment_have_locked_parameters(
    house: House, user: User, secret: str
) -> None:
    provider = [
        locked("TOKEN_A", f"A{secret}", init=True),
        locked("TOKEN_B", f"B{secret}", init=True),
        locked("x", 1),
    ]
    put_package(user, "p", publish=True, parameters=provider)
    put(user, "actions/p/a", exec=the_exec(DIGEST), parameters=[locked("z", 3)])
    bob = house.user()
    bound = [locked("TOKEN_B", f"bob{secret}", init=True), locked("x", 2)]
    put_package(bob, "b", of=user, binding="p", parameters=bound)

    direct = result_of(user.invoke("p/a"))
    through = result_of(bob.invoke("b/a"))

    assert direct == {
        "args": {"x": digest(1), "z": digest(3)},
        "env": {"TOKEN_A": digest(f"A{secret}"), "TOKEN_B": digest(f"B{secret}")},
    }
    assert through["args"] == {"x": digest(2), "z": digest(3)}
    assert through["env"]["TOKEN_B"] == digest(f"bob{secret}")
    put(user, "packages/p", overwrite=True, parameters=provider[:1])
    assert set(result_of(user.invoke("p/a"))["env"]) == {"TOKEN_A"}, "no old container"


def test_what_was_shown_can_be_put_back(user: User, secret: str) -> None:
    stored = put(
        user, "actions/a", exec=the_exec(DIGEST), parameters=[locked("token", secret)]
    )

    again = put(user, "actions/a", overwrite=True, parameters=[shown(stored, "token")])

    assert shown(again, "token") == shown(stored, "token")
    assert result_of(user.invoke("a"))["args"] == {"token": digest(secret)}


def test_what_was_shown_is_of_no_use_in_another_namespace(
    house: House, user: User, secret: str
) -> None:
    stored = put(
        user, "actions/a", exec=the_exec(DIGEST), parameters=[locked("token", secret)]
    )
    thief = house.user()
    stolen = shown(stored, "token")
    put(thief, "actions/a", exec=the_exec(DIGEST), parameters=[stolen])

    got = result_of(thief.invoke("a"))["args"]["token"]

    assert got == digest(stolen["value"]), "the sealed text itself, sealed once more"


def test_locked_and_final(user: User) -> None:
    put(
        user,
        "actions/a",
        exec=the_exec(DIGEST),
        annotations=pairs({"final": True}),
        parameters=[locked("token", 1)],
    )

    refused(user.client.post("actions/a", json={"token": 2}), 400, "not allowed")


def test_no_parameter_is_locked_where_nobody_could_open_it(user: User) -> None:
    body = {"parameters": [locked("token", 1)]}

    refused(
        user.client.put("triggers/t", json=body),
        400,
        "Parameters cannot be encrypted here.",
    )
    nonsense = {"parameters": [{"key": "a", "value": 1, "encryption": "rot13"}]}
    refused(user.client.put("packages/p", json=nonsense), 400, "parameters malformed!")
