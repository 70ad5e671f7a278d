"""A store or a broker that is down: 503 with Retry-After within three seconds, no
lost work, and everything works again by itself."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fixtures.house import User
from fixtures.kafka import Broker
from fixtures.processes import Processes, running_processes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.kafka,
    pytest.mark.couchdb,
    pytest.mark.docker,
]

WITHIN_S = 3.0
BACK_WITHIN_S = 60
ECHO = "def main(args): return args"


@pytest.fixture
def broker(start_broker: Callable[[], Broker]) -> Broker:
    return start_broker()


@pytest.fixture
def processes(
    broker: Broker, action_images: None, tmp_path: Path
) -> Iterator[Processes]:
    with running_processes(
        tmp_path,
        broker.url,
        controllers=1,
        invokers=1,
        user_memory_mb=1024,
        label=f"outage{random.randrange(10**9)}",
    ) as running:
        yield running


def refused(answer: httpx.Response, took_s: float) -> None:
    assert answer.status_code == 503, (answer.status_code, answer.text)
    assert int(answer.headers["retry-after"]) >= 1
    assert "error" in answer.json()
    assert took_s < WITHIN_S


def timed(call: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    return call(), time.monotonic() - started


def works_again(user: User) -> None:
    """Blocking calls answer, and their records can be read."""
    late = time.monotonic() + BACK_WITHIN_S
    while True:
        answer = user.invoke("echo", {"n": 1})
        if answer.status_code == 200:
            break
        assert answer.status_code in (202, 503), answer.text
        assert time.monotonic() < late, answer.text
        time.sleep(0.5)
    user.record(answer.json()["activationId"])


def test_without_a_broker_calls_are_refused_and_later_work_again(
    processes: Processes, broker: Broker
) -> None:
    user = processes.house.user()
    user.put_action("echo", ECHO)
    works_again(user)

    broker.kill()

    seen = []
    for call in (
        lambda: user.client.post("actions/echo", json={}),
        lambda: user.invoke("echo"),
        lambda: user.client.post("actions/echo", json={}),
    ):
        answer, took_s = timed(call)
        refused(answer, took_s)
        seen.append(answer.headers.get("x-openwhisk-activation-id"))
    assert user.client.get("actions/echo").status_code == 200, "the store is up"
    time.sleep(3)
    answer, took_s = timed(lambda: user.client.post("actions/echo", json={}))
    refused(answer, took_s)
    assert took_s < 1, "a bus known to be down refuses at once"
    assert "x-openwhisk-activation-id" not in answer.headers, "nothing was sent"

    broker.start_again()

    works_again(user)
    for identifier in filter(None, seen):
        user.record(identifier, within_s=60)
    user.client.close()


def test_without_a_store_calls_are_refused_and_later_work_again(
    processes: Processes,
) -> None:
    user = processes.house.user()
    user.put_action("echo", ECHO)
    works_again(user)

    os.kill(processes.store.pid, signal.SIGKILL)
    processes.store.stop()
    time.sleep(2)  # identities are remembered shortly

    for call in (
        lambda: user.client.get("actions"),
        lambda: user.client.put("actions/new", json={"exec": {"kind": "python:3"}}),
        lambda: user.client.get("activations"),
        lambda: user.invoke("echo"),
    ):
        refused(*timed(call))

    processes.restart_store()

    works_again(user)
    assert user.client.get("actions/new").status_code == 404
    user.client.close()


def test_records_of_runs_during_an_outage_of_the_store_follow_later(
    processes: Processes,
) -> None:
    """What was accepted before ends with its record, however long the store is away."""
    user = processes.house.user()
    user.put_action("slow", "import time\ndef main(a):\n time.sleep(2)\n return a")
    accepted = [
        user.client.post("actions/slow", json={"n": n}).json()["activationId"]
        for n in range(6)
    ]
    time.sleep(1)

    os.kill(processes.store.pid, signal.SIGKILL)
    processes.store.stop()
    time.sleep(6)
    processes.restart_store()

    for number, identifier in enumerate(accepted):
        record = user.record(identifier, within_s=90)
        assert record["response"]["result"] == {"n": number}
    user.client.close()
