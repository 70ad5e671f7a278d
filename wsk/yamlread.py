"""Reading YAML: plain data only, with the surprises of YAML 1.1 refused or unread.

PyYAML parses; imported here and nowhere else, when a command reads a manifest.

    tags (!!python/...)      refused, with the line
    duplicate keys           refused, with the line
    aliases                  at most ALIAS_LIMIT, none inside itself
    yes, no, on, off, 0o17   text, not booleans and numbers: YAML 1.2's core
"""

import re
from typing import Any

from wsk.errors import WskError

SIZE_LIMIT_BYTES = 8 << 20
ALIAS_LIMIT = 100
DEPTH_LIMIT = 100
# read as booleans, octal, grouped or base 60 numbers by YAML 1.1
_OLD = re.compile(
    r"(?:yes|no|on|off|Yes|No|On|Off|YES|NO|ON|OFF|0o[0-7]+|0[0-7]+|[0-9]+(?:_[0-9]+)+"
    r"|[0-9]+(?::[0-5]?[0-9])+)\Z"
)
_TAG = "tag:yaml.org,2002:"


def _yaml():
    try:
        import yaml
    except ImportError as error:
        raise WskError(
            "Reading YAML needs the package PyYAML: run `pip install pyyaml`."
        ) from error
    return yaml


def load(text: str, doubts: list[str] | None = None) -> Any:
    """Parse one document; scalars that YAML 1.1 reads otherwise go to `doubts`.

    Raises:
        ValueError: it is not the YAML we read; the text has line and column.
        WskError: PyYAML is not installed.
    """
    yaml = _yaml()
    if len(text) > SIZE_LIMIT_BYTES:
        raise ValueError(f"it is larger than {SIZE_LIMIT_BYTES >> 20} MiB")
    try:
        _check_events(yaml, text, doubts if doubts is not None else [])
        return yaml.load(text, Loader=_loader(yaml))
    except yaml.YAMLError as error:
        raise ValueError(_where(error)) from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _where(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    if mark is None:
        return str(problem)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _check_events(yaml: Any, text: str, doubts: list[str]) -> None:
    """Refuse tags, too many aliases and depth before anything is built."""
    aliases = documents = 0
    anchors: list[str | None] = []  # of the collections that are open
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        tag = getattr(event, "tag", None)
        if tag and not isinstance(event, yaml.DocumentStartEvent):
            raise ValueError(f"line {line}: tag not allowed")
        if isinstance(event, yaml.ScalarEvent) and event.style is None:
            if _OLD.match(event.value):
                doubts.append(f"line {line}: {event.value} is text here; quote it")
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
            if event.anchor in anchors:
                raise ValueError(f"line {line}: an alias inside itself")
        elif isinstance(event, yaml.CollectionStartEvent):
            anchors.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchors.pop()
        documents += isinstance(event, yaml.DocumentStartEvent)
        if aliases > ALIAS_LIMIT:
            raise ValueError(f"line {line}: too many aliases")
        if len(anchors) > DEPTH_LIMIT:
            raise ValueError(f"line {line}: it is nested too deeply")
        if documents > 1:
            raise ValueError(f"line {line}: one document is expected, not two")


def _loader(yaml: Any) -> Any:
    class Loader(yaml.SafeLoader):
        """YAML 1.2's core types; keys once; no expansion of an alias in itself."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if isinstance(key, dict | list):
                    raise ValueError(f"line {node.start_mark.line + 1}: not a key")
                if key in seen:
                    line = key_node.start_mark.line + 1
                    raise ValueError(f"line {line}: the key '{key}' stands twice")
                seen.add(key)
            return super().construct_mapping(node, deep=deep)

    Loader.yaml_implicit_resolvers = {}
    for name, pattern, first in (
        ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
        ("null", r"(?:~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
        ("int", r"[-+]?[0-9]+\Z", list("-+0123456789")),
        (
            "float",
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z",
            list("-+0123456789."),
        ),
    ):
        Loader.add_implicit_resolver(_TAG + name, re.compile(pattern), list(first))
    Loader.add_constructor(_TAG + "int", lambda self, node: int(node.value))
    return Loader
