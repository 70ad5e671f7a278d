"""Files and stdin as values: sizes are looked at before anything is read."""

import base64
import os
import stat
import sys

from wsk.errors import MISUSE, WskError

FILE_LIMIT_BYTES = 48 << 20  # the largest body that a server takes


def check_file(path: str) -> None:
    """Refuse a -P or -A file that is not there, before anything else happens.

    Raises:
        WskError: with exit code 2.
    """
    if path == "-" or os.path.isfile(path) or _is_pipe(path):
        return
    text = f"File '{path}' is not a valid file or it does not exist"
    raise WskError(f"Failed to parse arguments: {text}", MISUSE, usage=True)


def _is_pipe(path: str) -> bool:
    # what `<(command)` makes; another FIFO could keep us waiting for ever
    if not path.startswith(("/dev/fd/", "/proc/self/fd/", "/dev/stdin")):
        return False
    try:
        return not stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False


def read_limited(path: str) -> bytes:
    """The content of a file, or of stdin for `-`.

    Raises:
        ValueError: it cannot be read or is too large.
    """
    try:
        if path == "-":
            data = sys.stdin.buffer.read(FILE_LIMIT_BYTES + 1)
        else:
            if os.path.isfile(path) and os.path.getsize(path) > FILE_LIMIT_BYTES:
                raise ValueError(f"it is larger than {FILE_LIMIT_BYTES >> 20} MiB")
            with open(path, "rb") as file:
                data = file.read(FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    if len(data) > FILE_LIMIT_BYTES:
        raise ValueError(f"it is larger than {FILE_LIMIT_BYTES >> 20} MiB")
    return data


def text_or_base64(data: bytes) -> str:
    """JSON carries no bytes: what is not UTF-8 goes as base64."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()
