"""Sequences and compositions in flight, and SIGKILL: one record each, no step twice."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fixtures.chains import a_sequence, put_conductor
from fixtures.house import EmbeddedProcess, User
from fixtures.journals import Journals
from fixtures.kafka import Broker
from fixtures.processes import running_processes

SEED = 20261122
KILLS = 12
SETTLED_WITHIN_S = 100
ID = "x-openwhisk-activation-id"
STEP = """
import time
def main(args):
    time.sleep(args.get("s", 0.2))
    return {**args, "n": args.get("n", 0) + 1}
"""
# Three steps, one after the other.
CONDUCTOR = """
def main(args):
    left = args.pop("left", 3)
    if "error" in args:
        return {"error": args["error"]}
    if left == 0:
        return {"params": args}
    return {"action": "step", "params": args, "state": {"left": left - 1}}
"""
STEPS = {"short": 3, "nested": 5, "conductor": 7}  # activations below a primary
SUCCESS = {"short": 3, "nested": 5, "conductor": 3}  # what is added to n


def prepare(user: User) -> None:
    user.put_action("step", STEP, limits={"memory": 128, "logs": 0})
    a_sequence(user, "short", "step", "step", "step")
    a_sequence(user, "nested", "step", "short", "step")
    put_conductor(user, code=CONDUCTOR)
    user.client.put("triggers/go", json={}).raise_for_status()
    rule = {"trigger": "/_/go", "action": "/_/short"}
    user.client.put("rules/on", json=rule).raise_for_status()
    for name in STEPS:
        assert user.invoke(name, {"s": 0}).status_code == 200


class Callers:
    """Threads that call without a pause and remember every id that they saw."""

    def __init__(self, user: User, hosts: list[str], threads: int) -> None:
        self._user = user
        self._hosts = hosts
        self._stop = threading.Event()
        self.seen: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()
        self._threads = [
            threading.Thread(target=self._call, args=(number,))
            for number in range(threads)
        ]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()

    def _call(self, number: int) -> None:
        dice = random.Random(SEED + number)
        with httpx.Client(auth=self._user.client.auth, timeout=90) as client:
            while not self._stop.is_set():
                host = dice.choice(self._hosts)
                name = dice.choice([*STEPS, "go"])
                path = f"actions/{name}" if name in STEPS else "triggers/go"
                query = dice.choice(["", "", "?blocking=true", "?blocking=true"])
                body = {"n": 100, "s": round(dice.uniform(0.02, 0.4), 3)}
                try:
                    answer = client.post(
                        f"{host}/api/v1/namespaces/_/{path}{query}", json=body
                    )
                except httpx.HTTPError:
                    time.sleep(0.2)  # it was killed; no id was seen
                    continue
                self.statuses[answer.status_code] += 1
                if ID in answer.headers:
                    self.seen[answer.headers[ID]] = name
                time.sleep(0.5 if answer.status_code >= 429 else 0.1)


class Records:
    """The records of a namespace, read through any controller, each until it is."""

    def __init__(self, user: User, hosts: list[str]) -> None:
        self._client = httpx.Client(auth=user.client.auth, timeout=30)
        self._hosts = hosts
        self._found: dict[str, dict[str, Any]] = {}

    def close(self) -> None:
        self._client.close()

    def get(self, identifier: str, until: float) -> dict[str, Any] | None:
        while identifier not in self._found:
            is_last = time.monotonic() > until
            url = f"{self._hosts[0]}/api/v1/namespaces/_/activations/{identifier}"
            answer = self._client.get(url)
            if answer.status_code == 200:
                self._found[identifier] = answer.json()
            else:
                assert answer.status_code == 404, answer.text
                if is_last:
                    break
                time.sleep(0.5)
        return self._found.get(identifier)


def judge(user: User, callers: Callers, hosts: list[str], journals: Journals) -> None:
    """Every id that was told has its record; its steps ran once, and add up."""
    until = time.monotonic() + SETTLED_WITHIN_S
    records = Records(user, hosts)
    fired = {each for each, name in callers.seen.items() if name == "go"}
    primaries = {i: n for i, n in callers.seen.items() if i not in fired}
    missing = {each for each in callers.seen if records.get(each, until) is None}
    outcomes: Counter[str] = Counter()
    steps: set[str] = set()
    wrong = []
    for identifier, name in primaries.items():
        record = records.get(identifier, until)
        if record is None:
            continue
        status = record["response"]["status"]
        outcomes[status] += 1
        below = below_of(record, records, until)
        assert len(set(below)) == len(below), f"a step is twice in {identifier}"
        steps.update(below)
        result = record["response"].get("result", {})
        if status == "success" and result.get("n") != 100 + SUCCESS[name]:
            wrong.append((identifier, name, result))
    records.close()
    runs = journals.runs()
    twice = {each: count for each, count in runs.items() if count > 1}
    print(
        f"{len(callers.seen)} ids told ({len(primaries)} primaries, {len(fired)} "
        f"fires), {len(missing)} without a record; {len(steps)} steps, "
        f"{len(steps & set(runs))} of them noted by an invoker, {len(twice)} twice; "
        f"outcomes {dict(outcomes)}, answers {dict(callers.statuses)}"
    )
    assert len(primaries) > 40
    assert not missing, {each: callers.seen[each] for each in missing}
    assert not wrong
    assert not twice
    assert outcomes["success"] > len(primaries) / 2


def below_of(record: dict[str, Any], records: Records, until: float) -> list[str]:
    """Answer the primitive steps below a primary, nested ones' included."""
    found = []
    for identifier in record["logs"]:
        step = records.get(identifier, until)
        assert step is not None, f"no record of step {identifier} of {record}"
        assert step["cause"] == record["activationId"]
        kind = {each["key"]: each["value"] for each in step["annotations"]}.get("kind")
        if kind == "sequence":
            found += below_of(step, records, until)
        else:
            found.append(identifier)
    return found


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.couchdb
@pytest.mark.docker
def test_no_kill_loses_a_sequence_or_runs_a_step_twice(
    start_broker: Callable[[], Broker], action_images: None, tmp_path: Path
) -> None:
    """Controllers die most of the time, since they walk; invokers, too."""
    with running_processes(
        tmp_path,
        start_broker().url,
        controllers=2,
        invokers=2,
        user_memory_mb=1024,
        label=f"seqkills{random.randrange(10**9)}",
    ) as processes:
        hosts = [f"http://127.0.0.1:{port}" for port in processes.ports]
        user = processes.house.user()
        prepare(user)
        folders = [tmp_path / program.name for program in processes.invokers]
        dice = random.Random(SEED)
        with Journals(tmp_path / "kept", *folders) as journals:
            with Callers(user, hosts, threads=12) as callers:
                time.sleep(4)
                for _ in range(KILLS):
                    time.sleep(dice.uniform(0.5, 3))
                    victims = [*processes.controllers * 2, *processes.invokers]
                    victim = dice.choice(victims)
                    victim.kill()
                    time.sleep(dice.choice([0.1, 0.5, 12.0]))
                    victim.start()
            processes.wait_ready()
            judge(user, callers, hosts, journals)
        user.client.close()


@pytest.mark.slow
def test_no_kill_of_the_embedded_house_loses_a_sequence(tmp_path: Path) -> None:
    """One process, so everything dies at once: journal, spool and store remain."""
    process = EmbeddedProcess(tmp_path, extra={"CHASEN_USER_MEMORY_MB": "1024"})
    process.start()
    try:
        user = process.house().user()
        prepare(user)
        dice = random.Random(SEED)
        with Journals(tmp_path / "kept", tmp_path / "data") as journals:
            with Callers(user, [process.api_host], threads=8) as callers:
                for _ in range(6):
                    time.sleep(dice.uniform(2, 5))
                    process.stop(signal.SIGKILL)
                    process.start()
            judge(user, callers, [process.api_host], journals)
        user.client.close()
    finally:
        status = process.stop()
    assert status == 0
