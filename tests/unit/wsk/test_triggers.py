"""wsk trigger: the feed protocol, step by step."""

from typing import Any

import pytest
from unit.wsk.conftest import KEY, Wsk
from unit.wsk.recorded import MISSING, RecordedServer

ID = "0123456789abcdef0123456789abcdef"
FED = {
    "namespace": "guest", "name": "t", "version": "0.0.1", "limits": {},
    "annotations": [{"key": "feed", "value": "/_/echo"}], "publish": False,
}  # fmt: skip
RECORD = {
    "activationId": ID,
    "response": {"success": True, "result": {"lifecycleEvent": "READ"}},
}
PLAIN = {**FED, "annotations": []}


def test_a_feed_is_told_of_the_creation(guest: Wsk, server: RecordedServer) -> None:
    """Case 75; -p goes to the feed."""
    server.answer("PUT", "triggers/t", 200, FED)
    server.answer("POST", "actions/echo", 200, RECORD)

    ran = guest("trigger", "create", "t", "--feed", "echo", "-p", "x", "1")

    put, told = server.requests
    assert put.json == {
        "name": "t", "annotations": [{"key": "feed", "value": "/_/echo"}],
    }  # fmt: skip
    assert told.target.endswith("/actions/echo?blocking=true&result=false")
    assert told.json == {
        "x": 1, "lifecycleEvent": "CREATE", "triggerName": "/_/t", "authKey": KEY,
    }  # fmt: skip
    assert ran.out.startswith(f"ok: invoked /_/echo with id {ID}\n{{\n")
    assert ran.out.endswith("}\nok: created trigger t\n")


@pytest.mark.parametrize(
    ("status", "body", "code", "text"),
    [
        (404, MISSING, 148, "The requested resource does not exist. (code tid_1)"),
        (502, {"activationId": ID, "response": {"result": {"error": "no"}}}, 246, "no"),
        (202, {"activationId": ID}, 202, "it has not yet finished"),
    ],
)
def test_a_trigger_whose_feed_fails_is_taken_back(
    guest: Wsk, server: RecordedServer, status: int, body: Any, code: int, text: str
) -> None:
    """Case 74; the original prints no message for an application error."""
    server.answer("PUT", "triggers/t3", 200, FED)
    server.answer("POST", "actions/nosuch", status, body)
    server.answer("GET", "triggers/t3", 200, PLAIN)
    server.answer("DELETE", "triggers/t3", 200, PLAIN)

    ran = guest("trigger", "create", "t3", "--feed", "nosuch")

    assert ran.out == "ok: deleted trigger t3\n"
    assert ran.err.startswith(
        "error: Unable to create trigger 't3': Unable to configure feed '/_/nosuch': "
        + text
    )
    assert "Run 'wsk" not in ran.err
    assert ran.code == code


def test_get_shows_the_trigger_and_what_its_feed_says(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "triggers/t", 200, FED)
    server.answer("POST", "actions/echo", 200, RECORD)

    ran = guest("trigger", "get", "t")

    assert ran.out.startswith('ok: got trigger t\n{\n    "namespace": "guest",\n')
    assert '"feed": {\n        "lifecycleEvent": "READ"\n    }' in ran.out
    assert ran.code == 0


def test_a_feed_that_fails_does_not_hide_its_trigger(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "triggers/t", 200, FED)

    ran = guest("trigger", "get", "t")

    assert '"feedError": "Unable to configure feed' in ran.out
    assert ran.err.startswith("warning: ")
    assert ran.code == 0


def test_delete_prints_the_record_then_deletes(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "triggers/t", 200, FED)
    server.answer("POST", "actions/echo", 200, RECORD)
    server.answer("DELETE", "triggers/t", 200, FED)

    ran = guest("trigger", "delete", "t")

    assert server.requests[1].json["lifecycleEvent"] == "DELETE"
    assert ran.out.startswith("{\n")
    assert ran.out.endswith("}\nok: deleted trigger t\n")


def test_a_failing_feed_does_not_keep_a_trigger_alive(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "triggers/t", 200, FED)
    server.answer("DELETE", "triggers/t", 200, FED)

    ran = guest("trigger", "delete", "t")
    kept = guest("trigger", "delete", "t", "--keep-on-feed-error")

    assert ran.out == "ok: deleted trigger t\n"
    assert "warning: Unable to configure feed '/_/echo'" in ran.err
    assert kept.code == 148


def test_deleting_what_is_missing_says_get(guest: Wsk) -> None:
    ran = guest("trigger", "delete", "t")

    assert ran.err == (
        "error: Unable to get trigger 't': The requested resource does not exist. "
        "(code tid_1)\n"
    )
    assert ran.code == 148


def test_updating_a_feed_trigger_tells_only_the_feed(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "triggers/t", 200, FED)
    server.answer("POST", "actions/echo", 200, RECORD)

    guest("trigger", "update", "t", "-p", "x", "2")

    assert server.lines == [
        "GET triggers/t", "POST actions/echo?blocking=true&result=false",
    ]  # fmt: skip
    assert server.requests[1].json["lifecycleEvent"] == "UPDATE"
    assert server.requests[1].json["x"] == 2


def test_updating_a_missing_trigger_creates_it(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("PUT", "triggers/t", 200, PLAIN)

    ran = guest("trigger", "update", "t", "-p", "a", "1")

    assert ran.out == "ok: created trigger t\n"
    assert server.requests[1].json["parameters"] == [{"key": "a", "value": 1}]


def test_new_annotations_do_not_lose_the_feed(
    guest: Wsk, server: RecordedServer
) -> None:
    """The server replaces a trigger's annotations as a whole."""
    server.answer("GET", "triggers/t", 200, FED)
    server.answer("PUT", "triggers/t", 200, FED)

    guest("trigger", "update", "t", "-a", "k", "v")

    assert {"key": "feed", "value": "/_/echo"} in server.requests[1].json["annotations"]


def test_feed_parameters_for_a_feedless_trigger(
    guest: Wsk, server: RecordedServer
) -> None:
    server.answer("GET", "triggers/t", 200, PLAIN)
    server.answer("PUT", "triggers/t", 200, PLAIN)

    ran = guest("trigger", "update", "t", "-F", "a", "1")

    assert ran.err == (
        "error: Unable to configure feed 't': this trigger does not contain a feed\n"
    )
    assert ran.code == 1
