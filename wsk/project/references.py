"""Rules and sequences name what the manifest defines, and none ends in itself.

Names that lead elsewhere (`/other/a`, a bound package) are the server's to check.
"""

from wsk.project.planned import Plan, Planned

LOCAL = "/_/"


def faults(plan: Plan) -> list[str]:
    """Everything that dangles; sequences are put into the order they need."""
    found: list[str] = []
    triggers = {entity.name for entity in plan.triggers}
    for rule in plan.rules:
        trigger = rule.body["trigger"]
        if trigger.startswith(LOCAL) and _path(trigger) not in triggers:
            text = f"rule {rule.name}: the trigger '{_path(trigger)}' is not defined"
            found.append(text)
        if _is_missing(plan, rule.body["action"]):
            action = _path(rule.body["action"])
            found.append(f"rule {rule.name}: the action '{action}' is not defined")
    for sequence in plan.sequences:
        for component in _components(sequence):
            if _is_missing(plan, component):
                name = _path(component)
                found.append(f"sequence {sequence.name}: '{name}' is not defined")
    return found + _order(plan)


def _path(full: str) -> str:
    return full.removeprefix(LOCAL)


def _components(sequence: Planned) -> list[str]:
    return sequence.body["exec"]["components"]


def _is_missing(plan: Plan, full: str) -> bool:
    """Should this be in the manifest, and is not?"""
    if not full.startswith(LOCAL):
        return False
    own = {"", *(p.name for p in plan.packages if "binding" not in p.body)}
    known = {entity.name for entity in (*plan.actions, *plan.sequences)}
    path = _path(full)
    return path.rpartition("/")[0] in own and path not in known


def _order(plan: Plan) -> list[str]:
    """A sequence comes after the sequences in it."""
    waiting = {entity.name: entity for entity in plan.sequences}
    ordered: list[Planned] = []
    while waiting:
        ready = [
            entity
            for entity in waiting.values()
            if not any(_path(part) in waiting for part in _components(entity))
        ]
        if not ready:
            names = ", ".join(sorted(waiting))
            return [f"sequences that contain each other: {names}"]
        ordered += ready
        for entity in ready:
            del waiting[entity.name]
    plan.sequences[:] = ordered
    return []
