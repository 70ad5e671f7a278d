"""Appendix A, "Invocation": cases 111 to 140."""

from __future__ import annotations

import re
import time

import pytest
from fixtures.house import House, User, result_of
from fixtures.old_kinds import OLD_KIND, store_old_action
from fixtures.rest import (
    ACTIVATION_ID,
    ECHO,
    MALFORMED,
    NOT_THERE,
    as_dict,
    done,
    pairs,
    put,
    put_package,
    refused,
    the_exec,
    theirs,
)

MIB = 1024 * 1024
NOT_ALLOWED = (
    "Request defines parameters that are not allowed (e.g., reserved properties)."
)
SLEEP = "import time\ndef main(args):\n time.sleep(args['s'])\n return {'slept': True}"


def test_case_111_an_invocation_is_accepted(user: User) -> None:
    user.put_action("echo", ECHO)

    answer = user.client.post("actions/echo", json={"a": 1})

    assert answer.status_code == 202
    assert set(answer.json()) == {"activationId"}
    assert re.fullmatch(r"[0-9a-f]{32}", answer.json()["activationId"])
    assert answer.headers[ACTIVATION_ID] == answer.json()["activationId"]


def test_case_112_a_blocking_call_answers_the_record(user: User) -> None:
    user.put_action("echo", ECHO)

    record = done(user.client.post("actions/echo?blocking=true", json={"a": 1}))

    assert set(record) >= {"activationId", "annotations", "start", "end", "duration"}
    assert (record["namespace"], record["subject"]) == (user.namespace,) * 2
    assert (record["name"], record["version"]) == ("echo", "0.0.1")
    assert (record["logs"], record["publish"]) == ([], False)
    response = record["response"]
    assert response["result"] == {"a": 1}
    assert (response["success"], response["status"]) == (True, "success")
    assert "statusCode" not in response


def test_case_113_a_blocking_call_may_answer_the_result(user: User) -> None:
    user.put_action("echo", ECHO)

    answer = user.invoke("echo", {"a": 1}, result="true")

    assert (answer.status_code, answer.text) == (200, '{"a":1}')
    assert len(answer.headers[ACTIVATION_ID]) == 32


def test_case_114_no_result_without_waiting(user: User) -> None:
    user.put_action("echo", ECHO)

    answer = user.client.post("actions/echo?result=true", json={"a": 1})

    assert answer.status_code == 202
    assert set(answer.json()) == {"activationId"}


def test_case_115_an_error_of_the_function(user: User) -> None:
    user.put_action("bad", "def main(args): return {'error': 'boom'}")

    answer = user.invoke("bad")

    assert answer.status_code == 502
    response = answer.json()["response"]
    assert (response["status"], response["success"]) == ("application error", False)
    assert "code" not in answer.json()


def test_case_116_an_error_as_result(user: User) -> None:
    user.put_action("bad", "def main(args): return {'error': 'boom'}")

    answer = user.invoke("bad", result="true")

    assert (answer.status_code, answer.json()) == (502, {"error": "boom"})


def test_case_117_an_exception(user: User) -> None:
    """Whose error it is, the runtime says: docs/conformance.md."""
    thrown = "function main() { throw new Error('boom') }"
    user.put_action("thrown", thrown, kind="nodejs:default")
    user.put_action("raised", "def main(args): raise ValueError('boom')")

    for name, status in (
        ("thrown", "action developer error"),
        ("raised", "application error"),
    ):
        answer = user.invoke(name)
        assert answer.status_code == 502
        assert answer.json()["response"]["status"] == status
        assert "boom" in result_of(answer)["error"]


def test_case_118_a_syntax_error(user: User) -> None:
    user.put_action("bad", "def main(args: return")

    answer = user.invoke("bad")

    assert answer.status_code == 502
    assert answer.json()["response"]["status"] == "action developer error"
    assert isinstance(result_of(answer)["error"], str)


def test_case_119_who_waits_too_short_is_told_later(user: User) -> None:
    user.put_action("slow", SLEEP)

    answer = user.invoke("slow", {"s": 2}, timeout=500)

    assert answer.status_code == 202
    assert set(answer.json()) == {"activationId"}
    record = user.record(answer.json()["activationId"])
    assert record["response"]["success"] is True


@pytest.mark.parametrize("timeout", ["0", "60001", "abc", "-1", "1.5"])
def test_case_120_a_wait_has_bounds(user: User, timeout: str) -> None:
    user.put_action("echo", ECHO)

    for blocking in ("true", "false"):
        answer = user.client.post(
            f"actions/echo?blocking={blocking}&timeout={timeout}", json={}
        )
        assert refused(answer, 400) == (
            "The query parameter 'timeout' was malformed:\n"
            "Timeout must be number of milliseconds up to 60000."
        )


@pytest.mark.parametrize("payload", ["[1,2]", '"x"', "3", "null"])
def test_case_121_a_payload_is_an_object(user: User, payload: str) -> None:
    user.put_action("echo", ECHO)
    headers = {"content-type": "application/json"}

    answer = user.client.post("actions/echo", content=payload, headers=headers)

    assert refused(answer, 400).startswith(MALFORMED)


def test_case_122_no_body_needs_no_type(user: User) -> None:
    user.put_action("echo", ECHO, parameters=pairs({"p": 1}))

    answer = user.client.post("actions/echo")
    blocking = user.client.post("actions/echo?blocking=true")

    assert answer.status_code == 202
    assert result_of(blocking) == {"p": 1}


def test_case_123_a_payload_of_a_mib_and_one_byte(user: User) -> None:
    user.put_action("echo", ECHO)
    payload = b'{"a":"' + b"x" * (MIB + 1 - 8) + b'"}'
    headers = {"content-type": "application/json"}
    assert len(payload) == MIB + 1

    answer = user.client.post("actions/echo", content=payload, headers=headers)

    assert refused(answer, 413) == (
        "Request larger than allowed: 1048577 > 1048576 bytes."
    )


def test_case_124_parameters_of_package_action_and_caller(user: User) -> None:
    put_package(user, "p", parameters=pairs({"a": "p", "b": "p", "c": "p"}))
    put(user, "actions/p/x", exec=the_exec(), parameters=pairs({"b": "a", "c": "a"}))
    user.put_action("plain", ECHO, parameters=pairs({"a": 1}))

    assert result_of(user.invoke("plain", {"a": 2})) == {"a": 2}
    assert result_of(user.invoke("p/x", {"c": "caller"})) == {
        "a": "p",
        "b": "a",
        "c": "caller",
    }


def test_case_124_a_changed_package_is_seen_at_once(user: User) -> None:
    """What is remembered of an action depends on its package."""
    put_package(user, "p", parameters=pairs({"a": 1}))
    put(user, "actions/p/x", exec=the_exec())
    put_package(user, "b", binding="p", parameters=pairs({"b": 1}))
    assert result_of(user.invoke("b/x")) == {"a": 1, "b": 1}

    put(user, "packages/p", overwrite=True, parameters=pairs({"a": 2}))
    put(user, "packages/b", overwrite=True, parameters=pairs({"b": 2}))
    time.sleep(1)  # other controllers are told by the bus

    assert result_of(user.invoke("b/x")) == {"a": 2, "b": 2}
    assert result_of(user.invoke("p/x")) == {"a": 2}
    done(user.client.delete("packages/b"))
    time.sleep(1)
    refused(user.client.post("actions/b/x"), 404)


def test_case_125_a_final_parameter_is_final(user: User) -> None:
    user.put_action(
        "echo", ECHO, annotations=pairs({"final": True}), parameters=pairs({"a": 1})
    )

    refused(user.client.post("actions/echo", json={"a": 2}), 400, NOT_ALLOWED)
    assert user.client.post("actions/echo", json={"b": 2}).status_code == 202


def test_case_125_so_is_one_of_the_package(user: User) -> None:
    put_package(user, "p", parameters=pairs({"a": 1}))
    put(user, "actions/p/x", exec=the_exec(), annotations=pairs({"final": True}))

    refused(user.client.post("actions/p/x", json={"a": 2}), 400, NOT_ALLOWED)


def test_case_126_unless_it_is_null(user: User) -> None:
    user.put_action(
        "echo", ECHO, annotations=pairs({"final": True}), parameters=pairs({"a": None})
    )

    assert result_of(user.invoke("echo", {"a": 2})) == {"a": 2}


def test_case_127_what_is_missing_is_404(user: User) -> None:
    put_package(user, "p")

    assert refused(user.client.post("actions/missing", json={}), 404) == NOT_THERE
    refused(user.client.post("actions/p/missing", json={}), 404)
    refused(user.client.post("actions/nopkg/a", json={}), 404)


def test_case_128_others_may_not_invoke(house: House, user: User) -> None:
    user.put_action("a", ECHO)

    refused(
        house.user().client.post(theirs(user, "actions/a"), json={}),
        403,
        f"not authorized to access '{user.namespace}/a'",
    )


def test_case_129_unless_the_package_is_published(house: House, user: User) -> None:
    put_package(user, "pub", publish=True)
    put(user, "actions/pub/a", exec=the_exec())
    bob = house.user()

    answer = bob.client.post(theirs(user, "actions/pub/a"), json={})

    assert answer.status_code == 202
    record = bob.record(answer.json()["activationId"])
    assert (record["namespace"], record["subject"]) == (bob.namespace,) * 2
    assert as_dict(record["annotations"])["path"] == f"{user.namespace}/pub/a"
    assert done(user.client.get("activations")) == []


def test_case_130_private_and_missing_packages_read_alike(
    house: House, user: User
) -> None:
    put_package(user, "priv")
    put(user, "actions/priv/a", exec=the_exec())
    user.invoke("priv/a")  # so that it is known
    bob = house.user()

    for path in ("priv/a", "nopkg/a"):
        refused(
            bob.client.post(theirs(user, f"actions/{path}"), json={}),
            403,
            f"not authorized to access '{user.namespace}/{path}'",
        )


def test_case_131_an_array_is_answered_bare(user: User) -> None:
    user.put_action("list", "def main(args): return [1, {'a': 2}]")

    for query in ({}, {"result": "true"}):
        answer = user.invoke("list", **query)
        assert (answer.status_code, answer.json()) == (200, [1, {"a": 2}])


def test_case_132_the_time_limit(user: User) -> None:
    user.put_action("slow", SLEEP, limits={"timeout": 1000})

    answer = user.invoke("slow", {"s": 5})

    assert answer.status_code == 502
    assert result_of(answer)["error"] == (
        "The action exceeded its time limits of 1000 milliseconds."
    )
    assert as_dict(answer.json()["annotations"])["timeout"] is True


def test_case_133_a_result_of_more_than_a_mib(user: User) -> None:
    user.put_action("big", "def main(args): return {'a': 'x' * (1024 * 1024)}")

    answer = user.invoke("big")

    assert answer.status_code == 502
    record = answer.json()
    if "response" not in record:  # too big to travel with the answer
        record = user.record(record["activationId"])
    assert record["response"]["status"] == "application error"
    assert record["response"]["result"]["error"].startswith(
        "The action produced a response that exceeded the allowed length:"
    )


def test_case_133_a_namespace_may_have_less(house: House) -> None:
    user = house.user(maxPayloadSize="1 KB", truncationSize="16 B")
    user.put_action("big", "def main(args): return {'a': 'x' * 2000}")

    assert result_of(user.invoke("big"))["error"] == (
        "The action produced a response that exceeded the allowed length: "
        '2008 > 1024 bytes. The truncated response was: {"a":"xxxxxxxxxx'
    )


def test_case_134_any_text_comes_back(user: User) -> None:
    user.put_action("echo", ECHO)
    payload = {"grün": "☕ 𝄞 \u0000 é", "日本": ["語"]}

    assert result_of(user.invoke("echo", payload)) == payload


def test_case_135_no_code_is_a_developers_error(user: User) -> None:
    user.put_action("empty", "")

    answer = user.invoke("empty")

    assert answer.status_code == 502
    assert answer.json()["response"]["status"] == "action developer error"
    assert as_dict(answer.json()["annotations"])["kind"].startswith("python:")


def test_case_136_what_a_record_says_of_a_run(user: User) -> None:
    stored = user.put_action("echo", ECHO)

    cold, warm = (as_dict(user.invoke("echo").json()["annotations"]) for _ in range(2))

    assert cold["path"] == f"{user.namespace}/echo"
    assert cold["kind"] == stored["exec"]["kind"]
    assert cold["limits"] == stored["limits"]
    assert cold["timeout"] is False
    assert isinstance(cold["waitTime"], int)
    assert isinstance(cold["initTime"], int)
    assert set(warm) == set(cold) - {"initTime"}


def test_case_137_a_record_names_the_binding(house: House, user: User) -> None:
    put_package(user, "p", publish=True, parameters=pairs({"x": 1}))
    put(user, "actions/p/a", exec=the_exec())
    bob = house.user()
    put_package(bob, "b", of=user, binding="p", parameters=pairs({"y": 2}))

    bound = bob.invoke("b/a", {"z": 3})
    direct = user.invoke("p/a")

    assert result_of(bound) == {"x": 1, "y": 2, "z": 3}
    noted = as_dict(bound.json()["annotations"])
    assert noted["binding"] == f"{bob.namespace}/b"
    assert noted["path"] == f"{user.namespace}/p/a"
    assert "binding" not in as_dict(direct.json()["annotations"])


def test_case_138_an_old_kind_is_not_run(old_house: House) -> None:
    user = old_house.user()
    store_old_action(user, "old")

    assert refused(user.client.post("actions/old", json={}), 400) == (
        f"The '{OLD_KIND}' runtime is no longer supported. You may read and delete but "
        "not update or invoke this action."
    )


def test_case_139_new_code_runs_at_once(user: User) -> None:
    user.put_action("a", "def main(args): return {'v': 1}")
    assert result_of(user.invoke("a")) == {"v": 1}

    user.put_action("a", "def main(args): return {'v': 2}")

    time.sleep(1)  # other controllers are told by the bus
    assert result_of(user.invoke("a")) == {"v": 2}


def test_case_140_the_key_goes_to_who_asks_for_it(user: User) -> None:
    code = "import os\ndef main(args): return {'key': os.environ.get('__OW_API_KEY')}"
    user.put_action("plain", code)
    user.put_action("keyed", code, annotations=pairs({"provide-api-key": True}))

    assert result_of(user.invoke("plain")) == {"key": None}
    assert result_of(user.invoke("keyed")) == {"key": user.key}
