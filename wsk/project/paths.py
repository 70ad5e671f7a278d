"""Files of a project: below its root, and zipped as the manifest says."""

import glob
import os
from typing import Any

from wsk import artifacts


def inside(root: str, path: str) -> str:
    """The real path of a file of the project.

    Raises:
        ValueError: it is absolute, missing, or leads out of the root.
    """
    if os.path.isabs(path):
        raise ValueError(f"'{path}' is absolute; write it from the manifest's folder")
    real_root = os.path.realpath(root)
    real = os.path.realpath(os.path.join(root, path))
    if real != real_root and not real.startswith(real_root + os.sep):
        raise ValueError(f"'{path}' leads out of the project")
    if not os.path.exists(real):
        raise ValueError(f"'{path}' does not exist")
    return real


def zipped(root: str, folder: str, include: Any, exclude: Any) -> bytes:
    """A folder action with its `include: [[src, dst]]` and `exclude: [glob]`."""
    extra: list[tuple[str, str]] = []
    for entry in include or []:
        source, target = (*entry, "")[:2] if isinstance(entry, list) else (entry, "")
        for found in _found(root, str(source)):
            name = os.path.relpath(found, root).replace(os.sep, "/")
            if target:
                base = os.path.basename(found)
                ends = str(target).endswith("/")
                name = str(target) + base if ends else str(target)
            extra.append((name, found))
    patterns = [str(pattern) for pattern in exclude or []]
    return artifacts.zipped(folder, tuple(extra), exclude=patterns)


def _found(root: str, pattern: str) -> list[str]:
    names = glob.glob(os.path.join(glob.escape(root), pattern), recursive=True)
    files: list[str] = []
    for name in sorted(names):
        inside(root, os.path.relpath(name, root))
        if os.path.isdir(name):
            files += [path for _, path in artifacts.folder_files(name)]
        else:
            files.append(name)
    if not files:
        raise ValueError(f"include: '{pattern}' matches no file")
    return files
