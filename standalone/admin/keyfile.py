"""Keys on their way in: from a file or stdin.

Arguments of a program can be read by every user of the machine, so a key among them is
refused, not used.
"""

from __future__ import annotations

import getpass
import re
import sys
from pathlib import Path

from chasen.errors import BadInput
from chasen.seal import read_secret

_KEY_LIKE = re.compile(r"[0-9a-fA-F-]{32,36}:|[^/]{64,}")


def key_from(source: str) -> str:
    """Answer the key in this file (``-``: stdin).

    Raises BadInput when the text is a key itself, or the file cannot be read.
    """
    if source == "-":
        asked = sys.stdin.isatty()
        return (
            getpass.getpass("uuid:key? ") if asked else sys.stdin.read(4096)
        ).strip()
    if _KEY_LIKE.match(source):
        raise BadInput(
            "A key is not taken as an argument: every user of this machine could read "
            "it. Put it into a file (mode 0600) and name that, or give - and pass it "
            "by stdin."
        )
    try:
        return read_secret(Path(source)).decode("utf-8", "replace").strip()
    except OSError as error:
        raise BadInput(f"{source} cannot be read: {error.strerror}.") from None
