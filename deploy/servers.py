#!/usr/bin/env python3
"""One Kafka broker or one CouchDB stand-in, started directly on this machine.

What lives here: starting the two servers on loopback, saying when they answer,
stopping them.  What does not: fetching them (fetch.py), the stack of
docker-compose.yml (stack.sh), and the embedded house, which needs neither.
Standard library only, so that it runs before anything is installed.

    python deploy/servers.py prepare
    python deploy/servers.py kafka   --dir DIR [--port P] [--pidfile FILE]
    python deploy/servers.py couchdb --dir DIR [--port P] [--pidfile FILE] [--memory]
    python deploy/servers.py stop    --dir DIR

Starting prints one line, the address (kafka://127.0.0.1:9092), once the server
answers, and returns; the server stays until `stop`.  A second start with the same
--dir goes on with the same data, and with the same --port at the same address.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fetch import COUCH, FetchError, couch_modules, kafka_jars, need, run

DEPLOY = Path(__file__).resolve().parent
COUCH_USER = "chasen"

READY_LIMIT_S = 60  # on a quiet machine Kafka takes 4 s, the stand-in 1 s
STOP_LIMIT_S = 15  # Kafka leaves in 1 to 3 s; its data survive a SIGKILL too
POLL_S = 0.05

# One node that is broker and controller.  The internal topics keep one partition:
# fifty of them would double the time of a first start.  The session is shorter than
# Kafka's 9 s because a broker killed by SIGKILL is let in again only when it ended.
KAFKA_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
broker.session.timeout.ms=6000
metadata.max.idle.interval.ms=10000
auto.create.topics.enable=false
message.max.bytes=8388608
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
"""


class ServerError(FetchError):
    """The server did not start or end; the sentence says why."""


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    address: str
    port: int
    pid: int
    directory: Path

    @property
    def password_file(self) -> Path:
        """Where the stand-in's admin password lies; Kafka has none."""
        return self.directory / "password"

    def stop(self) -> None:
        stop(self.directory)


# Kafka ---------------------------------------------------------------------------


def start_kafka(directory: Path, port: int = 0) -> Server:
    """Start one broker on 127.0.0.1 and wait until it answers.

    Raises:
        ServerError: java is missing, or the broker ended or stayed silent.
    """
    need("java", "default-jre-headless")
    directory = _fresh_start(directory)
    port = port or _free_port()
    properties = directory / "server.properties"
    properties.write_text(
        KAFKA_PROPERTIES.format(
            port=port, controller_port=_free_port(), data=directory / "data"
        ),
        "utf-8",
    )
    java = _java(directory)
    if not (directory / "data" / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:21]
        run(
            *java,
            *("kafka.tools.StorageTool", "format", "--cluster-id", f"A{cluster}"),
            *("--config", str(properties)),
            complaint="Kafka's storage could not be formatted",
        )
    with _log(directory) as (log, start):
        process = _spawn([*java, "kafka.Kafka", str(properties)], directory, log)
        # Said after the controller let the broker in, so requests are answered.
        _wait(
            process,
            directory,
            lambda: b"Kafka Server started" in _tail(directory, start),
        )
    return Server(f"kafka://127.0.0.1:{port}", port, process.pid, directory)


def _java(directory: Path) -> list[str]:
    # Serial collector and first compiler only: a broker for tests shares two cores
    # with the tests, and starts in 2 s instead of 4.
    flags = ["-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    logging = f"-Dlog4j2.configurationFile={DEPLOY / 'kafka' / 'log4j2.properties'}"
    state = f"-Dchasen.directory={directory}"
    return ["java", *flags, logging, state, "-cp", f"{kafka_jars()}/*"]


# The CouchDB stand-in ------------------------------------------------------------


def start_couchdb(directory: Path, port: int = 0, *, memory: bool = False) -> Server:
    """Start the stand-in on 127.0.0.1; the admin is `chasen`, see password_file.

    Raises:
        ServerError: node is missing, or the server ended or stayed silent.
    """
    need("node", "nodejs")
    directory = _fresh_start(directory)
    port = port or _free_port()
    password = directory / "password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24), "utf-8")
    command = ["node", "--max-old-space-size=1024", str(COUCH / "server.js")]
    command += ["--port", str(port), "--dir", str(directory / "data")]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "NODE_ENV": "production",
        "NODE_PATH": str(couch_modules()),
        "COUCHDB_USER": COUCH_USER,
        "COUCHDB_PASSWORD_FILE": str(password),
    }
    with _log(directory) as (log, _):
        process = _spawn(
            command + ["--memory"] * memory, directory, log, environment=environment
        )
        _wait(process, directory, lambda: _answers(f"http://127.0.0.1:{port}/_up"))
    address = f"couchdb://{COUCH_USER}@127.0.0.1:{port}"
    return Server(address, port, process.pid, directory)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:
            return reply.status == 200
    except OSError:
        return False


# Processes -----------------------------------------------------------------------

_children: dict[int, subprocess.Popen[bytes]] = {}


def stop(directory: Path) -> None:
    """End the server of this directory, if one runs; its data stay."""
    directory = directory.resolve()
    pid = _running(directory)
    if pid is None:
        return
    for number, limit_s in ((signal.SIGTERM, STOP_LIMIT_S), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _until(lambda: _running(directory) is None, limit_s):
            break
    else:
        raise ServerError(f"Process {pid} did not end.")
    (directory / "pid").unlink(missing_ok=True)


def _fresh_start(directory: Path) -> Path:
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    pid = _running(directory)
    if pid is not None:
        raise ServerError(f"A server already runs in {directory} (process {pid}).")
    return directory


def _running(directory: Path) -> int | None:
    """Answer the pid if that process still is the server of this directory."""
    try:
        pid = int((directory / "pid").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        return None
    try:
        # Empty for a zombie; another program's if the pid was given out again.
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    return pid if os.fsencode(directory) in arguments else None


@contextlib.contextmanager
def _log(directory: Path) -> Iterator[tuple[int, int]]:
    """Open the log for appending; yields its descriptor and where it stood."""
    with (directory / "server.log").open("ab") as log:
        yield log.fileno(), log.tell()


def _tail(directory: Path, start: int) -> bytes:
    with (directory / "server.log").open("rb") as log:
        log.seek(start)
        return log.read()


def _spawn(
    command: list[str],
    directory: Path,
    log: int,
    *,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C in the terminal is for whoever asked, not for it.
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    (directory / "pid").write_text(str(process.pid), "utf-8")
    _children[process.pid] = process
    return process


def _wait(
    process: subprocess.Popen[bytes], directory: Path, ready: Callable[[], bool]
) -> None:
    def settled() -> bool:
        return process.poll() is not None or ready()

    if _until(settled, READY_LIMIT_S) and process.poll() is None:
        return
    code = process.poll()
    if code is None:
        process.kill()
        process.wait()
    news = "did not answer in time" if code is None else f"ended with code {code}"
    tail = _tail(directory, 0)[-2000:].decode("utf-8", "replace")
    raise ServerError(f"The server {news}. The end of its log:\n{tail}")


def _until(condition: Callable[[], bool], limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Command line --------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        if options.what == "prepare":
            print(kafka_jars(), couch_modules(), sep="\n")
        elif options.what == "stop":
            stop(options.dir)
        else:
            _start_and_tell(options)
    except FetchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _start_and_tell(options: argparse.Namespace) -> None:
    if options.what == "kafka":
        server = start_kafka(options.dir, options.port)
    else:
        server = start_couchdb(options.dir, options.port, memory=options.memory)
    if options.pidfile:
        options.pidfile.write_text(f"{server.pid}\n", "utf-8")
    print(server.address, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="servers.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    verbs = parser.add_subparsers(dest="what", required=True)
    verbs.add_parser("prepare", help="fetch both servers into the cache")
    for name in ("kafka", "couchdb", "stop"):
        verb = verbs.add_parser(name)
        verb.add_argument("--dir", type=Path, required=True, help="state, log, pid")
        if name != "stop":
            verb.add_argument("--port", type=int, default=0, help="0: any free port")
            verb.add_argument("--pidfile", type=Path, help="also write the pid here")
        if name == "couchdb":
            verb.add_argument("--memory", action="store_true", help="keep no data")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
