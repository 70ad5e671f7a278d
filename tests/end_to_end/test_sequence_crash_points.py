"""A house that dies at a named moment of a walk goes on where it was.

C13: a step has its outcome, and the next is not begun.  C14: the end is told, and not
recorded.  C15: it is recorded, and its message not settled.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from fixtures.chains import INC, TELL, a_sequence, put_conductor
from fixtures.house import EmbeddedProcess, User
from fixtures.journals import Journals

NAMES = {"s": 3, "nested": 5, "conductor": 3}  # primitive steps below each


def prepare(user: User) -> None:
    user.put_action("inc", INC)
    a_sequence(user, "s", "inc", "inc", "inc")
    a_sequence(user, "nested", "inc", "s", "inc")
    put_conductor(user)


def crash(process: EmbeddedProcess, user: User, name: str) -> str:
    """Answer the id that was told before the house died."""
    plan = [{"action": "inc", "params": {"n": 1}}, TELL]
    answer = user.invoke(name, {"n": 0, "plan": plan}, blocking="false")
    assert answer.status_code == 202, answer.text
    assert process.process is not None
    try:
        assert process.process.wait(30) == -9
    except subprocess.TimeoutExpired:
        process.stop()
        raise
    assert process.process.stdout is not None
    process.process.stdout.close()
    return answer.json()["activationId"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("C13:kill@1", "s"),
        ("C13:kill@3", "nested"),
        ("C13:kill@2", "conductor"),
        ("C14:kill", "nested"),
        ("C15:kill", "conductor"),
    ],
)
def test_a_walk_goes_on_where_it_was(fault: str, name: str, tmp_path: Path) -> None:
    """No step runs twice, none is left out, and there is one record."""
    process = EmbeddedProcess(tmp_path)
    process.start()
    user = process.house().user()
    prepare(user)
    process.stop()
    process.extra["CHASEN_FAULTS"] = fault
    with Journals(tmp_path / "kept", tmp_path / "data") as journals:
        process.start()
        wait_for_an_invoker(process, user)
        identifier = crash(process, user, name)
        del process.extra["CHASEN_FAULTS"]
        process.start()
        try:
            record = user.record(identifier, within_s=60)
            below = primitives(user, record)
            runs = journals.runs()
        finally:
            user.client.close()
            assert process.stop() == 0

    assert record["response"]["success"] is True, record
    assert len(set(below)) == len(below) == NAMES[name]
    assert {each: runs[each] for each in below} == dict.fromkeys(below, 1)


def wait_for_an_invoker(process: EmbeddedProcess, user: User) -> None:
    """The faults are armed, so nothing composite may be used to find out."""
    late = time.monotonic() + 30
    url = f"http://127.0.0.1:{process.operator_port}/invokers"
    while "up" not in json.loads(httpx.get(url).text).values():
        assert time.monotonic() < late
        time.sleep(0.05)
    assert user.invoke("inc", {}).status_code == 200


def primitives(user: User, record: dict) -> list[str]:
    """Answer the ids of all that an invoker ran below a primary."""
    found = []
    for identifier in record["logs"]:
        step = user.record(identifier)
        assert step["cause"] == record["activationId"]
        is_nested = {"key": "kind", "value": "sequence"} in step["annotations"]
        found += primitives(user, step) if is_nested else [identifier]
    return found
