"""The invoker is killed at each of its crash points; then another life begins.

Whatever the point: each accepted activation has exactly one record, and what may run
only once has run at most once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from fixtures.kafka import Broker

from chasen.entities import LOST, Activation, ActivationId, Outcome
from chasen.stores.open import open_stores

pytestmark = pytest.mark.anyio

HOUSE = Path(__file__).with_name("crash_house.py")
ROOT = HOUSE.parents[3]
ACTIVATIONS = 5


@dataclass(frozen=True)
class Aftermath:
    """What is there when all is settled."""

    records: list[Activation]
    runs: Counter[str]

    @property
    def placeholders(self) -> list[Activation]:
        return [record for record in self.records if record.placeholder]


def live(folder: Path, *arguments: str, **environment: str) -> int:
    """Run one life to its end; answer its exit status."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, str(HOUSE), str(folder), *arguments],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        timeout=60,
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(done.stderr[-3000:])
    return done.returncode


async def aftermath(
    folder: Path, delivery: str, faults: str, **environment: str
) -> Aftermath:
    send = ("send", delivery, str(ACTIVATIONS))
    status = live(folder, *send, CHASEN_FAULTS=faults, **environment)
    assert status == -signal.SIGKILL, f"{faults} was never passed"
    assert live(folder, "work", **environment) == 0
    accepted = (folder / "accepted").read_text().split()
    runs = Counter((folder / "runs").read_text().split())
    async with open_stores(f"sqlite:{folder}/house.db") as stores:
        records = [
            await stores.activations.get("guest", ActivationId(identifier))
            for identifier in accepted
        ]
    assert len(records) == ACTIVATIONS
    assert set(runs) <= set(accepted)
    for record in records:
        if record.placeholder:
            assert record.response.outcome is Outcome.WHISK_ERROR
            assert record.response.result is not None
            assert LOST.encode() in record.response.result
        else:
            assert record.response.outcome is Outcome.SUCCESS
            assert runs[record.activation_id] >= 1, "a record of what never ran"
    return Aftermath(records, runs)


BEFORE_RUN = ["I1:kill@1", "I2:kill@1", "I3:kill@1", "I4:kill@1"]
IN_DOUBT = ["I5:kill@2", "I6:kill@2"]
AFTER_RUN = ["I7:kill@2", "I8:kill@2", "I9:kill@1", "I10:kill@1", "I11:kill@1"]


@pytest.mark.parametrize("faults", BEFORE_RUN)
@pytest.mark.parametrize("delivery", ["at-most-once", "at-least-once"])
async def test_what_had_not_run_runs_in_the_next_life(
    tmp_path: Path, faults: str, delivery: str
) -> None:
    after = await aftermath(tmp_path, delivery, faults)

    assert after.placeholders == []
    assert set(after.runs.values()) == {1}
    assert len(after.runs) == ACTIVATIONS


@pytest.mark.parametrize("faults", IN_DOUBT)
async def test_what_may_have_run_once_does_not_run_twice(
    tmp_path: Path, faults: str
) -> None:
    after = await aftermath(tmp_path, "at-most-once", faults)

    assert 1 <= len(after.placeholders) < ACTIVATIONS
    assert max(after.runs.values()) == 1


@pytest.mark.parametrize("faults", IN_DOUBT)
async def test_what_must_run_runs_again(tmp_path: Path, faults: str) -> None:
    after = await aftermath(tmp_path, "at-least-once", faults)

    assert after.placeholders == []
    assert max(after.runs.values()) <= 2
    assert len(after.runs) == ACTIVATIONS


@pytest.mark.parametrize("faults", AFTER_RUN)
@pytest.mark.parametrize("delivery", ["at-most-once", "at-least-once"])
async def test_what_was_finished_keeps_its_outcome(
    tmp_path: Path, faults: str, delivery: str
) -> None:
    after = await aftermath(tmp_path, delivery, faults)

    finished = [record for record in after.records if not record.placeholder]
    assert len(finished) >= 1
    if delivery == "at-most-once":
        assert max(after.runs.values()) == 1
    else:
        assert after.placeholders == []


async def test_an_answer_that_left_before_its_logs_stands(tmp_path: Path) -> None:
    """I7 with logs apart: the record says that its logs are missing."""
    after = await aftermath(tmp_path, "at-most-once", "I7:kill@1", CRASH_LOGS="apart")

    marked = [record for record in after.records if record.logs]
    assert len(marked) == 1
    assert "Data might be missing" in marked[0].logs[0]
    assert marked[0].response.outcome is Outcome.SUCCESS


@pytest.mark.kafka
@pytest.mark.parametrize("faults", ["I2:kill@1", "I5:kill@2", "I9:kill@1"])
async def test_the_same_holds_with_kafka(
    tmp_path: Path, start_broker: Callable[[], Broker], faults: str
) -> None:
    """Offsets are committed for what is settled, and the rest comes again."""
    bus = start_broker().url

    after = await aftermath(tmp_path, "at-most-once", faults, CRASH_BUS=bus)

    assert max(after.runs.values()) == 1
    assert len(after.placeholders) < ACTIVATIONS
    if faults.startswith("I2"):
        assert after.placeholders == []
