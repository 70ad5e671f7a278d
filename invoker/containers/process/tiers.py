"""How strongly sandboxes can be kept apart here, strongest first, and how to say it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from . import cgroups, landlock, linux


@dataclass(frozen=True, slots=True)
class Tier:
    """``own_user``: sandboxes run as another user than the platform, needs root."""

    name: str
    namespaces: bool
    own_user: bool = False
    groups: tuple[cgroups.Hierarchy, ...] = ()
    landlocked: bool = False


NOT_ISOLATED = "The kernel is shared: hostile code belongs into a virtual machine."
_SHARED_PROCESSOR = (
    "Memory is bounded per process, not per sandbox, and CPU time is not shared out:"
    " a busy action slows its neighbours and the platform."
)
_SAME_USER = (
    "Sandboxes run as the platform's own user; only the namespaces keep its files"
    " from them."
)
_SHARED_VIEW = (
    "Processes, their command lines, the host's network and its local services are"
    " visible to actions; disk use is not bounded; a suspended action's processes"
    " are stopped by signals."
)


@dataclass(slots=True)
class Candidates:
    """``lacking``: why none is stronger; ``refused``: why none is weaker."""

    tiers: list[Tier] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def candidates(*, trust: bool) -> Candidates:
    """Answer the tiers worth trying, strongest first."""
    if not linux.supported():
        return Candidates(
            refused=["Process sandboxes need Linux on x86_64 or aarch64."]
        )
    found = Candidates()
    is_root = os.geteuid() == 0
    try:
        groups = tuple(cgroups.find())
    except (cgroups.CgroupsMissing, OSError) as error:
        groups = ()
        found.lacking.append(f"There are no limits by control groups: {error}.")
    for those in dict.fromkeys((groups, ())):
        strong = is_root and bool(those)
        name = "T3" if strong else "T2"
        found.tiers.append(Tier(name, True, is_root, those, not is_root))
    if is_root:
        found.refused.append(
            "Weaker tiers are not for root: start Chasen as another user."
        )
        return found
    if landlock.version():
        found.tiers.append(Tier("T1", False, landlocked=True))
    if trust:
        found.tiers.append(Tier("T0", False))
    else:
        found.refused.append(
            "Where nothing is isolated, sandboxes need CHASEN_SANDBOX_TRUST=true."
        )
    return found


def sentences(tier: Tier) -> Sequence[str]:
    """Answer what start-up says about a tier."""
    said = [f"Actions run in process sandboxes, tier {tier.name}: {_CORE[tier.name]}"]
    if not tier.groups:
        said.append(_SHARED_PROCESSOR)
    if not tier.own_user:
        said.append(_SAME_USER if tier.namespaces else _NO_WALLS[tier.name])
    if not tier.namespaces:
        said.append(_SHARED_VIEW)
    said.append(NOT_ISOLATED)
    return said


_CORE = {
    "T3": "process (strong). Each has a user, processes, files, memory, a CPU share"
    " and a system call filter of its own.",
    "T2": "process (namespaces). Each has processes, files and a system call filter"
    " of its own.",
    "T1": "process (files only). Each sees only files that Landlock allows.",
    "T0": "process (accidents only). Nothing is hidden from an action.",
}
_NO_WALLS = {
    "T1": "Sandboxes run as the platform's own user; only Landlock keeps its files"
    " from them.",
    "T0": "Sandboxes run as the platform's own user and can read all its files, keys"
    " included.",
}
