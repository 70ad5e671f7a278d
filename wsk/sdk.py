"""wsk sdk install: the Docker skeleton, the iOS starter app, bash completion."""

import io
import os
import tarfile
import zipfile

from wsk.errors import GENERAL, WskError
from wsk.session import Session

COMPONENTS = ("docker", "ios", "bashauto")
SKELETON = "dockerSkeleton"
BASH_FILE = "wsk_cli_bash_completion.sh"
UNPACKED_LIMIT_BYTES = 64 << 20

# what a Docker action starts from when no server offers it
TEMPLATE = {
    "Dockerfile": """\
# A Docker action: put your program in place of /action/exec.
FROM openwhisk/dockerskeleton

ENV FLASK_PROXY_PORT 8080

ADD example.sh /action/exec

CMD ["/bin/bash", "-c", "cd actionProxy && python -u actionproxy.py"]
""",
    "example.sh": """\
#!/bin/sh
# Reads the parameters as JSON in $1, writes the result as JSON on its last line.
echo "the arguments are $1"
echo '{"greeting": "Hello from a Docker action"}'
""",
    "buildAndPush.sh": """\
#!/bin/sh
# Usage: ./buildAndPush.sh USER/IMAGE
set -e
if [ -z "$1" ]; then
    echo "usage: $0 USER/IMAGE" >&2
    exit 1
fi
docker build -t "$1" "$(dirname "$0")"
docker push "$1"
""",
    "README.md": """\
# A Docker action

1. Put your program in place of `example.sh`.
2. `./buildAndPush.sh USER/IMAGE`
3. `wsk action create NAME --docker USER/IMAGE`
""",
}


def install(session: Session) -> int:
    """Install one component."""
    call = session.call
    one_of = "docker, ios, or bashauto"
    if not call.operands:
        raise WskError(
            "The SDK component argument is missing. "
            f"One component ({one_of}) must be specified",
            usage=True,
        )
    if len(call.operands) > 1:
        extra = ", ".join(call.operands[1:])
        raise WskError(f"Invalid argument(s): {extra}. {call.command.required}")
    name = call.operands[0]
    if name.lower() not in COMPONENTS:
        raise WskError(
            f"The SDK component argument '{name}' is invalid. "
            "Valid components are docker, ios and bashauto",
            usage=True,
        )
    {"docker": _docker, "ios": _ios, "bashauto": _bashauto}[name.lower()](session)
    return 0


def _download(session: Session, file: str) -> bytes:
    client = session.client
    try:
        url = f"{client.base}/{file}"
        return client.send("GET", url, authorized=False, large=True).body
    except WskError as error:
        error.exit_code = GENERAL
        raise error.within(f"The {file} SDK file cannot be downloaded: ") from None


def _refuse_existing(path: str) -> None:
    if os.path.lexists(path):
        what = "directory" if os.path.isdir(path) else "file"
        text = f"The {what} '{path}' already exists.  Delete it and retry."
        raise WskError(text, GENERAL)


def _docker(session: Session) -> None:
    _refuse_existing(SKELETON)
    if session.call.on("offline"):
        os.mkdir(SKELETON)
        for name, text in TEMPLATE.items():
            _write(os.path.join(SKELETON, name), text.encode(), name.endswith(".sh"))
    else:
        unpack_tar(_download(session, "blackbox.tar.gz"))
    session.out.line("The docker skeleton is now installed at the current directory.")


def _write(path: str, data: bytes, executable: bool) -> None:
    with open(path, "xb") as file:
        file.write(data)
    os.chmod(path, 0o755 if executable else 0o644)


def check_path(name: str) -> None:
    """Refuse a name that leads out of the folder.

    Raises:
        WskError: it is absolute, climbs, or holds characters no file needs.
    """
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ":" in parts[0] or ".." in parts:
        raise WskError(f"unsafe path in archive: {name}")
    if not name or not name.isprintable():
        raise WskError(f"illegal name in archive: {name!r}")


def unpack_tar(data: bytes) -> None:
    """Unpack a gzip tar into the current folder, all of it or nothing.

    Raises:
        WskError: it is none, too large, or holds more than files and folders.
    """
    files: list[tuple[str, bytes, bool]] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|gz") as archive:
            size = 0
            for entry in archive:
                check_path(entry.name)
                if entry.isdir():
                    continue
                if not entry.isfile():
                    raise WskError(f"unsafe path in archive: {entry.name} is a link")
                size += entry.size
                if size > UNPACKED_LIMIT_BYTES:
                    raise WskError("the archive is larger than 64 MiB unpacked")
                content = archive.extractfile(entry)
                body = content.read() if content else b""
                files.append((entry.name, body, bool(entry.mode & 0o100)))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise WskError(f"the archive cannot be read: {error}") from error
    _unpack(files)


def unpack_zip(data: bytes) -> None:
    """As `unpack_tar`, for a zip."""
    files: list[tuple[str, bytes, bool]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(x.file_size for x in archive.infolist()) > UNPACKED_LIMIT_BYTES:
                raise WskError("the archive is larger than 64 MiB unpacked")
            for entry in archive.infolist():
                check_path(entry.filename)
                mode = entry.external_attr >> 16
                if (mode & 0o170000) == 0o120000:
                    text = f"unsafe path in archive: {entry.filename} is a link"
                    raise WskError(text)
                if not entry.is_dir():
                    body = archive.read(entry)
                    files.append((entry.filename, body, bool(mode & 0o100)))
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise WskError(f"the archive cannot be read: {error}") from error
    _unpack(files)


def _unpack(files: list[tuple[str, bytes, bool]]) -> None:
    for top in {name.split("/")[0] for name, _, _ in files}:
        _refuse_existing(top)
    try:
        for name, body, executable in files:
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            _write(name, body, executable)
    except OSError as error:
        raise WskError(f"Cannot unpack: {error.strerror}: {error.filename}") from error


def _ios(session: Session) -> None:
    unpack_zip(_download(session, "OpenWhiskIOSStarterApp.zip"))
    session.out.line(
        "Downloaded OpenWhisk iOS starter app. Unzipped in the current directory."
    )


def _bashauto(session: Session) -> None:
    from wsk.shells import BASH

    if session.call.on("stdout"):
        session.out.line(BASH.rstrip("\n"))
        return
    try:
        with open(BASH_FILE, "w", encoding="utf-8") as file:
            file.write(BASH)
    except OSError as error:
        raise WskError(f"Cannot create file '{BASH_FILE}': {error.strerror}") from error
    session.out.line(
        f"The bash auto-completion script ({BASH_FILE}) is installed in the current "
        "directory."
    )
    session.out.line(f"Enable it with: source {BASH_FILE}")
