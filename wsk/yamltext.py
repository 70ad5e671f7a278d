"""YAML for `-o yaml` and `project export`: block style, strings quoted as JSON.

YAML 1.2 contains JSON, so a JSON scalar is a YAML scalar and nothing is ever read back
as another type. Reading YAML is `project.manifest`'s.
"""

import re
from typing import Any

from wsk.jsontext import compact

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
# what YAML 1.1 readers take for something else
_SPECIAL = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def _text(value: str) -> str:
    if _PLAIN.match(value) and value.lower() not in _SPECIAL:
        return value
    return compact(value)


def _scalar(value: Any) -> str:
    if type(value) is str:
        return _text(value)
    return compact(value)


def dumps(value: Any, *, sort: bool = True) -> str:
    """Write one document, newline included."""
    lines: list[str] = []
    _block(value, "", lines, sort)
    return "\n".join(lines) + "\n"


def _block(value: Any, indent: str, lines: list[str], sort: bool) -> None:
    if isinstance(value, dict) and value:
        for key in sorted(value) if sort else value:
            _member(f"{indent}{_text(str(key))}:", value[key], indent, lines, sort)
    elif isinstance(value, list) and value:
        for item in value:
            _item(item, indent, lines, sort)
    else:
        lines.append(indent + _scalar(value))


def _member(head: str, value: Any, indent: str, lines: list[str], sort: bool) -> None:
    if isinstance(value, dict | list) and value:
        lines.append(head)
        deeper = indent if isinstance(value, list) else indent + "  "
        _block(value, deeper, lines, sort)
    elif isinstance(value, str) and "\n" in value and _is_block_text(value):
        lines.append(f"{head} |{'' if value.endswith(chr(10)) else '-'}")
        lines += [f"{indent}  {line}".rstrip() for line in value.splitlines()]
    else:
        lines.append(f"{head} {_scalar(value)}")


def _is_block_text(value: str) -> bool:
    """May this stand as `|` text? Blanks at ends of lines and tabs may not."""
    lines = value.split("\n")
    return (
        all(line == line.rstrip() and line.isprintable() for line in lines)
        and not value.startswith((" ", "\n"))
        and not value.endswith("\n\n")
    )


def _item(item: Any, indent: str, lines: list[str], sort: bool) -> None:
    if not isinstance(item, dict | list) or not item:
        lines.append(f"{indent}- {_scalar(item)}")
        return
    inner: list[str] = []
    _block(item, indent + "  ", inner, sort)
    lines.append(f"{indent}- {inner[0][len(indent) + 2 :]}")
    lines += inner[1:]
