"""A house that may die: an invoker on a spooled bus and SQLite, as a program.

    crash_house.py FOLDER send CLASS N   accept N activations, then work until killed
    crash_house.py FOLDER work           a later life: work until all is settled

CHASEN_FAULTS says where to die.  Each /run is a line in FOLDER/runs, written by the
container before it answers.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from doubles.launchers import Launcher, Request, ServerContainers
from doubles.workshop import a_workshop

from chasen import faults
from chasen.bus import topics

FOLDER = Path(sys.argv[1])


def run(request: Request) -> dict:
    identifier = request.json["activation_id"]
    with (FOLDER / "runs").open("a") as file:
        file.write(identifier + "\n")
    return {"ran": identifier}


async def main() -> None:
    sockets = FOLDER / f"sockets{os.getpid()}"
    sockets.mkdir()
    inband = os.environ.get("CRASH_LOGS") != "apart"
    launcher = Launcher(run=run, inband=inband)
    containers = ServerContainers(
        sockets, launcher, keep_alive=inband, inband_logs=inband
    )
    async with a_workshop(
        FOLDER / "state",
        containers,
        store=f"sqlite:{FOLDER}/house.db",
        bus=os.environ.get("CRASH_BUS", f"memory:{FOLDER}/bus.db"),
    ) as workshop:
        if sys.argv[2] == "send":
            action = await workshop.action()
            for _ in range(int(sys.argv[4])):
                identifier = workshop.send(action, delivery=sys.argv[3])
                with (FOLDER / "accepted").open("a") as file:
                    file.write(identifier + "\n")
            topic = topics.invoker(0)
            await workshop.bus.post(topic, b"\n")  # undecodable; all before it is there
            faults.arm(os.environ.get("CHASEN_FAULTS", ""))
        for identifier in (FOLDER / "accepted").read_text().split():
            await workshop.record(identifier)  # pyright: ignore[reportArgumentType]
        await asyncio.sleep(0.2)


asyncio.run(main())
