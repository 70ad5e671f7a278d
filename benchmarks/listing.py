"""Listing 200 of 10,000 actions: how long a controller takes, on each store.

    python benchmarks/listing.py                the SQLite store
    python benchmarks/listing.py --couchdb      the CouchDB stand-in, started for it

Prints medians of 100 requests in milliseconds, seen by a client on loopback, for a
namespace of 200, of 1,000 and of 10,000 actions; the last two are in one store, so that
the first shows whether other namespaces matter.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "deploy")]

from chasen.clock import SystemClock  # noqa: E402
from chasen.entities import (  # noqa: E402
    Action,
    CodeExec,
    EntityPath,
    FullyQualifiedEntityName,
    RuntimesManifest,
    entity_name,
)
from chasen.entities.parameters import Parameters  # noqa: E402
from chasen.ports.stores import Stores  # noqa: E402
from chasen.seal import open_seal  # noqa: E402
from chasen.settings import Settings  # noqa: E402
from controller.administration.subjects import Subjects  # noqa: E402
from controller.app import open_controller  # noqa: E402
from standalone.programs import open_ports  # noqa: E402

SIZES = {"small": 200, "middle": 1_000, "large": 10_000}
REQUESTS = 100


async def fill(stores: Stores, namespace: str, count: int) -> None:
    """Put as many actions as wanted, a hundred at once."""

    async def put(number: int) -> None:
        path = EntityPath(namespace)
        await stores.entities.put(
            Action(
                fqn=FullyQualifiedEntityName(path, entity_name(f"a{number}")),
                exec=CodeExec("python:3.11", "0" * 64, 1, False),
                annotations=Parameters.of({"exec": "python:3.11"}),
                updated_ms=1_700_000_000_000 + number,
            )
        )

    for start in range(0, count, 100):
        await asyncio.gather(*map(put, range(start, min(start + 100, count))))


async def measure(settings: Settings) -> None:
    manifest = RuntimesManifest.from_json({"runtimes": {}})
    seal = open_seal(settings.key_file)
    async with open_ports(settings) as (stores, bus):
        for name, count in SIZES.items():
            started = time.monotonic()
            key = await Subjects(stores.auth, seal).create(f"bench-{name}")
            await fill(stores, f"bench-{name}", count)
            print(f"{count} actions stored in {time.monotonic() - started:.1f} s")
            SIZES_KEYS[name] = key
        async with open_controller(
            settings, stores=stores, bus=bus, clock=SystemClock(), manifest=manifest
        ):
            for name, count in SIZES.items():
                print(f"{count:6} actions: {await listed(settings, name):6.1f} ms")


SIZES_KEYS: dict[str, str] = {}


async def listed(settings: Settings, name: str) -> float:
    host, port = settings.listen
    uuid, _, key = SIZES_KEYS[name].partition(":")
    url = f"http://{host}:{port}/api/v1/namespaces/_/actions?limit=200"
    took = []
    async with httpx.AsyncClient(auth=(uuid, key), timeout=60) as client:
        for _ in range(60):  # an index is built over what was just stored
            if (await client.get(url)).status_code == 200:
                break
            await asyncio.sleep(1)
        for number in range(REQUESTS + 5):
            start = time.perf_counter()
            answer = await client.get(url)
            if number >= 5:
                took.append((time.perf_counter() - start) * 1000)
            assert len(answer.json()) == 200, answer.text[:300]
    return statistics.median(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--couchdb", action="store_true", help="the stand-in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "CHASEN_STATE_DIR": folder,
            "CHASEN_LISTEN": "127.0.0.1:38233",
            "CHASEN_OPERATOR_LISTEN": "127.0.0.1:38234",
        }
        server = None
        if given.couchdb:
            import servers

            server = servers.start_couchdb(Path(folder) / "couch", port=0)
            environment["CHASEN_STORE_URL"] = f"{server.address}/bench"
            environment["CHASEN_STORE_PASSWORD_FILE"] = str(server.password_file)
        try:
            asyncio.run(measure(Settings.from_environment(environment)))
        finally:
            if server is not None:
                server.stop()


if __name__ == "__main__":
    main()
