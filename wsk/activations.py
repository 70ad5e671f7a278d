"""wsk activation get, logs, result. Listing is `activation_list`, polling `poll`."""

import re
import time
from typing import Any

from wsk import entities
from wsk.errors import APPLICATION_ERROR, GENERAL, WskError, doing
from wsk.jsontext import integer
from wsk.session import Session

_LINE = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z)\s*(stdout|stderr): (.+)\Z", re.DOTALL
)


def stripped(line: str) -> str:
    """A log line without its time and stream, if it has them."""
    found = _LINE.match(line)
    return found[3] if found else line


def log_entry(line: str, identifier: str, action: str) -> dict[str, Any]:
    """A log line as the document of `-o json`."""
    found = _LINE.match(line)
    return {
        "ts": found[1] if found else None,
        "activationId": identifier,
        "action": action,
        "stream": found[2] if found else None,
        "line": found[3] if found else line,
    }


def _identifier(session: Session, prefix: str) -> str:
    """The id that was named, or with --last the newest one's."""
    call = session.call
    if not call.on("last"):
        return call.operands[0]
    query = (("limit", "1"), ("skip", "0"))
    with doing(prefix):
        found = session.client.rows("_", "activations", query)
        if not found:
            text = "Activation list does not contain any activations."
            raise WskError(text, GENERAL)
    return str(found[0].get("activationId", ""))


def _check(session: Session, most_with_last: int) -> None:
    """--last takes the id's place."""
    call = session.call
    count, required = len(call.operands), call.command.required
    most = most_with_last if call.on("last") else most_with_last + 1
    if not call.on("last") and count == 0:
        raise WskError(f"Invalid argument(s). {required}", GENERAL, usage=True)
    if count > most:
        extra = call.operands[:-1] if call.on("last") else call.operands[most:]
        shown = ", ".join(extra or call.operands)
        text = f"Invalid argument(s): {shown}. {required}"
        raise WskError(text, GENERAL, usage=True)


def get(session: Session) -> int:
    """Show a record, or a field, a summary, the logs of it."""
    call, out = session.call, session.out
    _check(session, 1)
    at = 0 if call.on("last") else 1
    wanted = call.operands[at] if len(call.operands) > at else ""
    key = entities.field_name(wanted, entities.ACTIVATION) if wanted else ""
    identifier = _identifier(session, "Unable to get activation: ")
    with doing(f"Unable to get activation '{identifier}': "):
        found = session.client.record(identifier)
    if call.on("summary"):
        _summary(session, found)
    elif call.on("logs"):
        for line in found.get("logs") or []:
            out.line(stripped(str(line)))
    else:
        shown = entities.activation(found)
        if not key:
            out.ok(f"got activation {out.bold(identifier)}")
            out.modelled(shown, found)
        else:
            bold = out.bold
            out.ok(
                f"got activation {bold(identifier)}, displaying field {bold(wanted)}"
            )
            out.modelled(entities.field(shown, key), entities.field(shown, key))
    return 0


def _summary(session: Session, found: Any) -> None:
    out = session.out
    response = found.get("response") or {}
    ended = time.localtime(integer(found.get("end")) / 1000)
    when = time.strftime("%Y-%m-%d %H:%M:%S %z %Z", ended)
    name = f"/{found.get('namespace', '')}/{found.get('name', '')}"
    out.line(f"activation result for '{name}' ({response.get('status', '')} at {when})")
    out.json(response.get("result"))


def logs(session: Session) -> int:
    """Print the lines as they are, or with --strip only their text."""
    call, out = session.call, session.out
    _check(session, 0)
    identifier = _identifier(session, "Unable to get logs for activation: ")
    with doing(f"Unable to get logs for activation '{identifier}': "):
        found = session.client.record(f"{identifier}/logs")
    for line in (str(item) for item in found.get("logs") or []):
        if out.structured:
            from wsk.jsontext import compact

            out.line(compact(log_entry(line, identifier, "")))
        else:
            out.line(stripped(line) if call.on("strip") else line)
    return 0


def result(session: Session) -> int:
    """Print the result; a failed activation has one too."""
    call = session.call
    _check(session, 0)
    identifier = _identifier(session, "Unable to get result for activation: ")
    with doing(f"Unable to get result for activation '{identifier}': "):
        found = session.client.record(f"{identifier}/result")
    session.out.json(found.get("result"))
    if call.on("exit-status") and found.get("success") is False:
        return APPLICATION_ERROR
    return 0
