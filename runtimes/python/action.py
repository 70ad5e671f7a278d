"""The one action of this process: its code is placed, loaded once, and run.

Knows neither HTTP nor where logs go.  Source: OpenWhisk's ActionLoop proxy and the
Python runtime's compile script, for every answer and sentence.
"""

from __future__ import annotations

import os
import sys

from codec import as_text, dumps

TYPING = False
if TYPING:
    from collections.abc import Callable
    from typing import Any

    Answer = tuple[int, bytes, bool]  # status, JSON, whether a run's logs end here

NO_CODE = "Missing main/no code to execute."
SECOND_INIT = "Cannot initialize the action more than once."
NO_ACTION = "no action defined yet"
COMMAND_EXITED = "command exited"
NOT_GENERATED = (
    "The action failed to generate or locate a binary. See logs for details."
)
NOT_STARTED = "Cannot start action. Check logs for details."
EXITED_AT_INIT = "Command exited abruptly during initialization."
NOT_A_DICTIONARY = "The action did not return a dictionary or array."


class InitFailed(Exception):
    """User code cannot be loaded; the text is the answer, the reason is logged."""

    def __init__(self, answer: str, reason: str = "") -> None:
        super().__init__(answer)
        self.reason = reason


def show(error: BaseException) -> None:
    """Print an exception as the interpreter does, without our own frames."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    error.__traceback__ = trace  # what the hook looks at, whatever it is given
    sys.__excepthook__(type(error), error, trace)


def place_source(code: str, folder: str) -> tuple[str, str]:
    """Answer (path, source) of an action that is one file."""
    path = f"{folder}/main__.py"
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(code)
    except (OSError, ValueError):
        pass  # kept for tracebacks only: what runs is in memory
    return path, code.removeprefix("\ufeff")


def place_archive(code: str, folder: str) -> tuple[str, bytes]:
    """Answer (path, source) of an action that is an archive in base64."""
    from binascii import Error, a2b_base64

    try:
        data = a2b_base64(code)
    except (Error, ValueError) as error:
        raise BadRequest(f"cannot decode the request: {error}") from error
    Refused, unpack = _unpacker()
    try:
        unpack(data, folder)
    except Refused as error:
        reason = f"archive refused: {error}"
        answer = f"The action failed during initialization: {reason}"
        raise InitFailed(answer, reason) from error
    except OSError as error:
        # OSError's own text names a path in the action's folder, which helps.
        raise InitFailed(
            NOT_GENERATED, f"cannot unpack the archive: {error}"
        ) from error
    path = f"{folder}/__main__.py"
    try:
        with open(path, "rb") as file:
            return path, file.read()
    except IsADirectoryError as error:
        reason = "Zip file does not include a file __main__.py, but a directory."
        raise InitFailed(NOT_GENERATED, reason) from error
    except OSError as error:
        reason = "Zip file does not include __main__.py"
        raise InitFailed(NOT_GENERATED, reason) from error


def _unpacker() -> tuple[type[Exception], Callable[[bytes, str], None]]:
    # Loaded when needed, and out of the way of user code's own modules afterwards.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from unpack import Refused, unpack

    sys.path.pop(0)
    for name in ("tree", "unpack", "untar", "unzip"):
        del sys.modules[name]
    return Refused, unpack


def activate_virtualenv(folder: str) -> None:
    """Put the packages of <folder>/virtualenv, where there is one, on sys.path."""
    home = f"{folder}/virtualenv"
    if not os.path.isdir(home):
        return
    scripts = [f"{home}/{name}/activate_this.py" for name in ("bin", "Scripts")]
    script = next((path for path in scripts if os.path.isfile(path)), None)
    if script is None:
        reason = "Invalid virtualenv. Zip file does not include 'activate_this.py'."
        raise InitFailed(NOT_GENERATED, reason)
    _check_virtualenv_version(home)
    try:
        with open(script, "rb") as file:
            code = compile(file.read(), script, "exec")
        exec(code, {"__file__": script})  # noqa: S102 - it is made to be executed
    except Exception as error:
        show(error)
        raise InitFailed(NOT_GENERATED, "Invalid virtualenv.") from error


def _check_virtualenv_version(home: str) -> None:
    wanted = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    try:
        found = sorted(os.listdir(f"{home}/lib"))
    except OSError:
        return  # made on Windows: its packages lie elsewhere
    found = [name for name in found if name.startswith("python")]
    if found and wanted not in found:
        reason = (
            f"Invalid virtualenv. It was made for {', '.join(found)}, this runtime is "
            f"{wanted}: make it again with that version."
        )
        raise InitFailed(NOT_GENERATED, reason)


def load(value: dict[str, Any], folder: str) -> Callable[..., Any]:
    """Answer the entry function of /init's value, its module imported.

    Raises:
        InitFailed: with what to answer; tracebacks are printed already.
        BadRequest: the code cannot be decoded.
    """
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    sys.path.insert(0, folder)
    place = place_archive if value.get("binary") else place_source
    path, source = place(value["code"], folder)
    activate_virtualenv(folder)
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        show(error)
        raise InitFailed(NOT_GENERATED) from error
    # The name that OpenWhisk's proxy gives it; "__main__" is the launcher.
    module = type(sys)("main__")
    module.__file__ = path
    sys.modules["main__"] = module
    try:
        exec(code, module.__dict__)  # noqa: S102 - to run it is what we are for
    except SystemExit as error:
        raise InitFailed(NOT_STARTED, EXITED_AT_INIT) from error
    except BaseException as error:
        show(error)
        raise InitFailed(NOT_STARTED, EXITED_AT_INIT) from error
    name = value.get("main") or "main"
    entry = getattr(module, name, None)
    if not callable(entry):
        reason = f"The code defines no function '{name}'. {EXITED_AT_INIT}"
        raise InitFailed(NOT_STARTED, reason)
    return entry


class BadRequest(Exception):
    """The request is not what the contract says; the text tells."""


class Action:
    """The one action of this process: not loaded, loaded, or dead."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._latched = False
        self._entry: Callable[..., Any] | None = None
        self._seen: dict[str, Any] = {}  # variable -> text of the last run
        self._names: dict[
            str, tuple[str, str | None]
        ] = {}  # key -> (variable, what it was before runs set it)

    def init(self, request: dict[str, Any]) -> Answer:
        """Answer POST /init, `{"value": {"code": "...", "main": "main", ...}}`."""
        if self._latched:
            print(SECOND_INIT, file=sys.stderr, flush=True)
            return 403, failure(SECOND_INIT), False
        value = request.get("value") or {}
        if not isinstance(value, dict) or not value.get("code"):
            return 403, failure(NO_CODE), False
        env = value.get("env") or {}
        if not isinstance(value["code"], str) or not isinstance(env, dict):
            raise BadRequest("'code' must be a string and 'env' an object")
        if not isinstance(value.get("main") or "", str):
            raise BadRequest("'main' must be a string")
        self._latched = True
        for name, text in env.items():
            export(name, as_text(text))
        try:
            self._entry = load(value, self._folder)
        except InitFailed as error:
            if error.reason:
                print(error.reason, file=sys.stderr)
            return 502, failure(str(error)), True
        return 200, b'{"ok":true}', False

    def run(self, request: dict[str, Any]) -> Answer:
        """Answer POST /run, `{"value": {...}, "namespace": "guest", ...}`."""
        if self._entry is None:
            return 500, failure(NO_ACTION), False
        value = request.pop("value", None)
        self._export_context(request)
        try:
            result = self._entry({} if value is None else value)
        except Exception as error:
            show(error)
            return 200, failure(_sentence(error)), True
        except BaseException as error:
            self._entry = None
            if not isinstance(error, SystemExit):
                show(error)
            return 400, failure(COMMAND_EXITED), True
        if not isinstance(result, (dict, list, tuple)):
            return 502, failure(NOT_A_DICTIONARY), True
        try:
            body = dumps(result).encode()
        except Exception as error:  # also what a subclass of str or dict raises
            print(f"The result is not JSON: {_sentence(error)}", file=sys.stderr)
            return 502, failure(NOT_A_DICTIONARY), True
        return 200, body, True

    def _export_context(self, context: dict[str, Any]) -> None:
        seen, self._seen = self._seen, context
        for key, value in context.items():
            if seen.get(key) == value and key in seen:
                continue
            if key not in self._names:
                name = "__OW_" + key.upper()
                self._names[key] = (name, os.environ.get(name))
            export(self._names[key][0], as_text(value))
        if seen.keys() != context.keys():
            for key in seen.keys() - context.keys():
                export(*self._names.pop(key))


def _sentence(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return type(error).__name__


def failure(sentence: str) -> bytes:
    """Answer `{"error": "<sentence>"}` as bytes."""
    return dumps({"error": sentence}).encode("utf-8", "replace")


def export(name: str, text: str | None) -> None:
    """Set a variable, or with None take it away."""
    try:
        if text is not None:
            os.environ[name] = text
        elif name in os.environ:
            del os.environ[name]
    except (OSError, ValueError) as error:
        print(f"Cannot set the variable {name!r}: {error}", file=sys.stderr)
