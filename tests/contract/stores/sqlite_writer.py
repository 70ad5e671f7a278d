"""A process that writes to a SQLite store until it is killed.

    python sqlite_writer.py ADDRESS

Prints a line for what was acknowledged: ``record ID`` or ``action NAME``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from contract.stores.examples import an_action, an_activation

from chasen.ports.stores import Stores
from chasen.stores.open import open_stores


async def write_records(stores: Stores) -> None:
    while True:
        batch = [an_activation() for _ in range(3)]
        await stores.activations.store(batch)
        for record in batch:
            print("record", record.activation_id, flush=True)


async def write_actions(stores: Stores, letter: str) -> None:
    number = 0
    while True:
        number += 1
        action = await stores.entities.put(an_action(f"{letter}{number}"))
        print("action", action.fqn.name, flush=True)


async def main() -> None:
    async with open_stores(sys.argv[1]) as stores, asyncio.TaskGroup() as tasks:
        for letter in "abcd":
            tasks.create_task(write_records(stores))
            tasks.create_task(write_actions(stores, letter))


asyncio.run(main())
