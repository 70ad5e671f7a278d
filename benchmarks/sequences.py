"""What a sequence costs beside calling its actions: milliseconds for each step.

    .venv/bin/python benchmarks/sequences.py                  the embedded house
    CHASEN_BENCH_HOST=http://127.0.0.1:4133 CHASEN_BENCH_KEY_FILE=key ...    that house

One client calls an action that does nothing directly, in sequences of 1, 3 and 10 of
it, and under a conductor that runs it three times; warm, blocking, one call at a time,
in turns.  The slope from 1 to 10 is what one more step takes, everything included; a
direct call includes HTTP, so a step should stay below it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import httpx  # noqa: E402
from fixtures.house import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    EmbeddedProcess,
)

NOTHING = "def main(args): return args"
CONDUCTOR = """
def main(args):
    left = args.get("left", 3)
    if left == 0:
        return {"params": {}}
    return {"action": "nothing", "params": {}, "state": {"left": left - 1}}
"""
LENGTHS = (1, 3, 10)
ROUND = 10


def prepare(client: httpx.Client) -> None:
    def put(name: str, executable: dict, **fields: object) -> None:
        body = {"exec": executable, "limits": {"memory": 128}, **fields}
        answer = client.put(f"actions/{name}?overwrite=true", json=body)
        answer.raise_for_status()

    kind = {"kind": "python:default"}
    put("nothing", {**kind, "code": NOTHING})
    put(
        "conductor",
        {**kind, "code": CONDUCTOR},
        annotations=[{"key": "conductor", "value": True}],
    )
    for length in LENGTHS:
        components = ["/_/nothing"] * length
        put(f"seq{length}", {"kind": "sequence", "components": components})


def measure(client: httpx.Client, calls: int) -> dict[str, list[float]]:
    names = ["nothing", *(f"seq{length}" for length in LENGTHS), "conductor"]
    took: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-2, calls // ROUND):
        for name in names:
            for _ in range(ROUND):
                began = time.perf_counter()
                answer = client.post(f"actions/{name}?blocking=true&result=true")
                spent = (time.perf_counter() - began) * 1000
                assert answer.status_code == 200, answer.text
                if turn >= 0:
                    took[name].append(spent)
    return took


def show(took: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(each) for name, each in took.items()}
    for name, each in took.items():
        p99 = statistics.quantiles(each, n=100)[98]
        print(
            f"{name:10} {len(each):6} calls  median {medians[name]:7.2f} ms  "
            f"99 % {p99:7.2f} ms"
        )
    direct = medians["nothing"]
    slope = (medians["seq10"] - medians["seq1"]) / 9
    print(f"a direct blocking call             {direct:6.2f} ms")
    print(f"a sequence of one costs more by    {medians['seq1'] - direct:6.2f} ms")
    print(
        f"each further step takes            {slope:6.2f} ms  "
        f"({slope / direct:.2f} of a direct call)"
    )
    print(
        f"a step under a conductor takes     {medians['conductor'] / 7:6.2f} ms  "
        "(seven of them, four are the conductor's)"
    )


def main() -> None:
    words = argparse.ArgumentParser(description="what a sequence costs")
    words.add_argument("--calls", type=int, default=500, help="of each kind")
    given = words.parse_args()
    with ExitStack() as stack:
        host = os.environ.get("CHASEN_BENCH_HOST")
        if host is None:
            scratch = stack.enter_context(tempfile.TemporaryDirectory())
            process = EmbeddedProcess(Path(scratch))
            process.start()
            stack.callback(process.stop)
            user = process.house().user()
            host, key = process.api_host, user.key
            stack.callback(user.client.close)
        else:
            key = Path(os.environ["CHASEN_BENCH_KEY_FILE"]).read_text().strip()
        uuid, _, secret = key.partition(":")
        client = stack.enter_context(
            httpx.Client(
                base_url=f"{host}/api/v1/namespaces/_/", auth=(uuid, secret), timeout=60
            )
        )
        prepare(client)
        show(measure(client, given.calls))


main()
