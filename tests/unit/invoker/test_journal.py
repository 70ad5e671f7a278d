"""The journal: what was written is there after a crash, and goes when it may."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from doubles.clock import LoopClock
from doubles.jobs import a_job
from doubles.loop import run_virtually

from chasen.entities import ActivationId, encode_activation
from invoker import activation, journal
from invoker.job import Job
from invoker.journal import Journal, JournalBroken, Past

ROOT = Path(__file__).parents[3]


def a_journal(folder: Path, *, durable: bool = False) -> Journal:
    return Journal(folder / "invoker0.journal", LoopClock(), durable=durable)


def note(book: Journal, job: Job) -> None:
    book.note(job.message.activation_id, job.head, lambda: None)


def finish(book: Journal, job: Job) -> bytes:
    record = encode_activation(activation.lost_record(job.message, now_ms=1))
    book.finish(job.message, record, lambda: None)
    return record


def ids(*numbers: int) -> list[ActivationId]:
    return [ActivationId(f"{number:032x}") for number in numbers]


def test_a_later_life_sees_what_was_noted_finished_and_stored(tmp_path: Path) -> None:
    async def scene() -> Past:
        book = a_journal(tmp_path)
        book.open()
        for number in (1, 2, 3):
            note(book, a_job(number))
        record = finish(book, a_job(2, controller="7"))
        finish(book, a_job(3))
        book.stored(ids(3))
        book.close()
        past = a_journal(tmp_path).open()
        assert past.finished[ids(2)[0]].record == record
        assert past.finished[ids(2)[0]].controller == "7"
        return past

    past = run_virtually(scene())

    assert list(past.noted) == ids(1)
    assert past.noted[ids(1)[0]].namespace_uuid == "uuid-guest"
    assert list(past.finished) == ids(2)
    assert past.stored == set(ids(3))


def test_the_last_record_of_an_activation_counts(tmp_path: Path) -> None:
    """The first one left with the answer, before the logs were there."""

    async def scene() -> Past:
        book = a_journal(tmp_path)
        book.open()
        note(book, a_job(1))
        finish(book, a_job(1))
        book.finish(a_job(1).message, b'{"activationId":"%032x"}' % 1, lambda: None)
        return a_journal(tmp_path).open()

    past = run_virtually(scene())

    assert past.finished[ids(1)[0]].record == b'{"activationId":"%032x"}' % 1


def test_torn_and_foreign_lines_are_left_out(tmp_path: Path) -> None:
    async def scene() -> Past:
        book = a_journal(tmp_path)
        book.open()
        note(book, a_job(1))
        with (tmp_path / "invoker0.journal").open("ab") as file:
            file.write(b'Nhalf a li\nXwhat\nF{"controller":1\n\nS[1,2\n')
        note(book, a_job(2))
        with (tmp_path / "invoker0.journal").open("ab") as file:
            file.write(b'N{"activation_id":"')
        return a_journal(tmp_path).open()

    assert list(run_virtually(scene()).noted) == ids(1, 2)


def test_a_full_disk_refuses_and_the_next_line_stands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> Past:
        book = a_journal(tmp_path)
        book.open()
        real = os.write
        monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:20]))
        with pytest.raises(JournalBroken):
            note(book, a_job(1))
        monkeypatch.setattr(os, "write", real)
        note(book, a_job(2))
        return a_journal(tmp_path).open()

    assert list(run_virtually(scene()).noted) == ids(2)


def test_a_segment_goes_when_all_in_it_is_stored_and_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Young ones stay: the bus may still give their messages again."""
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 10_000)

    async def scene() -> None:
        book = a_journal(tmp_path)
        book.open()
        note(book, a_job(1))
        for number in range(2, 40):
            note(book, a_job(number))
            finish(book, a_job(number))
            book.stored(ids(number))
        assert book.segments > 2

        await asyncio.sleep(journal.SEGMENT_AGE_S + 1)
        book.sweep()
        assert book.segments == 2, "the one with the open note stays"
        past = a_journal(tmp_path).open()
        assert ids(1)[0] in past.noted

        book.stored(ids(1))
        assert book.segments == 1
        book.close()

    run_virtually(scene())


def test_durable_lines_are_synced_before_anybody_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        book = a_journal(tmp_path, durable=True)
        book.open()
        order: list[str] = []
        synced = asyncio.Event()
        for number in range(3):
            job = a_job(number)
            name = str(number)
            book.note(
                job.message.activation_id, job.head, lambda n=name: order.append(n)
            )
        assert order == []
        job = a_job(9)
        book.note(job.message.activation_id, job.head, synced.set)
        async with asyncio.timeout(10):
            await synced.wait()
        assert order == ["0", "1", "2"]
        book.close()

    asyncio.run(scene())


@pytest.mark.parametrize("lines", [1, 50, 2000])
def test_what_was_told_is_there_after_sigkill(tmp_path: Path, lines: int) -> None:
    """A real process, killed in the middle of its work."""
    path = tmp_path / "invoker0.journal"
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("journal_writer.py")), str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), f"{ROOT}/tests"])},
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.read().splitlines()
    words = [line.decode().split() for line in told if len(line.split()) == 2]

    past = run_virtually(open_later(tmp_path))

    assert len(words) >= lines
    for word, identifier in words:
        if word == "finished":
            assert identifier in past.finished
        else:
            assert identifier in past.noted or identifier in past.finished


async def open_later(folder: Path) -> Past:
    return a_journal(folder).open()
