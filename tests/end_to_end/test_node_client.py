"""`require('openwhisk')` in Node.js actions, as OpenWhisk's own images have it."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from fixtures.chains import ECHO
from fixtures.house import User, result_of

JS = "nodejs:default"
KEYED = [{"key": "provide-api-key", "value": True}]
CALL = """
const openwhisk = require('openwhisk')
async function main({ call, options }) {
  const client = openwhisk()
  const [resource, verb] = call.split('.')
  try {
    return { value: await client[resource][verb](options) }
  } catch (error) {
    return { refused: { status: error.statusCode, body: error.error } }
  }
}
"""


def call(user: User, method: str, options: Any = None) -> dict[str, Any]:
    answer = user.invoke("caller", {"call": method, "options": options or {}})
    assert answer.status_code == 200, answer.text
    return result_of(answer)


def test_an_action_invokes_and_looks_at_others(user: User) -> None:
    user.put_action("caller", CALL, kind=JS, annotations=KEYED)
    user.put_action("echo", ECHO)

    given = {"name": "echo", "params": {"n": 1}}
    only = call(user, "actions.invoke", {**given, "blocking": True, "result": True})
    whole = call(user, "actions.invoke", {**given, "blocking": True})["value"]
    later = call(user, "actions.invoke", given)["value"]

    assert only == {"value": {"n": 1}}
    assert whole["response"]["result"] == {"n": 1}
    assert user.record(later["activationId"])["response"]["result"] == {"n": 1}
    named = call(user, "actions.get", {"name": f"/{user.namespace}/echo"})["value"]
    assert named["exec"]["code"] == ECHO
    names = {each["name"] for each in call(user, "actions.list")["value"]}
    assert names == {"echo", "caller"}
    assert call(user, "namespaces.list") == {"value": [user.namespace]}
    user.record(whole["activationId"])
    result = call(user, "activations.result", {"name": whole["activationId"]})
    assert result["value"]["result"] == {"n": 1}


def test_an_action_fires_a_trigger_and_switches_a_rule(user: User) -> None:
    user.put_action("caller", CALL, kind=JS, annotations=KEYED)
    user.put_action("echo", ECHO)
    user.client.put("triggers/go", json={}).raise_for_status()
    rule = {"trigger": "/_/go", "action": "/_/echo"}
    user.client.put("rules/on", json=rule).raise_for_status()

    fired = call(user, "triggers.invoke", {"name": "go", "params": {"n": 2}})
    call(user, "rules.disable", {"name": "on"})

    record = user.record(fired["value"]["activationId"])
    assert record["response"]["result"] == {"n": 2}
    assert user.client.get("rules/on").json()["status"] == "inactive"


def test_refusals_are_told_as_by_the_client_from_npm(user: User) -> None:
    user.put_action("caller", CALL, kind=JS, annotations=KEYED)
    user.put_action("no", "def main(args): return {'error': 'no'}")

    missing = call(user, "actions.get", {"name": "nope"})["refused"]
    failed = call(user, "actions.invoke", {"name": "no", "blocking": True})["refused"]

    assert missing["status"] == 404
    assert "does not exist" in missing["body"]["error"]
    assert failed["status"] == 502
    assert failed["body"]["response"]["result"] == {"error": "no"}


def test_without_a_key_it_says_what_to_do(user: User) -> None:
    user.put_action("caller", CALL, kind=JS)

    answer = user.invoke("caller", {"call": "actions.list", "options": {}})

    assert answer.status_code == 502
    assert "provide-api-key" in result_of(answer)["error"]["message"]


def test_a_client_that_the_action_brings_is_found_first(user: User) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(
            "index.js", "exports.main = () => ({ who: require('openwhisk') })"
        )
        archive.writestr("node_modules/openwhisk/index.js", "module.exports = 'own'")
    user.put_action("bring", data.getvalue(), kind=JS)

    assert result_of(user.invoke("bring")) == {"who": "own"}
