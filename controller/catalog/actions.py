"""The rules of creating and changing actions.

Source: Actions.scala, WhiskAction.scala; section 5 of the OpenWhisk contract.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from chasen.entities import (
    BLACKBOX,
    Action,
    ActionLimits,
    BlackBoxExec,
    CodeExec,
    Executable,
    FullyQualifiedEntityName,
    Identity,
    Parameters,
    RuntimesManifest,
    SemVer,
    code_digest,
    is_binary,
)
from chasen.entities.limits import CODE_BYTES_MAX, PARAMETERS_BYTES_MAX
from chasen.errors import BadInput, MalformedContent, NoDocument, TooLarge
from chasen.ports.clock import Clock
from chasen.ports.stores import CodeStore, EntityStore
from controller.catalog.common import Announcer, existing, next_version
from controller.entitlement.entitlement import Entitlement

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
    code: str | None
    image: str | None
    main: str | None

    @property
    def size_bytes(self) -> int:
        parts = (self.code, self.main, self.image)
        return sum(len(part.encode()) for part in parts if part)

    def stored(self) -> Executable:
        """Answer what the entity keeps: the code only by its digest."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPut:
    """The body of a PUT; None is a field that was not given."""

    exec: GivenExec | None = None
    parameters: Parameters | None = None
    annotations: Parameters | None = None
    dropped_annotations: tuple[str, ...] = ()
    limits: dict[str, Any] | None = None
    version: SemVer | None = None
    publish: bool | None = None

    def check_sizes(self) -> None:
        """Raises TooLarge, in OpenWhisk's order: code, parameters, annotations."""
        if self.exec is not None and self.exec.size_bytes > CODE_BYTES_MAX:
            raise TooLarge("exec", self.exec.size_bytes, CODE_BYTES_MAX)
        for what, given in (
            ("parameters", self.parameters),
            ("annotations", self.annotations),
        ):
            if given is not None and given.size_bytes > PARAMETERS_BYTES_MAX:
                raise TooLarge(what, given.size_bytes, PARAMETERS_BYTES_MAX)


def given_exec(value: Any, manifest: RuntimesManifest) -> GivenExec:
    """Answer the checked ``exec``; raises MalformedContent in OpenWhisk's words."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise MalformedContent("'kind' must be a string defined in 'exec'")
    main = value.get("main")
    if value["kind"].strip().lower() == BLACKBOX:
        return _given_image(value, main)
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
    if runtime.deprecated:
        raise BadInput(
            f"The '{kind}' runtime is no longer supported. You may read and delete but "
            "not update or invoke this action."
        )
    return GivenExec(kind=kind, code=code, image=None, main=main)


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


class Actions:
    """Creates, reads, changes and deletes actions."""

    def __init__(
        self,
        *,
        entities: EntityStore,
        code: CodeStore,
        clock: Clock,
        entitlement: Entitlement,
        announcer: Announcer,
    ) -> None:
        self._entities = entities
        self._code = code
        self._clock = clock
        self._entitlement = entitlement
        self._announcer = announcer

    async def put(
        self,
        identity: Identity,
        fqn: FullyQualifiedEntityName,
        given: ActionPut,
        *,
        overwrite: bool,
    ) -> Action:
        """Create the action, or change it when ``overwrite`` says so.

        Raises:
            TooLarge, BadInput, NotAuthorized (kind), DocumentExists, WrongCollection,
            DocumentConflict, StoreUnavailable.
        """
        given.check_sizes()
        old = await existing(self._entities, Action, fqn, overwrite=overwrite)
        action = self._changed(fqn, old, given, identity)
        if given.exec is not None:
            self._entitlement.check_kind(identity, given.exec.kind)
            if given.exec.code is not None:
                await self._code.put(given.exec.code)
        stored = await self._entities.put(action)
        await self._announcer.changed(fqn)
        return stored

    def _changed(
        self,
        fqn: FullyQualifiedEntityName,
        old: Action | None,
        given: ActionPut,
        identity: Identity,
    ) -> Action:
        executable = given.exec.stored() if given.exec else (old and old.exec)
        if executable is None:
            raise BadInput("exec undefined")
        limits = old.limits if old else ActionLimits()
        if given.limits is not None:
            limits = ActionLimits.from_json(given.limits, limits)
            named = frozenset(
                key for key, value in given.limits.items() if value is not None
            )
            limits.check(identity.limits, given=named)
        annotations = old.annotations if old else Parameters()
        annotations = annotations.without(given.dropped_annotations)
        annotations = annotations.merged(given.annotations or Parameters())
        if old is None and "provide-api-key" not in annotations:
            annotations = annotations.merged(Parameters.of({"provide-api-key": False}))
        return Action(
            fqn=fqn,
            version=given.version or next_version(old),
            publish=_first(given.publish, old and old.publish, False),
            annotations=annotations.merged(Parameters.of({"exec": executable.kind})),
            updated_ms=self._clock.now_ms(),
            revision=old.revision if old else None,
            exec=executable,
            parameters=_first(given.parameters, old and old.parameters, Parameters()),
            limits=limits,
        )

    async def get(self, fqn: FullyQualifiedEntityName) -> Action:
        return await self._entities.get(Action, fqn)

    async def code_of(self, action: Action) -> str | None:
        """Answer the code that belongs to the action, None when it has none."""
        digest = action.exec.digest
        if digest is None:
            return None
        try:
            return await self._code.get(digest)
        except NoDocument:
            return ""

    async def delete(self, fqn: FullyQualifiedEntityName) -> Action:
        action = await self._entities.get(Action, fqn)
        await self._entities.delete(action)
        await self._announcer.changed(fqn)
        return replace(action, revision=None)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
