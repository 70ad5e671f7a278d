"""What actions, triggers, rules and packages have in common, and the four themselves.

Values only: rules about creating and changing them live in ``controller/catalog``.
Source: WhiskAction.scala, WhiskTrigger.scala, WhiskRule.scala, WhiskPackage.scala.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Package(Entity):
    """A folder of actions with parameters of its own; or a binding to such a folder.

    ``binding`` names the provider's package.  A binding holds no actions; what is
    reached through it is the provider's, with the binding's parameters on top.
    """

    parameters: Parameters = Parameters()
    binding: FullyQualifiedEntityName | None = None

    @property
    def is_shared(self) -> bool:
        """Whether everybody may read it; a binding is for its owner alone."""
        return self.publish and self.binding is None
