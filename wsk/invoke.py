"""wsk action invoke.

Where the answer goes is the contract: a success to stdout, an application error to
stderr with exit code 246, an unfinished one to stderr with 202.
"""

import time
from typing import Any

from wsk import jsontext
from wsk.errors import (
    APPLICATION_ERROR,
    GENERAL,
    TIMED_OUT,
    ApplicationError,
    WskError,
    doing,
)
from wsk.hints import near_names
from wsk.names import QualifiedName, parse_entity
from wsk.parameters import payload
from wsk.session import Session

POLL_PAUSE_S = 1.0


def invoke(session: Session) -> int:
    """POST the parameters; wait for the answer with -b or -r."""
    call = session.call
    if call.given("local"):
        from wsk.local import invoke_once

        return invoke_once(session)
    _ = session.client  # a missing host is told before a missing argument
    if not call.operands:
        text = f"Invalid argument(s). {call.command.required}"
        raise WskError(text, GENERAL, usage=True)
    name = parse_entity(call.operands[0])
    body = payload(session)
    if call.given("repeat"):
        from wsk.repeat import invoke_many

        return invoke_many(session, name, body)
    if call.on("web"):
        return _invoke_web(session, name, body)
    blocking = call.on("blocking") or call.on("result")
    # the record carries the logs, and a time-out leads to the record
    record_wanted = call.on("logs") or call.given("wait")
    result_only = call.on("result") and not record_wanted
    with (
        doing(f"Unable to invoke action '{name.path}': ", usage=True),
        near_names(session, "actions", name),
    ):
        try:
            answer = post(session, name, body, blocking=blocking, result=result_only)
        except ApplicationError as error:
            return _failed(session, name, error.body)
        found = session.client.parsed(answer)
    if not blocking:
        identifier = _id(found)
        session.out.done(_invoked(session, name, identifier), found)
        return 0
    if answer.status == 202:
        return _unfinished(session, name, found)
    return _finished(session, name, found)


def post(
    session: Session, name: QualifiedName, body: Any, *, blocking: bool, result: bool
):
    """The one request that starts an activation."""
    from wsk.names import encode

    client = session.client
    where = f"namespaces/{encode(name.namespace)}/actions/{encode(name.path)}"
    query = (
        ("blocking", "true" if blocking else "false"),
        ("result", "true" if result else "false"),
    )
    return client.send("POST", client.url(where), query, body, large=True)


def _id(found: Any) -> str:
    return str(found.get("activationId", "")) if isinstance(found, dict) else ""


def _invoked(session: Session, name: QualifiedName, identifier: str) -> str:
    bold = session.out.bold
    return f"invoked {bold(name.full)} with id {bold(identifier)}"


def _finished(session: Session, name: QualifiedName, found: Any) -> int:
    call, out = session.call, session.out
    if not call.on("result"):
        out.ok(_invoked(session, name, _id(found)))
        out.json(found)
        _logs(session, found)
        return 0
    if call.on("logs") or call.given("wait"):
        _logs(session, found)
        found = (found.get("response") or {}).get("result")
    out.json(found)
    return 0


def _failed(session: Session, name: QualifiedName, body: Any) -> int:
    """The action reported an error: everything goes to stderr."""
    call, out = session.call, session.out
    record_wanted = call.on("logs") or call.given("wait")
    shown = body
    if call.on("result") and record_wanted and isinstance(body, dict):
        shown = (body.get("response") or {}).get("result")
    if not call.on("result") and out.is_text:
        out.error_line(f"ok: {_invoked(session, name, _id(body))}")
    if record_wanted:
        _logs(session, body)
    out.error_line(jsontext.pretty(shown))
    return APPLICATION_ERROR


def _unfinished(session: Session, name: QualifiedName, found: Any) -> int:
    call, out = session.call, session.out
    identifier = _id(found)
    if call.given("wait"):
        record = wait_for(session, identifier, duration_s(call.text("wait")))
        if record is not None:
            if (record.get("response") or {}).get("success") is True:
                return _finished(session, name, record)
            return _failed(session, name, record)
    if out.structured:
        out.document(found)
    else:
        bold = out.bold
        out.error_line(
            f"ok: invoked {bold(name.full)}, but the request has not yet finished, "
            f"with id {bold(identifier)}"
        )
    return TIMED_OUT


def wait_for(session: Session, identifier: str, limit_s: float) -> Any:
    """Ask for a record until it is there; None when the time is over."""
    give_up = time.monotonic() + limit_s
    while True:
        try:
            return session.client.record(identifier)
        except WskError as error:
            if error.status != 404:
                raise
        if time.monotonic() + POLL_PAUSE_S > give_up:
            return None
        time.sleep(POLL_PAUSE_S)


def _logs(session: Session, record: Any) -> None:
    if not session.call.on("logs") or not isinstance(record, dict):
        return
    from wsk.activations import stripped

    for line in record.get("logs") or []:
        session.out.error_line(stripped(str(line)))


def duration_s(text: str) -> float:
    """`30`, `90s`, `10m`, `2h`, `3d` in seconds.

    Raises:
        WskError: it is none of these.
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = (text[:-1], text[-1:]) if text[-1:] in units else (text, "s")
    if number.isascii() and number.replace(".", "", 1).isdigit():
        return float(number) * units[unit]
    example = "write 90s, 10m, 2h or 3d"
    raise WskError(f"'{text}' is not a duration: {example}", usage=True)


def _invoke_web(session: Session, name: QualifiedName, body: Any) -> int:
    """Call the action's web address, as a browser would."""
    from wsk.action_get import url

    client, out = session.client, session.out
    with doing(f"Unable to invoke action '{name.path}': ", usage=True):
        found = client.entity("GET", "actions", name, (("code", "false"),))
        address = url(session, name, found)
        if "/web/" not in address:
            raise WskError("It is not a web action; `--web true` makes it one.")
        answer = client.send("POST", address, body=body, authorized=False, large=True)
    out.line(answer.body.decode("utf-8", "replace"))
    return 0
