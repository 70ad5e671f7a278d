"""Writes a journal until it is killed; tells on stdout what is in it for sure."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from doubles.jobs import a_job

from chasen.clock import SystemClock
from chasen.entities import encode_activation
from invoker import activation
from invoker.journal import Journal

journal = Journal(Path(sys.argv[1]), SystemClock(), durable=False)


def tell(word: str, number: int) -> Callable[[], None]:
    def then() -> None:
        os.write(1, f"{word} {number:032x}\n".encode())

    return then


journal.open()
number = 0
while True:
    number += 1
    job = a_job(number)
    record = activation.lost_record(job.message, now_ms=1)
    journal.note(job.message.activation_id, job.head, tell("noted", number))
    if number % 3:
        encoded = encode_activation(record)
        journal.finish(job.message, encoded, tell("finished", number))
