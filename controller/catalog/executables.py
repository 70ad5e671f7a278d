"""``exec`` of a PUT: checked in OpenWhisk's words, its code still in hand.

Source: Exec.scala.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from chasen.entities import (
    BLACKBOX,
    SEQUENCE,
    BlackBoxExec,
    CodeExec,
    Executable,
    FullyQualifiedEntityName,
    RuntimesManifest,
    SequenceExec,
    code_digest,
    is_binary,
)
from chasen.errors import BadInput, MalformedContent

DEPRECATED = (
    "The '{}' runtime is no longer supported. You may read and delete but not update "
    "or invoke this action."
)
_IMAGE = re.compile(
    r"(?:[a-z0-9][a-z0-9.-]{0,252}(?::[0-9]{1,5})?/)?"
    r"[a-z0-9][a-z0-9._-]{0,127}(?:/[a-z0-9][a-z0-9._-]{0,127}){0,7}"
    r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_IMAGE_LENGTH_MAX = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenExec:
    """``exec`` of a PUT, checked, with its code still in hand."""

    kind: str
    code: str | None = None
    image: str | None = None
    main: str | None = None
    components: tuple[FullyQualifiedEntityName, ...] | None = None

    @property
    def size_bytes(self) -> int:
        parts = (self.code, self.main, self.image)
        return sum(len(part.encode()) for part in parts if part)

    def stored(self) -> Executable:
        """Answer what the entity keeps: the code only by its digest."""
        if self.components is not None:
            return SequenceExec(self.components)
        code = self.code or ""
        if self.kind == BLACKBOX:
            return BlackBoxExec(
                image=self.image or "",
                digest=code_digest(code) if code else None,
                size_bytes=len(code.encode()),
                binary=is_binary(code),
                main=self.main,
            )
        return CodeExec(
            kind=self.kind,
            digest=code_digest(code),
            size_bytes=len(code.encode()),
            binary=is_binary(code),
            main=self.main,
        )


def check_supported(kind: str, manifest: RuntimesManifest) -> None:
    """Raises BadInput for a kind that is known, but deprecated."""
    runtime = manifest.runtimes.get(kind)
    if runtime is not None and runtime.deprecated:
        raise BadInput(DEPRECATED.format(kind))


def given_exec(value: Any, manifest: RuntimesManifest, own_namespace: str) -> GivenExec:
    """Answer the checked ``exec``; raises MalformedContent in OpenWhisk's words."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise MalformedContent("'kind' must be a string defined in 'exec'")
    main = value.get("main")
    match value["kind"].strip().lower():
        case "blackbox":
            return _given_image(value, main)
        case "sequence":
            return _given_sequence(value, own_namespace)
    runtime = manifest.resolve(value["kind"])
    kind, code = runtime.kind, value.get("code")
    if not isinstance(code, str):
        raise MalformedContent(
            "'code' must be a string or attachment object defined in 'exec' for "
            f"'{kind}' actions"
        )
    if main is not None and not isinstance(main, str):
        raise MalformedContent(
            f"if defined, 'main' be a string in 'exec' for '{kind}' actions"
        )
    if runtime.requires_main and not main:
        raise MalformedContent(
            f"'main' must be a string defined in 'exec' for '{kind}' actions"
        )
    check_supported(kind, manifest)
    return GivenExec(kind=kind, code=code, main=main)


def _given_sequence(value: dict[str, Any], own_namespace: str) -> GivenExec:
    components = value.get("components")
    if components is None:
        raise MalformedContent("'components' must be defined for sequence kind")
    if not isinstance(components, list):
        raise MalformedContent("'components' must be an array")
    return GivenExec(
        kind=SEQUENCE,
        components=tuple(
            reference(each, own_namespace=own_namespace) for each in components
        ),
    )


def _given_image(value: dict[str, Any], main: Any) -> GivenExec:
    image, code = value.get("image"), value.get("code")
    if not isinstance(image, str):
        raise MalformedContent(
            "'image' must be a string defined in 'exec' for 'blackbox' actions"
        )
    image = image.strip()
    if len(image) > _IMAGE_LENGTH_MAX or not _IMAGE.fullmatch(image):
        raise MalformedContent(f"could not parse image name '{image[:64]}'")
    for name, given in (("code", code), ("main", main)):
        if given is not None and not isinstance(given, str):
            raise MalformedContent(
                f"if defined, '{name}' be a string in 'exec' for 'blackbox' actions"
            )
    code = code if code and code.strip() else None
    return GivenExec(kind=BLACKBOX, code=code, image=image, main=main)


def reference(value: Any, *, own_namespace: str) -> FullyQualifiedEntityName:
    """Answer the name in "[/]ns/[package/]name" or {"path": ..., "name": ...}.

    Raises:
        MalformedContent: neither, or no valid name.
    """
    match value:
        case str():
            text = value
        case {"path": str(path), "name": str(name)}:
            text = f"{path}/{name}"
        case _:
            raise MalformedContent("fully qualified name malformed")
    try:
        return FullyQualifiedEntityName.parse(text, own_namespace=own_namespace)
    except MalformedContent:
        raise
    except BadInput as error:
        raise MalformedContent(str(error)) from None
