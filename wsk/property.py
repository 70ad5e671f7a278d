"""wsk property get, set, unset.

The file itself and the order of precedence are `properties`'.
"""

import sys
from typing import Any

from wsk import CLI_VERSION, hosts
from wsk.errors import GENERAL, WskError
from wsk.properties import DEFAULT_VERSION, update
from wsk.session import Session

# property: label, tabs; in the order of `--all`
LABELS = {
    "apihost": ("whisk API host", 2),
    "auth": ("whisk auth", 2),
    "namespace": ("whisk namespace", 2),
    "cert": ("client cert", 2),
    "key": ("Client key", 2),
    "apiversion": ("whisk API version", 1),
    "cliversion": ("whisk CLI version", 1),
    "apibuild": ("whisk API build", 2),
    "apibuildno": ("whisk API build number", 1),
}
# several single flags come in another order, as the original prints them
SINGLE_ORDER = (
    "apihost", "auth", "namespace", "cert", "key", "cliversion", "apiversion",
    "apibuild", "apibuildno",
)  # fmt: skip
FORMATS = ("std", "raw", "json")


def get(session: Session) -> int:
    """Print properties; the build is asked from the server."""
    call, out = session.call, session.out
    form = call.text("output", "std")
    if form not in FORMATS:
        raise WskError("Supported output format are std|raw", GENERAL)
    if not call.given("output") and out.structured:
        form = "json"
    asked = [name for name in SINGLE_ORDER if call.on(name)]
    everything = call.on("all") or not asked
    if everything and form == "raw":
        text = "--output|-o raw only supported with specific property type"
        raise WskError(text, GENERAL)
    names = list(LABELS) if everything else asked
    values, trouble = _values(session, names)
    if form == "json":
        document = {name: values[name] for name in names}
        out.format = "yaml" if out.format == "yaml" else "json"
        out.document(document)
    elif form == "raw":
        for name in names:
            out.line(values[name])
    else:
        for name in names:
            label, tabs = LABELS[name]
            out.line(f"{label}" + "\t" * tabs + out.bold(values[name]))
    if trouble is not None:
        raise trouble
    return 0


def _values(
    session: Session, names: list[str]
) -> tuple[dict[str, str], WskError | None]:
    config = session.config
    values = {
        "apihost": config.apihost,
        "auth": config.auth,
        "cert": config.cert,
        "key": config.key,
        "apiversion": config.apiversion,
        "cliversion": CLI_VERSION,
    }
    trouble = None
    if "namespace" in names:
        values["namespace"] = _namespace(session)
    if "apibuild" in names or "apibuildno" in names:
        build, trouble = _build(session)
        values["apibuild"] = str(build.get("build", "Unknown"))
        values["apibuildno"] = str(build.get("buildno", "Unknown"))
    return values, trouble


def _namespace(session: Session) -> str:
    client = session.client
    try:
        found = client.parsed(client.send("GET", client.url("namespaces")))
    except WskError:
        return "_"
    return str(found[0]) if isinstance(found, list) and found else "_"


def _build(session: Session) -> tuple[dict[str, Any], WskError | None]:
    client = session.client
    try:
        answer = client.send("GET", client.url("").rstrip("/"), authorized=False)
        found = client.parsed(answer)
        return (found if isinstance(found, dict) else {}), None
    except WskError as error:
        return {}, error.within("Unable to obtain API build information: ")


def read_key(text: str, path: str) -> str:
    """The key to store: typed, from stdin (`-`), or from a file.

    Raises:
        WskError: the file cannot be read, or there is no key in it.
    """
    if path:
        try:
            with open(path, encoding="utf-8") as file:
                key = file.read(4096).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise WskError(f"Unable to read the key from '{path}': {reason}") from error
    elif text == "-":
        key = sys.stdin.readline(4096).strip()
    else:
        return text
    if not key:
        raise WskError("There is no authorization key in what was given.")
    return key


def set_(session: Session) -> int:
    """Write the given properties and say so, in a fixed order."""
    call, out = session.call, session.out
    changes: dict[str, str | None] = {}
    said: list[str] = []
    _note_file(session, changes, said, "cert", "CERT", "client cert")
    _note_file(session, changes, said, "key", "KEY", "client key")
    if call.given("auth") or call.given("auth-file"):
        changes["AUTH"] = read_key(call.text("auth"), call.text("auth-file"))
        said.append(_set_line("whisk auth", "auth"))
    if call.given("apihost"):
        host = call.text("apihost")
        reason = hosts.fault(host)
        if reason:
            text = (
                "Unable to set API host value; "
                f"the API host value '{hosts.masked(host)}' is invalid: {reason}"
            )
            raise WskError(text, GENERAL)
        changes["APIHOST"] = host
        said.append(f"whisk API host set to {out.bold(host)}")
    if call.given("apiversion"):
        changes["APIVERSION"] = call.text("apiversion")
        said.append(f"whisk API version set to {out.bold(call.text('apiversion'))}")
    if not changes:
        out.hint("nothing to set; see `wsk property set --help`")
        return 0
    update(session.config.path, changes)
    for text in said:
        out.ok(text)
    return 0


def _set_line(label: str, flag: str) -> str:
    return f"{label} set. Run 'wsk property get --{flag}' to see the new value."


def _note_file(
    session: Session,
    changes: dict[str, str | None],
    said: list[str],
    flag: str,
    key: str,
    label: str,
) -> None:
    if session.call.given(flag):
        changes[key] = session.call.text(flag)
        said.append(_set_line(label, flag))


_UNSET = {
    "cert": ("CERT", "client cert unset."),
    "key": ("KEY", "client key unset."),
    "auth": ("AUTH", "whisk auth unset."),
    "apihost": ("APIHOST", "whisk API host unset."),
    "apiversion": (
        "APIVERSION",
        f"whisk API version unset; the default value of {DEFAULT_VERSION} "
        "will be used.",
    ),
}


def unset(session: Session) -> int:
    """Remove the named properties; an absent one is removed too."""
    call, out = session.call, session.out
    chosen = [name for name in _UNSET if call.on(name) or call.on("all")]
    if not chosen:
        out.hint("nothing to unset; see `wsk property unset --help`")
        return 0
    update(session.config.path, {_UNSET[name][0]: None for name in chosen})
    for name in chosen:
        out.ok(_UNSET[name][1])
    return 0
