"""The speed table: what Chasen adds to a direct call of the same warm container.

    make bench                      the embedded house, and the stack if it runs
    CHASEN_STACK_ID=9 make bench    that stack

Warm: one client, one call at a time, rounds of 100 through the API and 100 straight to
the container's socket in turn, so that the machine's moods meet both.  Cold: the first
call of an action that has never run, while a stem cell is ready.  Authentication,
throttles and records are on.  Shown are medians over all calls, milliseconds.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
HELLO = "def main(args): return {'greeting': 'Hello ' + args.get('name', 'you')}"
ROUND = 100


@dataclass
class House:
    """Where a house is, and where its containers' sockets lie."""

    name: str
    host: str
    port: int
    key: str
    sockets: Path
    pids: list[int]  # of the processes whose CPU is counted

    def headers(self) -> dict[str, str]:
        encoded = base64.b64encode(self.key.encode()).decode()
        return {
            "Authorization": f"Basic {encoded}",
            "Content-Type": "application/json",
        }


@dataclass
class Row:
    """One line of the table; figures in milliseconds, CPU in microseconds a call."""

    house: str
    what: str
    calls: int
    median_ms: float
    p99_ms: float
    direct_ms: float | None = None
    added_ms: float | None = None
    cpu_us: float | None = None
    target: str = ""


class UnixConnection(http.client.HTTPConnection):
    """The same client as for the API, on a container's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def call(
    client: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> bytes:
    client.request("POST", path, body, headers)
    answer = client.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}: {text[:300]!r}")
    return text


def timed(calls: int, one: Callable[[], object]) -> list[float]:
    took = []
    for _ in range(calls):
        start = time.perf_counter()
        one()
        took.append((time.perf_counter() - start) * 1000)
    return took


def cpu_s(pids: list[int]) -> float:
    """User and system time of the processes and of their ended children."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def put_action(house: House, name: str) -> None:
    client = http.client.HTTPConnection(house.host, house.port, timeout=30)
    body = json.dumps({"exec": {"kind": "python:default", "code": HELLO}})
    path = f"/api/v1/namespaces/_/actions/{name}?overwrite=true"
    client.request("PUT", path, body, house.headers())
    answer = client.getresponse()
    if answer.status != 200:
        raise SystemExit(f"PUT {name}: {answer.status} {answer.read()[:300]!r}")
    answer.read()
    client.close()


def warm(house: House, calls: int) -> Row:
    """The API and the container's own socket, in alternating rounds."""
    put_action(house, "bench-warm")
    body, headers = b'{"name":"Ada"}', house.headers()
    path = "/api/v1/namespaces/_/actions/bench-warm?blocking=true"
    api = http.client.HTTPConnection(house.host, house.port, timeout=70)
    timed(200, lambda: call(api, path, body, headers))
    direct, run = straight(house)
    timed(ROUND, lambda: call(direct, "/run", run, JSON))
    through: list[float] = []
    straight_ms: list[float] = []
    used_s = 0.0
    for _ in range(max(1, calls // ROUND)):
        before_s = cpu_s(house.pids)
        through += timed(ROUND, lambda: call(api, path, body, headers))
        used_s += cpu_s(house.pids) - before_s
        straight_ms += timed(ROUND, lambda: call(direct, "/run", run, JSON))
    median, floor = statistics.median(through), statistics.median(straight_ms)
    return Row(
        house.name,
        "warm blocking call",
        len(through),
        median,
        quantile(through, 0.99),
        floor,
        median - floor,
        used_s / len(through) * 1e6 if house.pids else None,
        f"added < {3 if house.name == 'embedded' else 12} ms",
    )


JSON = {"Content-Type": "application/json"}


def straight(house: House) -> tuple[UnixConnection, bytes]:
    """A connection to the one container that knows our action.

    A stem cell refuses /run, so asking each socket finds it.
    """
    run = json.dumps(
        {
            "value": {"name": "Ada"},
            "namespace": "bench",
            "action_name": "/bench/bench-warm",
            "action_version": "0.0.1",
            "activation_id": "0" * 32,
            "transaction_id": "0" * 32,
            "deadline": str(int((time.time() + 600) * 1000)),
        }
    ).encode()
    for path in sorted(house.sockets.rglob("*.sock")):
        client = UnixConnection(seen_from_here(path, house))
        client.timeout = 2
        try:
            client.request("POST", "/run", run, JSON)
            answer = client.getresponse()
            text = answer.read()
        except OSError:
            continue
        if answer.status == 200 and b"Hello Ada" in text:
            return client, run
        client.close()
    raise SystemExit(
        f"no warm container's socket below {house.sockets}; the house has to run on "
        "this machine, with CHASEN_PAUSE_GRACE_S=600"
    )


def seen_from_here(path: Path, house: House) -> Path:
    """A sandbox's socket is held open by its house: a link to a descriptor there."""
    if not path.is_symlink():
        return path
    held = os.readlink(path).removeprefix("/proc/self/")
    return Path(f"/proc/{house.pids[0]}") / held


def stem_cell(house: House, calls: int) -> Row:
    """First calls of new actions, each with a stem cell ready."""
    took: list[float] = []
    client = http.client.HTTPConnection(house.host, house.port, timeout=70)
    for number in range(calls):
        name = f"bench-cold-{os.getpid()}-{number}"
        put_action(house, name)
        time.sleep(1.5)  # a new stem cell is started meanwhile
        path = f"/api/v1/namespaces/_/actions/{name}?blocking=true"
        took += timed(1, lambda p=path: call(client, p, b"{}", house.headers()))
    median, p99 = statistics.median(took), quantile(took, 0.99)
    return Row(
        house.name, "first call, stem cell", len(took), median, p99, target="< 60 ms"
    )


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


GENEROUS = ("--invocationsPerMinute", "1000000", "--concurrentInvocations", "1000")


@contextmanager
def embedded() -> Iterator[House]:
    """A fresh embedded house of our own."""
    with tempfile.TemporaryDirectory() as folder:
        port, operator = free_port(), free_port()
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CHASEN_")},
            "CHASEN_STATE_DIR": folder,
            "CHASEN_LISTEN": f"127.0.0.1:{port}",
            "CHASEN_OPERATOR_LISTEN": f"127.0.0.1:{operator}",
            "CHASEN_PAUSE_GRACE_S": "600",
            "CHASEN_USER_MEMORY_MB": "16384",
            "CHASEN_LOG_LEVEL": "WARNING",
        }
        process = subprocess.Popen(
            [BIN / "chasen", "up"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("Ctrl-C"):
                    break
            admin = [str(BIN / "chasen"), "admin"]
            limits = [*admin, "limits", "set", "guest", *GENEROUS]
            subprocess.run(limits, env=environment, check=True, stdout=sys.stderr)
            key = subprocess.run(
                [*admin, "user", "get", "guest"],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            time.sleep(2)
            sockets = Path(folder) / "sockets"
            pids = [process.pid]
            yield House("embedded", "127.0.0.1", port, key, sockets, pids)
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def distributed() -> Iterator[House]:
    """The stack that runs, or one that is brought up for the time of the bench."""
    number = os.environ.get("CHASEN_STACK_ID", "9")
    environment = {**os.environ, "CHASEN_STACK_ID": number}
    environment["CHASEN_PAUSE_GRACE_S"] = "600"
    environment["CHASEN_USER_MEMORY_MB"] = "8192"
    script = str(ROOT / "deploy" / "stack.sh")

    def stack(*words: str) -> str:
        return subprocess.run(
            [script, *words],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    print("bringing the stack up ...", file=sys.stderr)
    stack("up")
    try:
        inside = ("compose", "exec", "-T", "controller0", "chasen", "admin")
        stack(*inside, "limits", "set", "guest", *GENEROUS)
        key = stack("key").strip()
        time.sleep(2)
        port = 3233 + 100 * int(number)
        sockets = Path(f"/run/chasen-{number}/sockets")
        yield House("distributed", "127.0.0.1", port, key, sockets, pids_of(number))
    finally:
        stack("down")


def pids_of(number: str) -> list[int]:
    """The controllers' and invokers' processes, as this machine numbers them."""
    names = [f"chasen{number}_{name}_1" for name in ("controller0", "controller1")]
    names.append(f"chasen{number}_invoker0_1")
    shown = subprocess.run(
        ["docker", "inspect", "-f", "{{.State.Pid}}", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(pid) for pid in shown.stdout.split() if pid != "0"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


HOUSES = {"embedded": embedded, "distributed": distributed}


def main() -> None:
    """Print the table; ``--json`` prints rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--house", choices=[*HOUSES, "both"], default="both")
    parser.add_argument("--calls", type=int, default=2000, help="warm calls (2000)")
    parser.add_argument("--cold", type=int, default=30, help="first calls (30)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows: list[Row] = []
    for name, opened in HOUSES.items():
        if given.house in (name, "both"):
            with opened() as house:
                rows += [warm(house, given.calls), stem_cell(house, given.cold)]
    if given.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    show(rows)


def show(rows: list[Row]) -> None:
    titles = ("house", "what", "calls", "median", "p99", "direct", "added", "CPU us")
    print("{:12} {:22} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8}  target".format(*titles))
    for row in rows:
        print(
            f"{row.house:12} {row.what:22} {row.calls:6} {row.median_ms:8.3f} "
            f"{row.p99_ms:8.3f} {figure(row.direct_ms):>8} {figure(row.added_ms):>8} "
            f"{figure(row.cpu_us, 0):>8}  {row.target}"
        )
    print("median, p99, direct, added: milliseconds; CPU us: of our processes, a call")


def figure(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
