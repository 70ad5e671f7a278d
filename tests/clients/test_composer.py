"""Compositions that openwhisk-composer from npm compiles run here unchanged."""

from __future__ import annotations

import time

import pytest
from fixtures.chains import annotations_of, steps_of
from fixtures.composer import Composer
from fixtures.house import User, result_of

JS = "nodejs:default"


@pytest.fixture(autouse=True)
def components(user: User) -> None:
    """What the compositions are made of, in both languages."""
    user.put_action("inc", "def main(args): return {**args, 'n': args['n'] + 1}")
    user.put_action("double", "const main = p => ({ ...p, n: p.n * 2 })", kind=JS)
    user.put_action("even", "def main(args): return {'value': args['n'] % 2 == 0}")
    user.put_action("broken", "function main() { throw new Error('no') }", kind=JS)
    user.put_action(
        "flaky",
        "const main = p => p.tries < 3 ? { error: 'again' } : { ok: p.tries }",
        kind=JS,
    )


def test_a_sequence(composer: Composer, user: User) -> None:
    printed = composer.deploy("s", "composer.sequence('inc', 'double', 'inc')")

    assert printed.startswith("ok: created action")
    answer = user.invoke("s", {"n": 3})
    assert answer.status_code == 200, answer.text
    assert result_of(answer) == {"n": 9}
    record = user.record(answer.json()["activationId"])
    assert annotations_of(record)["conductor"] is True
    names = [step["name"] for step in steps_of(user, record)]
    assert names == ["s", "inc", "s", "double", "s", "inc", "s"]


def test_an_if(composer: Composer, user: User) -> None:
    composer.deploy("c", "composer.if('even', 'double', 'inc')")

    assert result_of(user.invoke("c", {"n": 4})) == {"n": 8}
    assert result_of(user.invoke("c", {"n": 5})) == {"n": 6}


def test_a_try(composer: Composer, user: User) -> None:
    composer.deploy("c", "composer.try('broken', p => ({ caught: p.error }))")

    answer = user.invoke("c", {})

    assert answer.status_code == 200
    assert "caught" in result_of(answer)


def test_an_error_that_nobody_catches(composer: Composer, user: User) -> None:
    composer.deploy("c", "composer.sequence('broken', 'inc')")

    answer = user.invoke("c", {})

    assert answer.status_code == 502
    assert answer.json()["response"]["status"] == "application error"
    steps = steps_of(user, answer.json())
    assert [step["name"] for step in steps] == ["c", "broken", "c"]


def test_a_let(composer: Composer, user: User) -> None:
    composer.deploy(
        "c", "composer.let({ kept: 40 }, 'inc', p => ({ n: p.n + kept }), 'inc')"
    )

    assert result_of(user.invoke("c", {"n": 0})) == {"n": 42}


def test_a_retry(composer: Composer, user: User) -> None:
    composer.deploy(
        "c",
        "composer.let({ tries: 0 }, composer.retry(5, "
        "() => ({ tries: ++tries }), 'flaky'))",
    )
    composer.deploy("d", "composer.retry(2, 'broken')")

    assert result_of(user.invoke("c", {})) == {"ok": 3}
    assert user.invoke("d", {}).status_code == 502


def test_a_while(composer: Composer, user: User) -> None:
    composer.deploy("c", "composer.while(p => ({ value: p.n < 5 }), 'inc')")
    composer.deploy("d", "composer.repeat(3, 'double')")

    assert result_of(user.invoke("c", {"n": 1})) == {"n": 5}
    assert result_of(user.invoke("d", {"n": 1})) == {"n": 8}


def test_a_finally(composer: Composer, user: User) -> None:
    composer.deploy("c", "composer.finally('inc', p => ({ last: p.n }))")

    assert result_of(user.invoke("c", {"n": 1})) == {"last": 2}


def test_actions_defined_with_the_composition(composer: Composer, user: User) -> None:
    composer.deploy(
        "c",
        "composer.sequence(composer.action('own', "
        "{ action: function (p) { return { own: p.n } } }), p => ({ is: p.own }))",
    )

    assert user.client.get("actions/own").status_code == 200
    assert result_of(user.invoke("c", {"n": 7})) == {"is": 7}


def test_a_composition_inside_another(composer: Composer, user: User) -> None:
    composer.deploy("inner", "composer.sequence('inc', 'inc')")
    composer.deploy("outer", "composer.sequence('inner', 'double')")

    answer = user.invoke("outer", {"n": 1})

    assert result_of(answer) == {"n": 6}
    inner = steps_of(user, answer.json())[1]
    assert (inner["name"], len(inner["logs"])) == ("inner", 5)


def test_an_async_part_is_an_activation_of_its_own(
    composer: Composer, user: User
) -> None:
    """The conductor calls the API with the client that its runtime provides."""
    composer.deploy("c", "composer.sequence(composer.async('inc'), p => p)")

    answer = user.invoke("c", {"n": 1})

    assert answer.status_code == 200, answer.text
    told = result_of(answer)
    assert told["method"] == "async"
    late = time.monotonic() + 30
    record = user.record(told["activationId"])
    assert time.monotonic() < late
    assert record["response"]["result"] == {"n": 2}
