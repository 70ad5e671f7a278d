"""Code on its way out: `wsk action get --save`.

A file is written whole or not at all, and never over another one unless --force.
"""

import base64
import binascii
import os
import sys
from typing import Any

from wsk.errors import MISUSE, WskError
from wsk.names import QualifiedName
from wsk.session import Session

EXTENSIONS = {
    "nodejs": ".js", "python": ".py", "swift": ".swift", "php": ".php", "ruby": ".rb",
    "rust": ".rs", "go": ".go",
}  # fmt: skip
BINARY_EXTENSIONS = {"java": ".jar", "ballerina": ".balx"}


def _refused(text: str) -> WskError:
    return WskError(text, MISUSE, usage=True)


def file_name(name: str, executed: dict[str, Any]) -> str:
    """The name that --save gives: the action's and its language's extension."""
    language = str(executed.get("kind", "")).split(":")[0]
    if executed.get("binary") is True:
        return name + BINARY_EXTENSIONS.get(language, ".zip")
    return name + EXTENSIONS.get(language, "")


def content(executed: dict[str, Any]) -> bytes:
    """The code as bytes.

    Raises:
        WskError: there is none to save.
    """
    kind, code = executed.get("kind"), executed.get("code")
    if kind == "sequence":
        raise _refused("Cannot save action sequences")
    if not isinstance(code, str) or (kind == "blackbox" and not code):
        raise _refused("Cannot save Docker images")
    if executed.get("binary") is not True:
        return code.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(code, validate=False)
    except (binascii.Error, ValueError) as error:
        raise _refused(f"Cannot decode the action's code: {error}") from error


def save(session: Session, name: QualifiedName, found: Any) -> None:
    """Write an action's code and say where."""
    call, out = session.call, session.out
    executed = found.get("exec") or {}
    data = content(executed)
    target = call.text("save-as") or file_name(name.entity, executed)
    if target == "-":
        out.line("") if not data else sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    write(target, data, force=call.on("force"))
    path = target if os.path.isabs(target) else os.path.join(os.getcwd(), target)
    if out.structured:
        out.document({"file": path})
    else:
        out.ok(f"saved action code to {path}")


def write(target: str, data: bytes, *, force: bool = False) -> None:
    """Write a new file.

    Raises:
        WskError: it exists, or cannot be written; nothing is left behind then.
    """
    if os.path.exists(target) and not force:
        raise _refused(f"The file '{target}' already exists")
    try:
        with open(target, "wb") as file:
            try:
                file.write(data)
                file.flush()
            except OSError:
                if os.path.isfile(target):  # never a device
                    os.unlink(target)
                raise
    except OSError as error:
        raise _refused(f"Cannot create file '{target}': {error.strerror}") from error
