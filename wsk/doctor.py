"""wsk doctor: from the configuration to the key, one `ok:` or `fail:` line a step."""

import os
import socket
import ssl
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from wsk import hosts
from wsk.errors import GENERAL, WskError
from wsk.session import Session
from wsk.transport import tls_context

CONNECT_LIMIT_S = 5
SKEW_LIMIT_S = 60


def doctor(session: Session) -> int:
    """Try each step; stop at the first that fails."""
    steps: tuple[tuple[str, Callable[[Session], str]], ...] = (
        ("configuration", _configuration),
        ("API host", _host),
        ("name", _name),
        ("connection", _connection),
        ("TLS", _tls),
        ("server", _server),
        ("clock", _clock),
        ("key", _key),
    )
    found: list[dict[str, object]] = []
    for name, step in steps:
        try:
            said, well = step(session), True
        except (WskError, OSError, ssl.SSLError) as error:
            said = error.message if isinstance(error, WskError) else str(error)
            said, well = said.strip(), False
        found.append({"step": name, "ok": well, "text": said})
        if not session.out.structured:
            mark, colour = ("ok:", "green") if well else ("fail:", "red")
            session.out.line(f"{session.out.style(mark, colour)} {name}: {said}")
        if not well:
            break
    if session.out.structured:
        session.out.document(found)
    return 0 if found[-1]["ok"] else GENERAL


def _configuration(session: Session) -> str:
    path = session.config.path
    if not path:
        return "no properties file (WSK_CONFIG_FILE is empty)"
    if not os.path.isfile(path):
        return f"no properties file at {path}; environment and flags only"
    if session.config.namespace:
        return f"{path}; NAMESPACE in it is ignored, the key decides"
    return path


def _parts(session: Session):
    return urlsplit(hosts.base(session.config.apihost))


def _host(session: Session) -> str:
    return hosts.base(session.config.apihost)


def _port(session: Session) -> int:
    parts = _parts(session)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _name(session: Session) -> str:
    host = _parts(session).hostname or ""
    try:
        found = socket.getaddrinfo(host, _port(session), type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise WskError(f"'{host}' is not known: {error.strerror}") from error
    return f"{host} is {', '.join(dict.fromkeys(str(row[4][0]) for row in found))}"


def _connection(session: Session) -> str:
    host, port = _parts(session).hostname or "", _port(session)
    try:
        socket.create_connection((host, port), timeout=CONNECT_LIMIT_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise WskError(f"{host}:{port} does not answer: {reason}") from error
    return f"{host}:{port} accepts connections"


def _tls(session: Session) -> str:
    parts = _parts(session)
    if parts.scheme != "https":
        return "not used (http://)"
    context = tls_context(session.config)
    host = parts.hostname or ""
    with (
        socket.create_connection((host, _port(session)), CONNECT_LIMIT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        version = secure.version()
    checked = "not verified (-i)" if session.config.insecure else "certificate verified"
    return f"{version}, {checked}"


def _server(session: Session) -> str:
    client = session.client
    answer = client.send("GET", client.url("").rstrip("/"), authorized=False)
    found = client.parsed(answer)
    if not isinstance(found, dict) or "build" not in found:
        raise WskError("something answers, but not with OpenWhisk's API")
    return f"{found.get('description', 'API')}, build {found['build']}"


def _clock(session: Session) -> str:
    client = session.client
    answer = client.send("GET", client.url("").rstrip("/"), authorized=False)
    try:
        there = parsedate_to_datetime(answer.header("Date")).timestamp()
    except (TypeError, ValueError):
        return "the server does not tell its time"
    skew_s = abs(time.time() - there)
    if skew_s > SKEW_LIMIT_S:
        raise WskError(f"this machine and the server differ by {skew_s:.0f} s")
    return f"differs by {skew_s:.0f} s"


def _key(session: Session) -> str:
    client = session.client
    found = client.parsed(client.send("GET", client.url("namespaces")))
    names = ", ".join(str(name) for name in found or []) or "none"
    return f"accepted; namespace {names}"
