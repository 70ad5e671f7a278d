"""Programs written with the `openwhisk` client from npm run unchanged."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from fixtures.openwhisk_js import Client, Refused

GREET = """
function main(params) {
  console.log('greeting', params.name)
  return { greeting: `Hello ${params.name || 'stranger'}!` }
}
"""
ECHO = "function main(params) { return params }"
FAIL = "function main() { return { error: 'on purpose' } }"
THROW = "function main() { throw new Error('thrown') }"


def until(read: Callable[[], Any], within_s: float = 30) -> Any:
    """Answer what is read, once it is there: records follow a little later."""
    late = time.monotonic() + within_s
    while True:
        try:
            if found := read():
                return found
        except Refused as refused:
            if refused.status != 404:
                raise
        assert time.monotonic() < late
        time.sleep(0.1)


def refusal(call: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value


# Actions -----------------------------------------------------------------------------


def test_an_action_is_created_read_listed_and_deleted(js: Client) -> None:
    created = js("actions.create", {"name": "hello", "action": GREET})

    assert (created["name"], created["version"]) == ("hello", "0.0.1")
    assert created["namespace"] == js.user.namespace
    assert created["exec"]["kind"].startswith("nodejs:")
    read = js("actions.get", "hello")
    assert read["exec"]["code"] == GREET
    assert "code" not in js("actions.get", {"name": "hello", "code": False})["exec"]
    (row,) = js("actions.list")
    assert row["name"] == "hello"
    assert js("actions.list", {"count": True}) == {"actions": 1}
    assert js("actions.delete", "hello")["name"] == "hello"
    assert js("actions.list") == []


def test_an_action_is_updated_with_parameters_limits_and_annotations(
    js: Client,
) -> None:
    js("actions.create", {"name": "hello", "action": GREET})

    updated = js(
        "actions.update",
        {
            "name": "hello",
            "action": ECHO,
            "params": {"name": "Ada", "deep": {"list": [1, None, "x"]}},
            "annotations": {"description": "says what it hears"},
            "limits": {"timeout": 5000, "memory": 128},
            "version": "2.3.4",
        },
    )

    assert updated["version"] == "2.3.4"
    assert updated["limits"]["timeout"] == 5000
    noted = {each["key"]: each["value"] for each in updated["annotations"]}
    assert noted["description"] == "says what it hears"
    result = js("actions.invoke", {"name": "hello", "blocking": True, "result": True})
    assert result == {"name": "Ada", "deep": {"list": [1, None, "x"]}}


def test_an_action_is_invoked_with_and_without_waiting(js: Client) -> None:
    js("actions.create", {"name": "hello", "action": GREET})
    call = {"name": "hello", "params": {"name": "Grace"}}

    record = js("actions.invoke", call | {"blocking": True})
    result = js("actions.invoke", call | {"blocking": True, "result": True})
    accepted = js("actions.invoke", call)

    assert record["response"]["result"] == {"greeting": "Hello Grace!"}
    assert record["response"]["success"] is True
    assert result == {"greeting": "Hello Grace!"}
    assert list(accepted) == ["activationId"]
    stored = until(lambda: js("activations.get", accepted["activationId"]))
    assert stored["response"]["result"] == {"greeting": "Hello Grace!"}


def test_names_may_say_where_they_belong(js: Client) -> None:
    js("actions.create", {"name": "my action", "action": ECHO})
    namespace = js.user.namespace

    for name in ("my action", "/_/my action", f"/{namespace}/my action"):
        assert js("actions.get", name)["name"] == "my action"
    call = {"name": f"/{namespace}/my action", "blocking": True, "params": {"a": 1}}
    assert js("actions.invoke", call)["response"]["result"] == {"a": 1}


def test_an_archive_is_given_as_a_buffer(js: Client) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("package.json", '{"main": "index.js"}')
        archive.writestr(
            "index.js", "exports.main = () => ({ from: require('./part') })"
        )
        archive.writestr("part.js", "module.exports = 'a part'")
    code = base64.b64encode(packed.getvalue()).decode()

    created = js(
        "actions.create",
        {"name": "packed", "action": {"$base64": code}, "kind": "nodejs:default"},
    )

    assert created["exec"]["binary"] is True
    call = {"name": "packed", "blocking": True, "result": True}
    assert js("actions.invoke", call) == {"from": "a part"}


def test_a_sequence_hands_on_results(js: Client) -> None:
    double = "function main({ n }) { return { n: n * 2 } }"
    js("actions.create", {"name": "double", "action": double})

    namespace = js.user.namespace
    created = js(
        "actions.create",
        {"name": "twice", "sequence": [f"/{namespace}/double", "/_/double"]},
    )

    assert created["exec"]["components"] == [f"/{namespace}/double"] * 2
    call = {"name": "twice", "blocking": True, "result": True, "params": {"n": 3}}
    assert js("actions.invoke", call) == {"n": 12}


def test_lists_are_paged(js: Client) -> None:
    for number in range(5):
        js("actions.create", {"name": f"a{number}", "action": ECHO})

    pages = [
        [row["name"] for row in js("actions.list", {"skip": skip, "limit": 2})]
        for skip in (0, 2, 4)
    ]

    assert pages == [["a4", "a3"], ["a2", "a1"], ["a0"]]


def test_many_are_asked_for_at_once(js: Client) -> None:
    """The client takes a list and asks for all of it together."""
    for name in ("one", "two", "three"):
        js("actions.create", {"name": name, "action": ECHO})

    found = js("actions.get", [{"name": each} for each in ("one", "two", "three")])

    assert [each["name"] for each in found] == ["one", "two", "three"]


# Errors ------------------------------------------------------------------------------


def test_what_is_missing_and_what_is_there_are_told(js: Client) -> None:
    missing = refusal(lambda: js("actions.get", "nothing"))
    js("actions.create", {"name": "hello", "action": GREET})
    there = refusal(lambda: js("actions.create", {"name": "hello", "action": GREET}))

    assert missing.status == 404
    assert missing.body["error"] == "The requested resource does not exist."
    assert isinstance(missing.body["code"], str)
    assert there.status == 409
    assert there.body["error"] == "resource already exists"


def test_the_actions_own_errors_carry_their_record(js: Client) -> None:
    for name, code in (("fails", FAIL), ("throws", THROW)):
        js("actions.create", {"name": name, "action": code})

    failed = refusal(lambda: js("actions.invoke", {"name": "fails", "blocking": True}))
    thrown = refusal(lambda: js("actions.invoke", {"name": "throws", "blocking": True}))

    assert failed.status == thrown.status == 502
    assert failed.body["response"]["result"] == {"error": "on purpose"}
    assert failed.body["response"]["status"] == "application error"
    assert str(failed).endswith('--> "on purpose"')
    assert thrown.body["response"]["success"] is False


def test_a_wrong_key_is_refused(js: Client) -> None:
    uuid = js.user.key.partition(":")[0]
    options = {"apihost": js.user.house.api_host, "api_key": f"{uuid}:{'x' * 64}"}
    js.ask({"connect": options})

    refused = refusal(lambda: js("actions.list"))

    assert refused.status == 401
    assert refused.body["error"] == "The supplied authentication is invalid"


def test_another_namespace_is_closed(js: Client) -> None:
    other = js.user.house.user().namespace

    refused = refusal(lambda: js("actions.get", f"/{other}/hello"))

    assert refused.status == 403


def test_bad_input_is_refused_with_a_sentence(js: Client) -> None:
    for call in (
        lambda: js("actions.create", {"name": "a", "action": ECHO, "kind": "x:1"}),
        lambda: js("actions.create", {"name": "$a", "action": ECHO}),
        lambda: js("actions.list", {"limit": 201}),
        lambda: js(
            "actions.create", {"name": "a", "action": ECHO, "limits": {"memory": 1}}
        ),
        lambda: js("actions.create", {"name": "s", "sequence": ["/_/nothing"]}),
        lambda: js("rules.create", {"name": "r", "trigger": "t", "action": "a"}),
    ):
        refused = refusal(call)
        assert refused.status in (400, 404), refused
        assert refused.body["error"]
        assert refused.body["code"]


def test_a_payload_that_is_too_big_is_refused(js: Client) -> None:
    js("actions.create", {"name": "echo", "action": ECHO})

    refused = refusal(
        lambda: js("actions.invoke", {"name": "echo", "params": {"x": "x" * 2**20}})
    )

    assert refused.status == 413


# Packages ----------------------------------------------------------------------------


def test_a_package_holds_actions_and_hands_parameters_down(js: Client) -> None:
    body = {"parameters": [{"key": "colour", "value": "green"}], "publish": True}
    created = js("packages.create", {"name": "tools", "package": body})
    js("actions.create", {"name": "tools/echo", "action": ECHO})

    assert (created["name"], created["publish"]) == ("tools", True)
    read = js("packages.get", "tools")
    assert [each["name"] for each in read["actions"]] == ["echo"]
    call = {"name": "tools/echo", "blocking": True, "result": True, "params": {"n": 1}}
    assert js("actions.invoke", call) == {"colour": "green", "n": 1}
    (row,) = js("packages.list")
    assert (row["name"], row["binding"]) == ("tools", False)
    assert js("packages.list", {"public": True, "count": True}) == {"packages": 1}


def test_a_package_is_changed_and_deleted_when_empty(js: Client) -> None:
    js("packages.create", "tools")
    js("actions.create", {"name": "tools/echo", "action": ECHO})

    changed = js("packages.update", {"name": "tools", "package": {"version": "1.0.0"}})
    full = refusal(lambda: js("packages.delete", "tools"))
    js("actions.delete", "tools/echo")

    assert changed["version"] == "1.0.0"
    assert full.status == 409
    assert js("packages.delete", "tools")["name"] == "tools"
    assert js("packages.list") == []


def test_a_binding_leads_to_the_actions_of_its_package(js: Client) -> None:
    namespace = js.user.namespace
    js("packages.create", "tools")
    js("actions.create", {"name": "tools/echo", "action": ECHO})
    bound = {
        "binding": {"namespace": namespace, "name": "tools"},
        "parameters": [{"key": "colour", "value": "red"}],
    }

    js("packages.create", {"name": "bound", "package": bound})

    assert js("packages.get", "bound")["binding"] == bound["binding"]
    call = {"name": "bound/echo", "blocking": True, "result": True}
    assert js("actions.invoke", call) == {"colour": "red"}


# Triggers and rules ------------------------------------------------------------------


def test_a_trigger_is_created_read_listed_and_deleted(js: Client) -> None:
    body = {"parameters": [{"key": "place", "value": "here"}]}
    js("triggers.create", {"name": "bell", "trigger": body})

    assert js("triggers.get", "bell")["parameters"] == body["parameters"]
    assert [each["name"] for each in js("triggers.list")] == ["bell"]
    assert js("triggers.list", {"count": True}) == {"triggers": 1}
    js("triggers.update", {"name": "bell", "trigger": {"version": "3.0.0"}})
    assert js("triggers.get", "bell")["version"] == "3.0.0"
    js("triggers.delete", "bell")
    assert refusal(lambda: js("triggers.get", "bell")).status == 404


def test_a_rule_carries_a_fire_to_its_action(js: Client) -> None:
    js("actions.create", {"name": "hello", "action": GREET})
    js("triggers.create", {"name": "bell"})
    rule = js("rules.create", {"name": "r", "trigger": "bell", "action": "hello"})
    namespace = js.user.namespace

    fired = js("triggers.invoke", {"name": "bell", "params": {"name": "Alan"}})

    assert rule["status"] == "active"
    assert rule["trigger"] == {"path": namespace, "name": "bell"}
    assert rule["action"] == {"path": namespace, "name": "hello"}
    (row,) = until(lambda: js("activations.list", {"name": "hello"}))
    record = js("activations.get", row["activationId"])
    assert record["response"]["result"] == {"greeting": "Hello Alan!"}
    fire = until(lambda: js("activations.get", fired["activationId"]))
    (line,) = fire["logs"]
    assert json.loads(line)["activationId"] == row["activationId"]


def test_a_rule_is_switched_off_and_on(js: Client) -> None:
    js("actions.create", {"name": "hello", "action": GREET})
    js("triggers.create", {"name": "bell"})
    js("rules.create", {"name": "r", "trigger": "/_/bell", "action": "/_/hello"})

    assert js("rules.disable", {"name": "r"}) == "OK"
    assert js("rules.get", "r")["status"] == "inactive"
    assert not js("triggers.invoke", "bell")  # nothing to run: 204
    assert js("rules.enable", {"name": "r"}) == "OK"
    assert js("rules.get", "r")["status"] == "active"
    assert "activationId" in js("triggers.invoke", "bell")


def test_a_rule_is_changed_listed_and_deleted(js: Client) -> None:
    for name in ("first", "second"):
        js("actions.create", {"name": name, "action": ECHO})
    js("triggers.create", {"name": "bell"})
    rule = {"name": "r", "trigger": "bell"}
    js("rules.create", rule | {"action": "first"})

    changed = js("rules.update", rule | {"action": "second"})

    assert changed["action"]["name"] == "second"
    assert [each["name"] for each in js("rules.list")] == ["r"]
    assert js("rules.list", {"count": True}) == {"rules": 1}
    assert js("rules.delete", "r")["name"] == "r"
    assert js("rules.list") == []


def test_a_feed_action_hears_of_its_triggers_life(js: Client) -> None:
    js("packages.create", "source")
    js(
        "actions.create",
        {"name": "source/changes", "action": ECHO, "annotations": {"feed": True}},
    )
    js("triggers.create", {"name": "bell"})
    asked = {"name": "source/changes", "trigger": "bell", "params": {"db": "x"}}

    for verb, event in (
        ("create", "CREATE"),
        ("get", "READ"),
        ("update", "UPDATE"),
        ("delete", "DELETE"),
    ):
        heard = js(f"feeds.{verb}", asked)["response"]["result"]
        assert heard["lifecycleEvent"] == event
        assert heard["triggerName"] == "/_/bell"
        assert heard["authKey"] == js.user.key
        assert heard["db"] == "x"
    assert [each["name"] for each in js("packages.get", "source")["feeds"]] == [
        "changes"
    ]


# Activations and namespaces ----------------------------------------------------------


def test_records_are_listed_and_read_in_parts(js: Client) -> None:
    js("actions.create", {"name": "hello", "action": GREET})
    before = int(time.time() * 1000) - 1000
    call = {"name": "hello", "blocking": True, "params": {"name": "Ada"}}
    identifiers = {js("actions.invoke", call)["activationId"] for _ in range(3)}

    rows = until(lambda: _all_of(js, identifiers))

    assert {row["activationId"] for row in rows} == identifiers
    some = next(iter(identifiers))
    assert js("activations.get", some)["activationId"] == some
    result = js("activations.result", some)
    assert result["result"] == {"greeting": "Hello Ada!"}
    assert result["success"] is True
    (line,) = js("activations.logs", some)["logs"]
    assert line.endswith("stdout: greeting Ada")
    docs = js("activations.list", {"since": before, "docs": True, "limit": 2})
    assert [each["response"]["success"] for each in docs] == [True, True]
    assert js("activations.list", {"upto": before}) == []
    assert js("activations.list", {"count": True}) == {"activations": 3}


def _all_of(js: Client, identifiers: set[str]) -> list[dict[str, Any]] | None:
    rows = js("activations.list", {"name": "hello"})
    return rows if len(rows) == len(identifiers) else None


def test_the_namespace_and_what_it_holds_are_told(js: Client) -> None:
    js("actions.create", {"name": "hello", "action": GREET})
    js("triggers.create", {"name": "bell"})

    assert js("namespaces.list") == [js.user.namespace]
    held = js("namespaces.get")
    assert {kind: len(rows) for kind, rows in held.items()} == {
        "actions": 1,
        "packages": 0,
        "triggers": 1,
        "rules": 0,
    }


def test_an_action_uses_the_client_from_within(js: Client) -> None:
    """The environment that actions get is what the client reads."""
    show = """
    function main() {
      return {
        host: process.env.__OW_API_HOST,
        key: process.env.__OW_API_KEY,
        namespace: process.env.__OW_NAMESPACE
      }
    }
    """
    js(
        "actions.create",
        {"name": "env", "action": show, "annotations": {"provide-api-key": True}},
    )

    seen = js("actions.invoke", {"name": "env", "blocking": True, "result": True})

    assert seen["key"] == js.user.key
    assert seen["namespace"] == js.user.namespace
    assert seen["host"].startswith(("http://", "https://"))
