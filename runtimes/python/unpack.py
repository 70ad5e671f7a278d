"""Unpacking an action's archive: loaded by the action when one arrives.

Read by hand, in one pass over bytes that a stranger made: zipfile believes headers (a
zip of 8 KB made it write 210 MB), and importing it takes longer than the launcher's
whole start.  Standard library only.
"""

from __future__ import annotations

from tree import Refused, Tree
from untar import unpack_tar
from unzip import unpack_zip

__all__ = ["Refused", "unpack"]


def unpack(data: bytes, root: str) -> None:
    """Unpack a zip or tar.gz into the empty directory root.

    Raises:
        Refused: it is neither, or breaks a rule.
    """
    tree = Tree(root, len(data))
    if data[:2] == b"\x1f\x8b":
        unpack_tar(data, tree)
    else:
        unpack_zip(data, tree)
    tree.finish()
