"""Names as users type them: `a`, `pkg/a`, `/ns/a`, `/ns/pkg/a`, `ns/pkg/a`.

Checking what a name may contain is the server's; this only splits.
"""

from typing import NamedTuple
from urllib.parse import quote

from wsk.errors import GENERAL, WskError

DEFAULT_NAMESPACE = "_"


class QualifiedName(NamedTuple):
    """Namespace, package (may be empty) and entity (empty: a namespace only)."""

    namespace: str
    package: str
    entity: str

    @property
    def path(self) -> str:
        """`pkg/name` or `name`: how messages call it."""
        return f"{self.package}/{self.entity}" if self.package else self.entity

    @property
    def full(self) -> str:
        return f"/{self.namespace}/{self.path}"


def _refused(name: str) -> WskError:
    return WskError(
        f"'{name}' is not a valid qualified name: "
        "A valid qualified name must be specified.",
        GENERAL,
        usage=True,
    )


def parse(name: str) -> QualifiedName:
    """Split a name; a bare `/ns` has an empty entity.

    Raises:
        WskError: empty, `.`, an empty segment, or too many segments.
    """
    text = f"/{name}" if not name.startswith("/") and name.count("/") == 2 else name
    if not text.startswith("/"):
        if text in ("", "."):
            raise _refused(name)
        package, _, entity = text.rpartition("/")
        return QualifiedName(DEFAULT_NAMESPACE, package, entity)
    parts = text.split("/")[1:]
    if len(parts) > 3 or any(part in ("", ".") for part in parts):
        raise _refused(name)
    if len(parts) == 1:
        return QualifiedName(parts[0], "", "")
    return QualifiedName(parts[0], parts[1] if len(parts) == 3 else "", parts[-1])


def parse_entity(name: str) -> QualifiedName:
    """Split the name of one entity.

    Raises:
        WskError: as `parse`, or only a namespace was given.
    """
    qualified = parse(name)
    if not qualified.entity:
        raise _refused(name)
    return qualified


def expand(name: str) -> str:
    """Write a name as `/ns/...` by text only: components, rule ends."""
    name = name.strip()
    if name.startswith("/"):
        return name
    return f"/{name}" if name.count("/") == 2 else f"/{DEFAULT_NAMESPACE}/{name}"


def parse_namespace(arguments: list[str]) -> str:
    """Read the optional `/ns` of list commands.

    Raises:
        WskError: an entity was named where only a namespace may stand.
    """
    if not arguments:
        return DEFAULT_NAMESPACE
    qualified = parse(arguments[0])
    if qualified.entity:
        raise WskError(
            f"An entity name, '{qualified.path}', was provided instead of a "
            "namespace. Valid namespaces are of the following format: /NAMESPACE.",
            GENERAL,
            usage=True,
        )
    return qualified.namespace


def encode(path: str) -> str:
    """Percent-encode a path, leaving its slashes."""
    return quote(path, safe="/$&+,:;=@~")


def shown(namespace: str) -> str:
    """`_` is called `default` in messages."""
    return "default" if namespace == DEFAULT_NAMESPACE else namespace
