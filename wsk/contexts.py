"""wsk context: properties files by name, in ~/.config/wsk/contexts.

Without a context in use, ~/.wskprops stays what it is for every other tool.
"""

import os

from wsk import hosts
from wsk.errors import WskError
from wsk.properties import (
    config_home,
    context_path,
    current_context,
    parse,
    read_text,
    update,
)
from wsk.property import read_key
from wsk.session import Session


def _names() -> list[str]:
    try:
        return sorted(os.listdir(os.path.join(config_home(), "contexts")))
    except OSError:
        return []


def _existing(name: str) -> str:
    path = context_path(name)
    if not os.path.isfile(path):
        known = ", ".join(_names()) or "none"
        raise WskError(f"There is no context '{name}'. Contexts: {known}.")
    return path


def list_(session: Session) -> int:
    out, used = session.out, os.environ.get("WSK_CONTEXT") or current_context()
    rows = [
        {
            "name": name,
            "apihost": parse(read_text(context_path(name))).get("APIHOST", ""),
            "used": name == used,
        }
        for name in _names()
    ]
    if out.structured:
        out.document(rows)
        return 0
    for row in rows:
        mark = "*" if row["used"] else " "
        out.line(f"{mark} {out.bold(str(row['name']))}  {row['apihost']}".rstrip())
    return 0


def create(session: Session) -> int:
    call = session.call
    name = call.operands[0]
    path = context_path(name)
    if os.path.exists(path):
        raise WskError(f"The context '{name}' exists already.")
    changes: dict[str, str | None] = {}
    if call.given("apihost"):
        reason = hosts.fault(call.text("apihost"))
        if reason:
            raise WskError(f"The API host is not valid: {reason}")
        changes["APIHOST"] = call.text("apihost")
    if call.given("auth") or call.given("auth-file"):
        changes["AUTH"] = read_key(call.text("auth"), call.text("auth-file"))
    update(path, changes)
    session.out.ok(f"created context {session.out.bold(name)}")
    return 0


def use(session: Session) -> int:
    """Remember a context; `-` forgets."""
    name = session.call.operands[0]
    pointer = os.path.join(config_home(), "context")
    try:
        if name == "-":
            if os.path.exists(pointer):
                os.unlink(pointer)
        else:
            _existing(name)
            with open(pointer, "w", encoding="utf-8") as file:
                file.write(name + "\n")
    except OSError as error:
        raise WskError(f"Cannot write '{pointer}': {error.strerror}") from error
    text = "no context" if name == "-" else f"context {session.out.bold(name)}"
    session.out.ok(f"using {text}")
    return 0


def show(session: Session) -> int:
    values = parse(read_text(_existing(session.call.operands[0])))
    if "AUTH" in values:
        values["AUTH"] = values["AUTH"].partition(":")[0] + ":********"
    if session.out.structured:
        session.out.document(values)
        return 0
    for key, value in values.items():
        session.out.line(f"{key}={value}")
    return 0


def delete(session: Session) -> int:
    name = session.call.operands[0]
    os.unlink(_existing(name))
    if current_context() == name:
        os.unlink(os.path.join(config_home(), "context"))
    session.out.ok(f"deleted context {session.out.bold(name)}")
    return 0
