"""An action resolved into all that an invocation needs.  Pure.

Parameters are merged package < binding < action, once; the payload goes on top at each
call.  How plans are found and remembered is ``resolve.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from chasen import jsontext
from chasen.entities import (
    BLACKBOX,
    Action,
    ActionLimits,
    FullyQualifiedEntityName,
    Parameter,
    Parameters,
    SequenceExec,
)
from chasen.entities.limits import PAYLOAD_BYTES_MAX
from chasen.errors import BadInput, TooLarge
from chasen.messages import Delivery
from controller.entitlement.place import Place
from controller.entitlement.rights import Gate
from controller.webactions.access import WebExport

NOT_ALLOWED = (
    "Request defines parameters that are not allowed (e.g., reserved properties)."
)
DEPRECATED = (
    "The '{}' runtime is no longer supported. You may read and delete but not update "
    "or invoke this action."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one action is invoked.

    ``named`` is what the caller called it, ``fqn`` the action itself; they differ by a
    binding.  ``defaults`` are the merged parameters but for the locked ones, which
    stay sealed in ``locked`` as name -> [namespace it is from, sealed text].  ``init``
    names those that are for the environment, None: as in the action.  ``package_marks``
    tells apart containers that were given other packages' init parameters.
    """

    named: FullyQualifiedEntityName
    fqn: FullyQualifiedEntityName
    name: str  # "ns/[package/]action", as messages carry it
    binding: str | None = None  # "ns/binding", as messages and records carry it
    version: str
    revision: str
    kind: str
    limits: ActionLimits
    memory_mb: int
    timeout_ms: int
    is_blackbox: bool
    delivery: Delivery
    annotations: Parameters
    components: tuple[FullyQualifiedEntityName, ...] | None = None  # of a sequence
    is_composite: bool = False  # a sequence or a conductor: walked, not sent
    gates: tuple[Gate, ...] = ()
    web: WebExport | None = None
    refusal: str | None = None  # why it cannot be invoked
    defaults: dict[str, Any] = field(repr=False)
    locked: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    final: frozenset[str] = frozenset()
    init: list[str] | None = None
    package_marks: str | None = None

    @classmethod
    def of(
        cls, action: Action, place: Place | None = None, *, is_deprecated: bool = False
    ) -> Plan:
        assert action.revision is not None, "a plan is made of what is stored"
        place = place or Place(
            action.fqn, action.fqn, (), (Gate(action.fqn.namespace),)
        )
        merged = _merged(action, place)
        is_final = action.annotations.get("final") is True
        executable = action.exec
        return cls(
            named=place.named,
            fqn=action.fqn,
            name=str(action.fqn),
            binding=str(place.binding.fqn) if place.binding else None,
            version=str(action.version),
            revision=action.revision,
            kind=executable.kind,
            limits=action.limits,
            memory_mb=action.limits.memory_mb,
            timeout_ms=action.limits.timeout_ms,
            is_blackbox=executable.kind == BLACKBOX,
            delivery=_delivery(action.annotations),
            annotations=action.annotations,
            components=executable.components
            if isinstance(executable, SequenceExec)
            else None,
            is_composite=isinstance(executable, SequenceExec)
            or action.annotations.is_truthy("conductor"),
            gates=place.gates,
            web=WebExport.of(action.annotations),
            refusal=DEPRECATED.format(executable.kind) if is_deprecated else None,
            defaults={
                each.key: each.value for each, _ in merged if not each.encryption
            },
            locked={
                each.key: [namespace, each.value]
                for each, namespace in merged
                if each.encryption
            },
            final=frozenset(
                each.key for each, _ in merged if is_final and each.value is not None
            ),
            init=[each.key for each, _ in merged if each.init]
            if place.packages
            else None,
            package_marks=_marks(place),
        )

    def arguments(self, payload: bytes) -> bytes:
        """Answer what the action gets: its parameters overlaid by the payload.

        The payload is checked once; without parameters it is passed on as it came.
        Parameters that are for the environment travel along, the invoker parts them;
        locked ones it adds where the payload has no member of the name.

        Raises:
            MalformedContent: not a JSON object.  BadInput: a final parameter is given,
            or the kind is deprecated.
        """
        if self.refusal is not None:
            raise BadInput(self.refusal)
        if not payload:
            return orjson.dumps(self.defaults) if self.defaults else b"{}"
        given = jsontext.decode_object(payload)
        if self.final and not self.final.isdisjoint(given):
            raise BadInput(NOT_ALLOWED)
        if not self.defaults:
            return payload
        return orjson.dumps(self.defaults | given)


def _merged(action: Action, place: Place) -> list[tuple[Parameter, str]]:
    """Answer the parameters by key, the last wins, with the namespaces they are from.

    A sequence's own are of no use to it: they only repeat its components.
    """
    if isinstance(action.exec, SequenceExec):
        return []
    own = [(each, action.fqn.namespace) for each in action.parameters.items]
    found = {each.key: (each, origin) for each, origin in [*place.parameters(), *own]}
    return list(found.values())


def _marks(place: Place) -> str | None:
    if not any(each.init for each, _ in place.parameters()):
        return None
    return " ".join(str(package.revision) for package in place.packages)


def _delivery(annotations: Parameters) -> Delivery:
    wanted = annotations.get("delivery")
    return Delivery(wanted) if wanted in tuple(Delivery) else Delivery.AT_MOST_ONCE


def check_payload_size(size_bytes: int, limit_bytes: int = PAYLOAD_BYTES_MAX) -> None:
    """Raises TooLarge beyond what an invocation may carry."""
    if size_bytes > limit_bytes:
        raise TooLarge("Request", size_bytes, limit_bytes)
