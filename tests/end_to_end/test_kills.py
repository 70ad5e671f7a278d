"""Accepted means exactly one record, whoever dies: real processes, real SIGKILL."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fixtures.house import EmbeddedProcess, User
from fixtures.kafka import Broker
from fixtures.processes import Processes, running_processes

SEED = 20261122
KILLS = 20
IN_FLIGHT = 200
SETTLED_WITHIN_S = 240
SLEEPY = """
import time
def main(args):
    time.sleep(args.get("s", 0.5))
    return {"n": args.get("n")}
"""

ID = "x-openwhisk-activation-id"


class Clients:
    """Threads that call without a pause and remember every id that they saw."""

    def __init__(self, user: User, hosts: list[str], threads: int) -> None:
        self._user = user
        self._hosts = hosts
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.seen: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._threads = [
            threading.Thread(target=self._call, args=(number,))
            for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive()

    def _call(self, number: int) -> None:
        dice = random.Random(SEED + number)
        uuid, _, key = self._user.key.partition(":")
        with httpx.Client(auth=(uuid, key), timeout=80) as client:
            while not self._stop.is_set():
                host = dice.choice(self._hosts)
                base = f"{host}/api/v1/namespaces/_"
                body = {"n": dice.randrange(10**6), "s": dice.uniform(0.1, 1.0)}
                query = dice.choice(["", "", "", "?blocking=true&timeout=1500"])
                path = dice.choice(["actions/sleepy" + query] * 9 + ["triggers/go"])
                try:
                    answer = client.post(f"{base}/{path}", json=body)
                except httpx.HTTPError:
                    time.sleep(0.1)  # it was killed; no id was seen
                    continue
                with self._lock:
                    self.statuses[answer.status_code] += 1
                    if ID in answer.headers:
                        self.seen[answer.headers[ID]] += 1
                if answer.status_code == 503:
                    time.sleep(0.2)


def wait_for_records(user: User, ids: set[str], hosts: list[str]) -> set[str]:
    """Answer the ids that still have no record when the time is up."""
    missing = set(ids)
    late = time.monotonic() + SETTLED_WITHIN_S
    with httpx.Client(auth=user.client.auth, timeout=30) as client:
        while missing and time.monotonic() < late:
            for identifier in sorted(missing):
                url = f"{hosts[0]}/api/v1/namespaces/_/activations/{identifier}"
                answer = client.get(url)
                assert answer.status_code in (200, 404), answer.text
                if answer.status_code == 200:
                    missing.discard(identifier)
            if missing:
                time.sleep(1)
    return missing


def prepare(user: User) -> None:
    user.put_action("sleepy", SLEEPY, limits={"memory": 128, "logs": 0})
    user.client.put("triggers/go", json={}).raise_for_status()
    user.client.put(
        "rules/go-on", json={"trigger": "/_/go", "action": "/_/sleepy"}
    ).raise_for_status()
    assert user.invoke("sleepy", {"n": 1, "s": 0}).status_code == 200


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.couchdb
@pytest.mark.docker
def test_no_kill_of_a_controller_or_an_invoker_loses_a_record(
    start_broker: Callable[[], Broker], action_images: None, tmp_path: Path
) -> None:
    """Twenty kills at random moments, with two hundred activations in flight."""
    with running_processes(
        tmp_path,
        start_broker().url,
        controllers=2,
        invokers=2,
        user_memory_mb=1024,
        label=f"kills{random.randrange(10**9)}",
    ) as processes:
        hosts = [f"http://127.0.0.1:{port}" for port in processes.ports]
        user = processes.house.user()
        prepare(user)
        clients = Clients(user, hosts, threads=16)
        clients.start()
        try:
            in_flight = kill_at_random(processes, clients, user)
        finally:
            clients.stop()
        processes.wait_ready()
        ids = set(clients.seen)
        missing = wait_for_records(user, ids, hosts)
        documents = count_documents(processes, user)
        print(
            f"{len(ids)} ids seen, {max(in_flight)} in flight at most, {KILLS} kills, "
            f"{len(missing)} without a record, answers {dict(clients.statuses)}"
        )
        assert max(in_flight) >= IN_FLIGHT
        assert not missing
        assert {
            identifier: documents[identifier] for identifier in ids
        } == dict.fromkeys(ids, 1)
        user.client.close()


def kill_at_random(processes: Processes, clients: Clients, user: User) -> list[int]:
    """Kill and restart; answer how many activations were in flight at each kill."""
    dice = random.Random(SEED)
    in_flight = []
    time.sleep(8)
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.5, 3))
        in_flight.append(len(clients.seen) - stored(processes, user))
        victim = dice.choice([*processes.controllers, *processes.invokers])
        victim.kill()
        time.sleep(dice.uniform(0, 0.5))
        victim.start()
    return in_flight


def stored(processes: Processes, user: User) -> int:
    return sum(count_documents(processes, user).values())


def count_documents(processes: Processes, user: User) -> Counter[str]:
    """Look into the store itself: how many documents each activation has."""
    password = processes.store.password_file.read_text().strip()
    base = "http://" + processes.store.address.partition("@")[2]
    prefix = processes.environment["CHASEN_STORE_URL"].rpartition("/")[2]
    found: Counter[str] = Counter()
    headers = {"accept": "application/json"}
    with httpx.Client(auth=("chasen", password), headers=headers, timeout=60) as client:
        for name in client.get(f"{base}/_all_dbs").json():
            if not name.startswith(f"{prefix}-activations"):
                continue
            rows = client.get(f"{base}/{name}/_all_docs").json()["rows"]
            found.update(
                row["id"].rpartition("/")[2]
                for row in rows
                if row["id"].startswith(f"{user.namespace}/")
            )
    return found


@pytest.mark.slow
def test_no_kill_of_the_embedded_house_loses_a_record(tmp_path: Path) -> None:
    """One process, so everything dies at once: journal, spool and store remain."""
    process = EmbeddedProcess(tmp_path, extra={"CHASEN_USER_MEMORY_MB": "1024"})
    process.start()
    try:
        user = process.house().user()
        prepare(user)
        clients = Clients(user, [process.api_host], threads=8)
        clients.start()
        dice = random.Random(SEED)
        try:
            for _ in range(5):
                time.sleep(dice.uniform(1, 3))
                process.stop(signal.SIGKILL)
                process.start()
        finally:
            clients.stop()
        missing = wait_for_records(user, set(clients.seen), [process.api_host])
        user.client.close()
    finally:
        status = process.stop()
    print(f"{len(clients.seen)} ids seen, 5 kills, {len(missing)} without a record")
    assert status == 0
    assert len(clients.seen) > 50
    assert not missing


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.couchdb
@pytest.mark.docker
def test_no_container_outlives_its_invoker_by_more_than_thirty_seconds(
    start_broker: Callable[[], Broker], action_images: None, tmp_path: Path
) -> None:
    """The only invoker is killed and never restarted; the reaper is a service."""
    with running_processes(
        tmp_path,
        start_broker().url,
        controllers=1,
        invokers=1,
        user_memory_mb=1024,
        label=f"reaped{random.randrange(10**9)}",
    ) as processes:
        user = processes.house.user()
        prepare(user)
        house = processes.environment["CHASEN_SOCKET_DIR"]
        assert containers_of(house)

        processes.invokers[0].kill()
        killed = time.monotonic()
        while containers_of(house) and time.monotonic() < killed + 30:
            time.sleep(0.5)

        assert containers_of(house) == []
        user.client.close()


def containers_of(house: str) -> list[str]:
    """Action containers of this house: they say where its sockets lie."""
    shown = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=chasen.house={house}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.split()
