"""wsk dev: run the actions of a file or a manifest here, again after every change.

Each action is one process of the server's own launcher (see `local`). HTTP is
`devserver`'s. No sandbox, no limits: it is your code on your machine.
"""

import os
import select
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any, NamedTuple

from wsk import jsontext, local
from wsk.errors import APPLICATION_ERROR, Interrupted, WskError, terminable
from wsk.files import read_limited
from wsk.parameters import collect
from wsk.session import Session

WATCH_PAUSE_S = 0.2  # editors write a file in several steps
KEYS = "keys: i invoke, r reload, c clear, q quit"


class Spec(NamedTuple):
    """What one action is made of."""

    package: str
    name: str
    artifact: str
    kind: str
    main: str
    inputs: dict[str, Any]


class DevAction:
    """One action and the process that runs it now."""

    def __init__(self, session: Session, spec: Spec, environ: dict[str, str]) -> None:
        self.spec = spec
        self._session = session
        self._environ = environ
        self._process: local.LocalAction | None = None
        self._lock = threading.Lock()
        self._stamp: Any = None

    def stamp(self) -> Any:
        """Something that changes when the code does."""
        path = self.spec.artifact
        if os.path.isdir(path):
            from wsk.artifacts import folder_files

            paths = [full for _, full in folder_files(path)]
        else:
            paths = [path]
        found = []
        for item in paths:
            try:
                found.append((item, os.stat(item).st_mtime_ns))
            except OSError:
                continue  # being replaced just now
        return found

    def load(self) -> bool:
        """Start a process and initialise it; say how that went."""
        self._stamp = self.stamp()
        out, spec = self._session.out, self.spec
        before = time.perf_counter()
        with self._lock:
            self._end()
            try:
                language = local.kind_of(self._session, spec.artifact, spec.kind)
                process = local.LocalAction(language)
                self._process = process
                self._read_logs(process)
                body = local.init_body(
                    self._session, spec.artifact, spec.kind, spec.main
                )
                body["value"]["env"] |= self._environ
                status, answer = process.post("/init", body)
            except WskError as error:
                out.error(f"{spec.name}: {error.message}")
                return False
        if status != 200:
            error = local.error_of(status, answer)
            out.error(f"{spec.name}: {jsontext.compact(error)}")
            return False
        took_ms = (time.perf_counter() - before) * 1000
        kind = spec.kind or language
        out.error_line(f"reloaded {spec.name} ({kind}) in {took_ms:.0f}ms")
        return True

    def _read_logs(self, process: local.LocalAction) -> None:
        out, name = self._session.out, self.spec.name
        streams = (
            ("stdout", process.process.stdout),
            ("stderr", process.process.stderr),
        )
        for stream, source in streams:

            def write(line: str, stream: str = stream) -> None:
                out.error_line(f"{name} {stream} | {line}")

            threading.Thread(
                target=local.pass_on, args=(source, write), daemon=True
            ).start()

    def invoke(self, parameters: dict[str, Any]) -> tuple[int, Any]:
        """Run once; the runtime's status and answer."""
        with self._lock:
            if self._process is None:
                return 502, {"error": "The action is not running; see its messages."}
            body = {
                "value": {**self.spec.inputs, **parameters},
                "deadline": str(local.deadline_ms()),
            }
            return self._process.post("/run", body)

    def reload_if_changed(self) -> None:
        if self.stamp() != self._stamp:
            self.load()

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
        self._process = None

    def close(self) -> None:
        with self._lock:
            self._end()


def _specs(session: Session) -> list[Spec]:
    """The file that was named, or the actions of the folder's manifest."""
    call = session.call
    target = call.operands[0] if call.operands else "."
    if os.path.isfile(target):
        name = os.path.splitext(os.path.basename(target))[0]
        return [Spec("default", name, target, call.text("kind"), call.text("main"), {})]
    if not os.path.isdir(target):
        raise WskError(f"'{target}' is no file and no folder.")
    return _manifest_specs(session, target)


def _manifest_specs(session: Session, folder: str) -> list[Spec]:
    from wsk.project.paths import inside
    from wsk.project.source import read
    from wsk.project.values import interpolate, resolve

    session.call.flags["project"] = folder
    source = read(session)
    project = source.manifest.get("project") or {}
    packages = {
        **(project.get("packages") or {}),
        **source.manifest.get("packages", {}),
    }
    found: list[Spec] = []
    for package, body in packages.items():
        for name, action in ((body or {}).get("actions") or {}).items():
            if not action.get("function"):
                continue
            try:
                path = inside(source.root, str(interpolate(action["function"])))
                stated = interpolate(
                    {**(body.get("inputs") or {}), **(action.get("inputs") or {})}
                )
                inputs = {key: resolve(key, value) for key, value in stated.items()}
            except ValueError as error:
                raise WskError(f"{source.path}: {package}/{name}: {error}") from error
            kind, main = str(action.get("runtime") or ""), str(action.get("main") or "")
            found.append(Spec(str(package), str(name), path, kind, main, inputs))
    if not found:
        raise WskError(f"{source.path}: there are no actions with a function in it.")
    return found


def _environ(session: Session) -> dict[str, str]:
    """KEY=VALUE lines for the code."""
    from wsk.properties import read_text

    path = session.call.text("env-file")
    if not path:
        return {}
    if not os.path.isfile(path):
        raise WskError(f"File '{path}' is not a valid file or it does not exist")
    lines = (line.strip() for line in read_text(path).splitlines())
    pairs = (x.partition("=") for x in lines if x and not x.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _event(session: Session) -> dict[str, Any]:
    path, event = session.call.text("event"), {}
    if path:
        try:
            event = jsontext.loads(read_limited(path))
        except ValueError as error:
            raise WskError(f"--event '{path}': {error}") from error
        if not isinstance(event, dict):
            raise WskError(f"--event '{path}': a JSON object is needed")
    return {**event, **collect(session, "pP")}


def dev(session: Session) -> int:
    """Serve until q or Ctrl-C; with --once invoke and end."""
    call, out = session.call, session.out
    event, environ = _event(session), _environ(session)
    actions = [DevAction(session, spec, environ) for spec in _specs(session)]
    with terminable(), ExitStack() as stack:
        for action in actions:
            stack.callback(action.close)
            loaded = action.load()
            if call.on("once") and not loaded:
                return APPLICATION_ERROR
        if call.on("once"):
            return _invoke(session, actions[0], event)
        from wsk.devserver import DevServer

        try:
            server = DevServer(actions, call.number("port"))
        except OSError as error:
            text = f"Port {call.number('port')} cannot be used: {error.strerror}"
            raise WskError(text) from error
        stack.callback(server.close)
        for action in actions:
            out.line(f"http://127.0.0.1:{server.port}/{action.spec.name}")
        try:
            _loop(session, actions, event)
        except KeyboardInterrupt:
            raise Interrupted() from None
    return 0


def _invoke(session: Session, action: DevAction, event: dict[str, Any]) -> int:
    status, answer = action.invoke(event)
    error = local.error_of(status, answer)
    if error is not None:
        session.out.error_line(jsontext.pretty(error))
        return APPLICATION_ERROR
    session.out.json(answer)
    return 0


def _loop(session: Session, actions: list[DevAction], event: dict[str, Any]) -> None:
    """Watch files, and keys if there is a terminal."""
    if not sys.stdin.isatty():
        while True:
            time.sleep(WATCH_PAUSE_S)
            for action in actions:
                action.reload_if_changed()
    import termios
    import tty

    session.out.error_line(KEYS)
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        while _key(session, actions, event) != "q":
            for action in actions:
                action.reload_if_changed()
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _key(session: Session, actions: list[DevAction], event: dict[str, Any]) -> str:
    if not select.select([sys.stdin], [], [], WATCH_PAUSE_S)[0]:
        return ""
    key = os.read(sys.stdin.fileno(), 1).decode("ascii", "replace")
    if key == "i":
        _invoke(session, actions[0], event)
    elif key == "r":
        for action in actions:
            action.load()
    elif key == "c":
        sys.stderr.write("\x1b[2J\x1b[H")
        sys.stderr.flush()
    return key or "q"
