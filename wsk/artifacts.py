"""Code on its way in: files, folders, archives, stdin and URLs become an `exec`.

The kind follows from the name; what kinds a server holds is the server's to say.
Writing code back to disk is `action_code`'s.
"""

import base64
import io
import os
import sys
import zipfile
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlsplit

from wsk.errors import MISUSE, WskError, arguments_error
from wsk.session import Session

LANGUAGES = {
    ".js": "nodejs", ".py": "python", ".swift": "swift", ".jar": "java", ".php": "php",
    ".rb": "ruby", ".rs": "rust", ".go": "go", ".balx": "ballerina",
}  # fmt: skip
ARCHIVES = (".zip", ".jar", ".balx")
# a folder's language, by the file that only this language has
MARKERS = (
    ("package.json", "nodejs"), ("__main__.py", "python"),
    ("requirements.txt", "python"), ("go.mod", "go"),
    ("Cargo.toml", "rust"), ("composer.json", "php"), ("Gemfile", "ruby"),
)  # fmt: skip
SKELETON_IMAGE = "openwhisk/dockerskeleton"
CODE_LIMIT_BYTES = 48 << 20
ALWAYS_IGNORED = (".git", "__pycache__", ".wskignore", "*.pyc", ".DS_Store")


def executable(session: Session, artifact: str) -> dict[str, Any]:
    """The `exec` of an artifact and the flags around it.

    Raises:
        WskError: no such file, or no kind can be told.
    """
    call = session.call
    code, extension, kind = "", "", ""
    if artifact:
        code, extension, kind = read(session, artifact)
    body: dict[str, Any] = {}
    if call.on("native") or call.given("docker"):
        body["kind"] = "blackbox"
        if artifact:
            body["code"] = code
        image = SKELETON_IMAGE if call.on("native") else call.text("docker")
        body["image"] = image
    else:
        body["kind"] = call.text("kind") or kind or _kind(extension)
        body["code"] = code
    if call.given("main"):
        body["main"] = call.text("main")
    if body["kind"].split(":")[0] == "java" and not call.text("main"):
        raise arguments_error(
            "Java actions require --main to specify the fully-qualified name of the "
            "main class",
            MISUSE,
        )
    return body


def _kind(extension: str) -> str:
    if extension in LANGUAGES:
        return f"{LANGUAGES[extension]}:default"
    if extension == ".zip":
        raise arguments_error(
            "creating an action from a .zip artifact requires specifying the action "
            "kind explicitly",
            MISUSE,
        )
    error = arguments_error(f"'{extension}' is not a supported action runtime", MISUSE)
    error.hint = f"use --kind, or one of these names: {' '.join(LANGUAGES)} .zip"
    raise error


def read(session: Session, artifact: str) -> tuple[str, str, str]:
    """Code as a JSON string, the name's extension, and a kind if the place tells it."""
    if artifact == "-":
        if not _kind_is_given(session):
            raise arguments_error("Code from stdin needs --kind", MISUSE)
        return encoded(sys.stdin.buffer.read(CODE_LIMIT_BYTES + 1), ""), "", ""
    if artifact.startswith(("http://", "https://")):
        extension = os.path.splitext(urlsplit(artifact).path)[1]
        return encoded(_download(session, artifact), extension), extension, ""
    extension = os.path.splitext(artifact)[1]
    if os.path.isdir(artifact):
        kind = "" if _kind_is_given(session) else folder_kind(artifact)
        return encoded(zipped(artifact), ".zip"), ".zip", kind
    if not os.path.isfile(artifact):
        known = extension in LANGUAGES or extension in ("", ".zip")
        if not known and not _kind_is_given(session):
            _kind(extension)
        raise arguments_error(
            f"File '{artifact}' is not a valid file or it does not exist", MISUSE
        )
    try:
        size = os.path.getsize(artifact)
        if size > CODE_LIMIT_BYTES:
            raise _too_large(artifact)
        with open(artifact, "rb") as file:
            data = file.read(CODE_LIMIT_BYTES + 1)
    except OSError as error:
        text = f"File '{artifact}' cannot be read: {error.strerror}"
        raise arguments_error(text, MISUSE) from error
    return encoded(data, extension), extension, ""


def _kind_is_given(session: Session) -> bool:
    return any(session.call.given(flag) for flag in ("kind", "docker", "native"))


def _too_large(name: str) -> WskError:
    limit = CODE_LIMIT_BYTES >> 20
    return arguments_error(f"'{name}' is larger than {limit} MiB", MISUSE)


def encoded(data: bytes, extension: str) -> str:
    """Archives go as base64, and so does everything that is not text."""
    if len(data) > CODE_LIMIT_BYTES:
        raise _too_large("The code")
    if extension not in ARCHIVES:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return base64.b64encode(data).decode()


def _download(session: Session, url: str) -> bytes:
    client = session.client
    return client.send("GET", url, authorized=False, large=True).body


def folder_kind(folder: str) -> str:
    """The default kind of a folder's language.

    Raises:
        WskError: nothing in the folder tells it.
    """
    for marker, language in MARKERS:
        if os.path.exists(os.path.join(folder, marker)):
            return f"{language}:default"
    if any(name.endswith(".csproj") for name in os.listdir(folder)):
        return "dotnet:default"
    names = ", ".join(marker for marker, _ in MARKERS)
    raise arguments_error(
        f"The language of '{folder}' is not clear: use --kind, or add one of {names}",
        MISUSE,
    )


def ignored_patterns(folder: str) -> list[str]:
    """What .wskignore names, and what nobody wants deployed."""
    patterns: list[str] = list(ALWAYS_IGNORED)
    try:
        with open(os.path.join(folder, ".wskignore"), encoding="utf-8") as file:
            lines = (line.strip() for line in file)
            patterns += [x for x in lines if x and not x.startswith("#")]
    except OSError:
        return patterns
    return patterns


def is_ignored(path: str, patterns: list[str]) -> bool:
    parts = path.split("/")
    for pattern in (text.strip("/") for text in patterns):
        if fnmatch(path, pattern) or any(fnmatch(part, pattern) for part in parts):
            return True
    return False


def folder_files(
    folder: str, exclude: list[str] | None = None
) -> list[tuple[str, str]]:
    """(path inside, path on disk) of every file that belongs to a folder action."""
    patterns = [*ignored_patterns(folder), *(exclude or [])]
    found: list[tuple[str, str]] = []
    for top, folders, names in os.walk(folder):
        inside = os.path.relpath(top, folder).replace(os.sep, "/")
        prefix = "" if inside == "." else f"{inside}/"
        folders[:] = sorted(x for x in folders if not is_ignored(prefix + x, patterns))
        for name in sorted(names):
            if not is_ignored(prefix + name, patterns):
                found.append((prefix + name, os.path.join(top, name)))
    return found


def zipped(
    folder: str,
    extra: tuple[tuple[str, str], ...] = (),
    *,
    exclude: list[str] | None = None,
) -> bytes:
    """A folder as a zip whose bytes depend on nothing but its content.

    Raises:
        WskError: a file cannot be read, or a link leaves the folder.
    """
    buffer = io.BytesIO()
    root = os.path.realpath(folder)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        files = (*folder_files(folder, exclude or []), *extra)
        for name, path in dict(files).items():
            real = os.path.realpath(path)
            inside = real == root or real.startswith(root + os.sep)
            if not inside and os.path.islink(path):
                text = f"'{path}' is a link that leaves '{folder}'"
                raise arguments_error(text, MISUSE)
            try:
                with open(path, "rb") as file:
                    data = file.read(CODE_LIMIT_BYTES + 1)
                mode = 0o755 if os.stat(path).st_mode & 0o100 else 0o644
            except OSError as error:
                text = f"File '{path}' cannot be read: {error.strerror}"
                raise arguments_error(text, MISUSE) from error
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, data)
    return buffer.getvalue()
