"""What actions, triggers and rules have in common, and the three themselves.

Values only: rules about creating and changing them live in ``controller/catalog``.
Source: WhiskAction.scala, WhiskTrigger.scala, WhiskRule.scala.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chasen.entities.executable import Executable
from chasen.entities.limits import ActionLimits
from chasen.entities.names import FullyQualifiedEntityName, SemVer
from chasen.entities.parameters import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A named, versioned, stored thing.

    ``revision`` is the store's mark of one write; None has never been written.
    ``updated_ms`` is the time of the last write, in epoch milliseconds.
    """

    fqn: FullyQualifiedEntityName
    version: SemVer = SemVer()
    publish: bool = False
    annotations: Parameters = Parameters()
    updated_ms: int = 0
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Entity):
    """Stored code with parameters and limits."""

    exec: Executable
    parameters: Parameters = Parameters()
    limits: ActionLimits = ActionLimits()


class Status(StrEnum):
    """Whether a rule is obeyed."""

    ACTIVE = "active"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class ReducedRule:
    """The copy of a rule kept inside its trigger; the status lives here only."""

    action: FullyQualifiedEntityName
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger(Entity):
    """A named channel of events.  ``rules`` is None until one was attached."""

    parameters: Parameters = Parameters()
    rules: Mapping[str, ReducedRule] | None = field(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Entity):
    """Binds one trigger to one action."""

    trigger: FullyQualifiedEntityName
    action: FullyQualifiedEntityName
