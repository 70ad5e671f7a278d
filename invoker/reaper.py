"""The reaper: no container outlives its invoker by more than 30 seconds.

What lives here: finding containers whose life (incarnation) holds no lock any more,
and removing them with their socket directories.  It needs nothing but the engine's
socket and the socket directory, so it may run anywhere on the machine, also in a
container of its own: ``chasen reaper``.  What does not live here: the sweep of a living
invoker over its own containers (``containers/docker.py``).

The driver starts one by itself where none runs (``ensure_reaper``); that one leaves
when there is nothing more to watch.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chasen.errors import BadInput, ContainerError
from chasen.settings import Settings
from invoker.containers import incarnation
from invoker.containers.docker_body import (
    LABEL_HOUSE,
    LABEL_INCARNATION,
    LABEL_TOKEN,
)
from invoker.containers.docker_engine import EngineClient

log = logging.getLogger(__name__)

INTERVAL_S = 10  # a third of the promise
IDLE_ROUNDS = 3
FOLDER_AGE_S = 300  # younger ones may be waiting for a slow engine
LOCKS = "locks"
_GUARD = "reaper"
_TOKEN = re.compile(r"[0-9a-f]{16}", re.ASCII)


async def run_reaper(
    url: str,
    lock_dir: Path,
    interval_s: float = INTERVAL_S,
    *,
    until_idle: bool = False,
) -> None:
    """Reap every ``interval_s`` until cancelled, or until nothing is left to watch."""
    idle = 0
    with _guard(lock_dir) as alone:
        while idle < IDLE_ROUNDS and (alone or not until_idle):
            try:
                left = await asyncio.to_thread(reap_once, url, lock_dir)
            except ContainerError as error:
                log.warning("reaper cannot work: %s", error)
                left = 1
            busy = left or incarnation.living(lock_dir)
            idle = 0 if busy or not until_idle else idle + 1
            await asyncio.sleep(interval_s)


def reap_once(url: str, lock_dir: Path) -> int:
    """Remove what the dead have left; answer how many containers remain.

    Raises:
        ContainerError: the engine does not answer.
    """
    client = EngineClient(url)
    try:
        house = str(lock_dir.parent.resolve())
        rows = client.list_by_labels({LABEL_HOUSE: house})
        owners = {row["Labels"].get(LABEL_INCARNATION, "") for row in rows}
        dead = {name for name in owners if not incarnation.is_alive(lock_dir, name)}
        doomed = [r for r in rows if r["Labels"].get(LABEL_INCARNATION, "") in dead]
        with ThreadPoolExecutor(os.cpu_count() or 1, "reaper") as crew:
            gone = sum(crew.map(lambda row: _remove(client, row), doomed))
    finally:
        client.close()
    if gone == len(doomed):
        _clear_locks(lock_dir)
    living = {r["Labels"].get(LABEL_TOKEN) for r in rows if r not in doomed}
    dead_tokens = {r["Labels"].get(LABEL_TOKEN) for r in doomed}
    _clear_folders(lock_dir.parent, living, dead_tokens)
    return len(rows) - gone


def ensure_reaper(url: str, lock_dir: Path, log_file: Path) -> bool:
    """Start a reaper that outlives this process, unless one runs; answer whether.

    It gets no environment of ours: there may be passwords in it.
    """
    with _guard(lock_dir) as alone:
        if not alone:
            return False
    package_root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-m", "invoker.reaper", "--until-idle", url]
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    os.posix_spawn(
        sys.executable,
        [*command, str(lock_dir)],
        {"PATH": os.defpath, "PYTHONPATH": package_root},
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log_file), appending, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    return True


@contextlib.contextmanager
def _guard(lock_dir: Path) -> Iterator[bool]:
    """Hold the mark that a reaper runs; answer whether none did."""
    lock_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock_dir / _GUARD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _remove(client: EngineClient, row: dict) -> bool:
    try:
        client.remove(row["Id"])
    except ContainerError as error:
        log.warning("container stays for now", extra={"error": str(error)})
        return False
    log.info("container of a dead invoker removed", extra={"container": row["Id"]})
    return True


def _clear_locks(lock_dir: Path) -> None:
    for path in lock_dir.glob("*.lock"):
        if not incarnation.is_held(path):
            incarnation.clear(lock_dir, path.stem)


def _clear_folders(
    socket_dir: Path, living: set[str | None], dead: set[str | None]
) -> None:
    """Drop those of the dead, and old ones of which no container knows."""
    too_young = time.time() - FOLDER_AGE_S
    for folder in socket_dir.iterdir():
        if _TOKEN.fullmatch(folder.name) is None or folder.name in living:
            continue
        with contextlib.suppress(OSError):
            if folder.name in dead or folder.lstat().st_mtime < too_young:
                shutil.rmtree(folder)


def main(arguments: list[str]) -> int:
    """``chasen reaper [--until-idle] [URL LOCK_DIR]``; without these, by settings."""
    until_idle = "--until-idle" in arguments
    words = [word for word in arguments if word != "--until-idle"]
    try:
        url, lock_dir = words or _from_settings()
    except ValueError:
        print("usage: chasen reaper [--until-idle] [URL LOCK_DIR]", file=sys.stderr)
        return 2
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    os.chdir("/")  # stay in nobody's way
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run_reaper(url, Path(lock_dir), until_idle=until_idle))
    return 0


def _from_settings() -> tuple[str, str]:
    settings = Settings.from_environment(os.environ)
    url = settings.containers_url
    if not url.startswith("docker:"):
        raise BadInput(
            f"The reaper watches Docker containers; CHASEN_CONTAINERS_URL={url!r}"
            " makes none. Say docker:///var/run/docker.sock."
        )
    return url, str(settings.socket_dir / LOCKS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
