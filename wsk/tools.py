"""Small commands: completion, curl, version."""

import sys

from wsk import CLI_VERSION, jsontext
from wsk.errors import WskError, doing
from wsk.files import read_limited
from wsk.session import Session
from wsk.shells import SCRIPTS


def completion(session: Session) -> int:
    """Print the script of a shell."""
    shell = session.call.operands[0]
    if shell not in SCRIPTS:
        raise WskError(f"Shells are {', '.join(SCRIPTS)}, not '{shell}'.", usage=True)
    session.out.line(SCRIPTS[shell].rstrip("\n"))
    return 0


def curl(session: Session) -> int:
    """One request; the answer's body as it came."""
    call, client = session.call, session.client
    path = call.operands[0].lstrip("/")
    api = f"api/{session.config.apiversion}/"
    if path.startswith("api/"):
        url = f"{client.base}/{path}"
    else:
        url = f"{client.base}/{api}{path}"
    raw = None
    if call.given("data"):
        text = call.text("data")
        try:
            is_file = text == "-" or text.startswith("@")
            raw = read_limited(text.lstrip("@")) if is_file else text.encode()
        except ValueError as error:
            raise WskError(f"Cannot read '{text}': {error}") from error
    method = call.text("request", "GET").upper()
    with doing(f"{method} {path}: "):
        answer = client.send(method, url, raw=raw, large=True)
    sys.stdout.buffer.write(answer.body)
    if answer.body and not answer.body.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    return 0


def version(session: Session) -> int:
    """This program's version, and the package's it came with."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as package_version

    try:
        package = package_version("chasen")
    except PackageNotFoundError:
        package = "not installed"
    if session.out.structured:
        session.out.line(jsontext.pretty({"cli": CLI_VERSION, "chasen": package}))
    else:
        session.out.line(f"wsk {CLI_VERSION} (chasen {package})")
    return 0
