"""The kinds of code that this house runs, and the image of each.

Built from the JSON of ``runtimes/manifest.json``.  Source: ExecManifest.scala.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chasen.errors import MalformedContent

_SHOWN = 64  # characters of a wrong kind that an error repeats


@dataclass(frozen=True, slots=True)
class StemCell:
    """How many started containers of one size are kept ready."""

    count: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Runtime:
    """One kind."""

    kind: str
    image: str
    default: bool = False
    deprecated: bool = False
    requires_main: bool = False
    stem_cells: tuple[StemCell, ...] = ()


@dataclass(frozen=True, slots=True)
class RuntimesManifest:
    """All kinds, by name, and what other names they go by."""

    runtimes: Mapping[str, Runtime]
    families: Mapping[str, tuple[Runtime, ...]]
    aliases: Mapping[str, str]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RuntimesManifest:
        """``{"runtimes": {family: [entry]}, "aliases": {name: kind}}``"""
        families = {
            family: tuple(_runtime(entry) for entry in entries)
            for family, entries in document["runtimes"].items()
        }
        aliases = dict(document.get("aliases", {}))
        for family, entries in families.items():
            for entry in entries:
                if entry.default or len(entries) == 1:
                    aliases.setdefault(f"{family}:default", entry.kind)
        known = {each.kind: each for entries in families.values() for each in entries}
        return cls(known, families, aliases)

    def resolve(self, kind: str) -> Runtime:
        """Answer the runtime under this name or alias, whatever its case.

        Raises:
            MalformedContent: naming the kinds that there are.
        """
        name = kind.strip().lower()
        found = self.runtimes.get(self.aliases.get(name, name))
        if found is None:
            valid = ", ".join(f"'{each}'" for each in sorted(self.runtimes))
            raise MalformedContent(
                f"The specified runtime '{kind[:_SHOWN]}' is not supported by this "
                f"platform. Valid values are: {valid}."
            )
        return found

    def shown(self) -> dict[str, list[dict[str, Any]]]:
        """What ``GET /`` tells of the runtimes."""
        return {
            family: [
                {
                    "kind": each.kind,
                    "image": each.image,
                    "deprecated": each.deprecated,
                    "default": each.default,
                    "attached": True,
                    "requireMain": each.requires_main,
                }
                for each in entries
            ]
            for family, entries in self.families.items()
        }


def _runtime(entry: Mapping[str, Any]) -> Runtime:
    image = entry.get("image", {})
    parts = [image[part] for part in ("registry", "prefix", "name") if image.get(part)]
    tag = f":{image['tag']}" if image.get("tag") else ""
    return Runtime(
        kind=entry["kind"],
        image="/".join(parts) + tag,
        default=entry.get("default", False),
        deprecated=entry.get("deprecated", False),
        requires_main=entry.get("requireMain", False),
        stem_cells=tuple(
            StemCell(
                cell.get("initialCount", cell.get("count", 0)),
                _megabytes(cell["memory"]),
            )
            for cell in entry.get("stemCells", ())
        ),
    )


def _megabytes(text: str) -> int:
    found = re.fullmatch(r"(\d+) ?MB", text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a memory size like '256 MB'")
    return int(found[1])
