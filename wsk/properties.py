"""The properties file, `.wskprops`, and what is in force: flag > environment > file.

The file is shared with other tools, so writing keeps its order, its comments and the
keys that are not ours, and replaces it in one rename.
"""

import os
import stat
from collections.abc import Mapping
from typing import NamedTuple

from wsk.arguments import Call
from wsk.errors import GENERAL, WskError

SIZE_LIMIT_BYTES = 1 << 20
DEFAULT_VERSION = "v1"


class Config(NamedTuple):
    """What one command works with."""

    apihost: str = ""
    auth: str = ""
    apiversion: str = DEFAULT_VERSION
    cert: str = ""
    key: str = ""
    cacert: str = ""
    insecure: bool = False
    access_token: str = "DUMMY TOKEN"  # noqa: S105 - what the original sends
    namespace: str = ""
    output: str = ""
    color: str = ""
    path: str = ""
    loose: bool = False  # the file could be read by others


def config_home(environ: Mapping[str, str] = os.environ) -> str:
    base = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(base, "wsk")


def context_path(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Where a context's properties lie.

    Raises:
        WskError: the name would leave the folder of contexts.
    """
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        raise WskError(f"'{name}' is not a valid context name: use letters and digits.")
    return os.path.join(config_home(environ), "contexts", name)


def current_context(environ: Mapping[str, str] = os.environ) -> str:
    """The context chosen by `wsk context use`, or nothing."""
    try:
        path = os.path.join(config_home(environ), "context")
        with open(path, encoding="utf-8") as file:
            return file.read(200).strip()
    except (OSError, UnicodeDecodeError):
        return ""


def file_path(call: Call, environ: Mapping[str, str] = os.environ) -> str:
    """The properties file in force; may be empty or missing."""
    if call.given("config"):
        return call.text("config")
    if call.given("context"):
        return context_path(call.text("context"), environ)
    if "WSK_CONFIG_FILE" in environ:
        return environ["WSK_CONFIG_FILE"]
    context = environ.get("WSK_CONTEXT") or current_context(environ)
    if context:
        return context_path(context, environ)
    return os.path.join(os.path.expanduser("~"), ".wskprops")


def read_text(path: str) -> str:
    """The file's text; empty when there is no such file.

    Raises:
        WskError: it is not one to trust: too large, or another user's behind a link.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return ""
        linked = os.path.islink(path)
        if linked and found.st_uid not in (os.getuid(), os.lstat(path).st_uid):
            raise WskError(f"The properties file '{path}' links to another user's.")
        if found.st_size > SIZE_LIMIT_BYTES:
            raise WskError(f"The properties file '{path}' is larger than 1 MiB.")
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WskError(
            f"Unable to read the properties file '{path}': {reason}"
        ) from error


def _entry(line: str) -> tuple[str, str] | None:
    """KEY and VALUE of one line, or nothing."""
    text = line.strip()
    if text.startswith("#") or "=" not in text:
        return None
    key, _, value = text.partition("=")
    for mark in (" #", "\t#"):
        value = value.split(mark, 1)[0]
    return key.strip().upper(), value.strip()


def parse(text: str) -> dict[str, str]:
    found = (_entry(line) for line in text.splitlines())
    return dict(entry for entry in found if entry is not None)


def update(path: str, changes: Mapping[str, str | None]) -> None:
    """Set keys, or remove those whose new value is None.

    Raises:
        WskError: the file cannot be written.
    """
    for key, value in changes.items():
        if value is not None and not value.isprintable():
            raise WskError(f"The value for {key} holds control characters.")
    left = dict(changes)
    lines: list[str] = []
    for line in read_text(path).splitlines():
        entry = _entry(line)
        if entry is None or entry[0] not in changes:
            lines.append(line)
        elif entry[0] in left:
            value = left.pop(entry[0])
            if value is not None:
                lines.append(f"{entry[0]}={value}")
    lines += [f"{key}={value}" for key, value in left.items() if value is not None]
    _replace(path, "".join(f"{line}\n" for line in lines))


def _replace(path: str, text: str) -> None:
    import tempfile

    target = os.path.realpath(path) if path else ""
    try:
        if not target:
            raise OSError(2, "WSK_CONFIG_FILE is empty")
        if os.path.isdir(target):
            raise IsADirectoryError(21, "it is a directory")
        folder = os.path.dirname(target)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        # mkstemp makes it 0600: the key is never readable by others, not even briefly
        handle, name = tempfile.mkstemp(prefix=".wskprops-", dir=folder)
        try:
            with os.fdopen(
                handle, "w", encoding="utf-8", errors="surrogateescape"
            ) as file:
                file.write(text)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        text = f"Whisk properties file write failure: {reason}"
        raise WskError(text, GENERAL) from error


def _tighten(path: str, values: Mapping[str, str]) -> bool:
    """Take others' rights from a file that holds a key; was that needed?"""
    if "AUTH" not in values:
        return False
    try:
        found = os.stat(path)
        if found.st_uid == os.getuid() and found.st_mode & 0o077:
            os.chmod(path, 0o600)
            return True
    except OSError:
        return False
    return False


def _truth(text: str) -> bool:
    return text.lower() in ("true", "yes", "1", "on")


def load(call: Call, environ: Mapping[str, str] = os.environ) -> Config:
    """Work out what is in force for this command line.

    Raises:
        WskError: the file cannot be trusted.
    """
    path = file_path(call, environ)
    values = parse(read_text(path)) if path else {}
    # on `property set` and friends these flags say what to write, not what to use
    use = call.flags if call.path[:1] != ["property"] else {}

    def pick(flag: str, variable: str, key: str, default: str = "") -> str:
        typed = use.get(flag) or environ.get(variable, "")
        return str(typed or values.get(key, "") or default)

    return Config(
        apihost=pick("apihost", "WHISK_APIHOST", "APIHOST").rstrip("/"),
        auth=pick("auth", "WHISK_AUTH", "AUTH"),
        apiversion=pick("apiversion", "WHISK_APIVERSION", "APIVERSION", "v1"),
        cert=pick("cert", "", "CERT"),
        key=pick("key", "", "KEY"),
        cacert=str(call.flags.get("cacert") or values.get("CACERT", "")),
        insecure=call.on("insecure") or _truth(values.get("INSECURE_SSL", "")),
        access_token=values.get("APIGW_ACCESS_TOKEN") or "DUMMY TOKEN",
        namespace=values.get("NAMESPACE", ""),
        output=values.get("OUTPUT", ""),
        color=values.get("COLOR", ""),
        path=path,
        loose=_tighten(path, values) if path else False,
    )
