#!/usr/bin/env python3
"""What the stack is made of, fetched once by the ordinary package clients.

What lives here: the cache (CHASEN_CACHE, by default ~/.cache/chasen) and one function
per thing in it, each answering a folder whose name holds the digest of its lock file.
What does not: building images (images.sh) or starting servers (servers.py).
Standard library only, so that it runs before anything is installed.

    python deploy/fetch.py kafka | couch | node | wheels     prints the folder
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KAFKA_POM = ROOT / "deploy" / "kafka" / "pom.xml"
COUCH = ROOT / "tests" / "couch"
NODE = ROOT / "deploy" / "docker" / "node"
REQUIREMENTS = ROOT / "requirements" / "runtime.txt"
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

# The interpreter of our images, Debian 12's, whatever this machine's is.
IMAGE_PYTHON = "3.11"
IMAGE_GLIBC = ("2_17", "2_24", "2_26", "2_27", "2_28", "2_31", "2_34", "2_35", "2_36")


class FetchError(Exception):
    """Something a person can mend; the sentence says what."""


def cache_dir() -> Path:
    base = os.environ.get("CHASEN_CACHE") or Path.home() / ".cache" / "chasen"
    path = Path(base).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def kafka_version() -> str:
    """Answer the one pinned version, which is written in deploy/kafka/pom.xml."""
    found = re.search(r"<kafka.version>([^<]+)<", KAFKA_POM.read_text("utf-8"))
    assert found, f"{KAFKA_POM} names no kafka.version"
    return found[1]


def kafka_jars() -> Path:
    """Answer the folder of Kafka's jars."""

    def fetch(part: Path) -> None:
        need("mvn", "maven")
        run(
            *("mvn", "-q", "-B", "-f", str(KAFKA_POM), COPY_JARS),
            "-DincludeScope=runtime",
            f"-DoutputDirectory={part}",
            complaint="Maven could not fetch Kafka",
        )

    return _cached(f"kafka/{kafka_version()}", KAFKA_POM, fetch)


def couch_modules() -> Path:
    """Answer the node_modules of the CouchDB stand-in."""
    return _npm("couch", COUCH, "the CouchDB stand-in")


def node_modules() -> Path:
    """Answer a node_modules with Node.js 20 for this machine's processor."""
    return _npm("node", NODE, "Node.js 20")


def _npm(name: str, source: Path, what: str) -> Path:
    def fetch(part: Path) -> None:
        need("npm", "npm")
        part.mkdir(parents=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(source / file, part)
        # The modules' install scripts would compile for a minute; LevelDB's own
        # prebuilt library loads without them.
        run(
            *("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
            *("--loglevel=error", f"--prefix={part}"),
            complaint=f"npm could not fetch {what}",
        )

    return _cached(name, source / "package-lock.json", fetch) / "node_modules"


def wheels() -> Path:
    """Answer the folder of wheels that requirements/runtime.txt names by hash."""
    machine = os.uname().machine

    def fetch(part: Path) -> None:
        platforms = [f"--platform=manylinux_{glibc}_{machine}" for glibc in IMAGE_GLIBC]
        run(
            *(_python_with_pip(), "-m", "pip", "download", "-q", "--require-hashes"),
            *("--only-binary=:all:", "--implementation=cp", "--abi=cp311"),
            *("--abi=abi3", "--abi=none", f"--python-version={IMAGE_PYTHON}"),
            *platforms,
            *(f"--platform=manylinux2014_{machine}", f"--dest={part}"),
            *("-r", str(REQUIREMENTS)),
            complaint="pip could not fetch the wheels of our images",
        )

    return _cached(f"wheels/{machine}", REQUIREMENTS, fetch)


def _python_with_pip() -> str:
    for python in (sys.executable, str(ROOT / ".venv" / "bin" / "python")):
        probe = [python, "-m", "pip", "--version"]
        if Path(python).exists() and not _status(probe):
            return python
    raise FetchError(
        "pip is missing. Run: make setup, or sudo apt-get install python3-pip"
    )


def _status(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _cached(name: str, lock: Path, fetch: Callable[[Path], None]) -> Path:
    """Answer the folder for this lock file; fetched beside it first, then renamed."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    target = cache_dir() / f"{name}-{digest}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    # One process at a time: tests start several servers at once.
    with (target.parent / ".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not target.exists():
            part = target.with_name(target.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            fetch(part)
            part.rename(target)
    return target


def need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise FetchError(f"{program} is missing. Run: sudo apt-get install {package}")


def run(*command: str, complaint: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise FetchError(f"{complaint}:\n{result.stdout}{result.stderr}".rstrip())


THINGS: dict[str, Callable[[], Path]] = {
    "kafka": kafka_jars,
    "couch": couch_modules,
    "node": node_modules,
    "wheels": wheels,
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in THINGS:
        print(f"Usage: fetch.py {' | '.join(THINGS)}", file=sys.stderr)
        return 2
    try:
        print(THINGS[arguments[0]]())
    except FetchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
