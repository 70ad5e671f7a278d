"""Running an action's code here: the same launcher and protocol that the server uses.

The launcher is a file of the package `runtimes`, found beside this one and started as a
program of its own; nothing of it is imported. There is no sandbox: it is your code, on
your machine.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from wsk import artifacts, jsontext
from wsk.errors import APPLICATION_ERROR, WskError, terminable
from wsk.parameters import payload
from wsk.session import Session

READY_LIMIT_S = 10
RUN_LIMIT_S = 300
SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
# language: launcher below `runtimes`, the interpreter's command
LAUNCHERS = {
    "python": ("python/launcher.py", [sys.executable, "-I"]),
    "nodejs": ("nodejs/launcher.js", ["node"]),
}


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=RUN_LIMIT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(RUN_LIMIT_S)
        self.sock.connect(self._path)


class LocalAction:
    """One launcher process holding one action's code."""

    def __init__(self, language: str) -> None:
        command = _command(language)
        self.folder = tempfile.mkdtemp(prefix="wsk-local-")
        self._socket = os.path.join(self.folder, "s")
        action_dir = os.path.join(self.folder, "action")
        os.mkdir(action_dir)
        environ = {
            **os.environ,
            "CHASEN_SOCKET": self._socket,
            "CHASEN_ACTION_DIR": action_dir,
            "__OW_LOCAL_DEV": "1",
        }
        self.process = subprocess.Popen(  # noqa: S603 - our own launcher
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is ours to handle
        )
        self._wait_ready()

    def _wait_ready(self) -> None:
        until = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < until and self.process.poll() is None:
            connection = _SocketConnection(self._socket)
            try:
                connection.connect()
                return
            except OSError:
                time.sleep(0.02)
            finally:
                connection.close()
        self.process.kill()
        said = self.process.communicate()[1][-500:]
        self.close()
        raise WskError(f"The local runtime did not start. {said}".strip())

    def post(self, route: str, body: Any) -> tuple[int, Any]:
        """POST /init or /run; the status and the parsed body.

        Raises:
            WskError: the process went away.
        """
        connection = _SocketConnection(self._socket)
        try:
            data = jsontext.compact(body).encode()
            headers = {"Content-Type": "application/json"}
            connection.request("POST", route, body=data, headers=headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise WskError("The action exited unexpectedly.") from error
        finally:
            connection.close()
        try:
            return response.status, jsontext.loads(text) if text else None
        except ValueError:
            return response.status, text.decode("utf-8", "replace")

    def close(self) -> None:
        """End the process and remove its folder."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _command(language: str) -> list[str]:
    try:
        file, command = LAUNCHERS[language]
    except KeyError:
        known = " and ".join(LAUNCHERS)
        raise WskError(f"Only {known} actions run locally, not '{language}'.") from None
    spec = find_spec("runtimes")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = os.path.join(folder, file)
        if os.path.isfile(path):
            if shutil.which(command[0]) is None:
                raise WskError(f"`{command[0]}` is not installed here.")
            return [*command, path]
    raise WskError(f"There is no local runtime for {language} in this installation.")


def pass_on(stream: Any, write: Callable[[str], None]) -> None:
    """Hand each line of a log stream to `write`, leaving out sentinels; close it."""
    with stream:
        for line in stream:
            text = line.rstrip("\n").removesuffix(SENTINEL)
            if text or not line.rstrip("\n").endswith(SENTINEL):
                write(text)


def init_body(session: Session, artifact: str, kind: str, main: str) -> dict[str, Any]:
    """Body of /init: {"value": {"name", "main", "code", "binary", "env"}}."""
    code, extension, _ = artifacts.read(session, artifact)
    binary = extension in artifacts.ARCHIVES
    environ = {"__OW_ACTION_NAME": "/_/" + os.path.basename(artifact)}
    environ["__OW_API_HOST"] = session.config.apihost
    value = {"name": os.path.basename(artifact), "main": main or "main"}
    return {"value": {**value, "code": code, "binary": binary, "env": environ}}


def kind_of(session: Session, artifact: str, kind: str) -> str:
    """The language to run, from the kind, the folder or the file's name."""
    if kind:
        return kind.split(":")[0]
    if os.path.isdir(artifact):
        return artifacts.folder_kind(artifact).split(":")[0]
    extension = os.path.splitext(artifact)[1]
    if extension not in artifacts.LANGUAGES:
        raise WskError(f"Use --kind: the language of '{artifact}' is not clear.")
    return artifacts.LANGUAGES[extension]


def deadline_ms() -> int:
    return int((time.time() + RUN_LIMIT_S) * 1000)


def error_of(status: int, body: Any) -> Any:
    """The error that an answer of the runtime holds, or None."""
    if status == 200:
        failed = isinstance(body, dict) and "error" in body
        return body if failed else None
    if isinstance(body, dict) and "error" in body:
        return body
    return {"error": str(body or "The action failed.")}


def invoke_once(session: Session) -> int:
    """`wsk action invoke --local FILE`: exit codes as of a blocking invocation."""
    with terminable():
        return _invoke_once(session)


def _invoke_once(session: Session) -> int:
    from threading import Thread

    call, out = session.call, session.out
    artifact, kind = call.text("local"), call.text("kind")
    body = payload(session)
    action = LocalAction(kind_of(session, artifact, kind))
    write = out.error_line
    readers = [
        Thread(target=pass_on, args=(stream, write), daemon=True)
        for stream in (action.process.stdout, action.process.stderr)
    ]
    for reader in readers:
        reader.start()
    try:
        main = call.text("main")
        status, answer = action.post("/init", init_body(session, artifact, kind, main))
        if status == 200:
            run = {"value": body, "deadline": str(deadline_ms())}
            status, answer = action.post("/run", run)
        elif error_of(status, answer) is None:
            answer = {"error": json.dumps(answer)}
    finally:
        action.close()
        for reader in readers:
            reader.join(2)
    error = error_of(status, answer)
    if error is not None:
        out.error_line(jsontext.pretty(error))
        return APPLICATION_ERROR
    out.json(answer)
    return 0
