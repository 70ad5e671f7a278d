"""Jobs, plans and messages with defaults, for tests that care about one detail."""

from __future__ import annotations

from typing import Any

from chasen.entities import (
    Action,
    ActionLimits,
    ActivationId,
    CodeExec,
    FullyQualifiedEntityName,
    Parameters,
    RuntimesManifest,
    code_digest,
)
from chasen.messages import ActivationMessage
from doubles.clock import EPOCH_MS
from invoker.actions import ActionCache
from invoker.job import Job

KIND = "python:3.11"
CODE = "def main(args): return args"
MANIFEST = RuntimesManifest.from_json(
    {"runtimes": {"python": [{"kind": KIND, "image": {"name": "python"}}]}}
)


def an_action(name: str = "guest/hello", **changes: Any) -> Action:
    limits = changes.pop("limits", ActionLimits())
    values = {
        "fqn": FullyQualifiedEntityName.parse(name),
        "exec": CodeExec(KIND, code_digest(CODE), len(CODE), binary=False),
        "annotations": Parameters.of({"provide-api-key": False}),
        "limits": limits,
        "revision": "1-a",
    }
    return Action(**(values | changes))


def a_message(number: int = 1, **changes: Any) -> ActivationMessage:
    values = {
        "activation_id": ActivationId(f"{number:032x}"),
        "transid": "t1",
        "action": "guest/hello",
        "version": "0.0.1",
        "revision": "1-a",
        "namespace": "guest",
        "namespace_uuid": "uuid-guest",
        "subject": "guest",
        "controller": "0",
        "blocking": True,
        "accepted_ms": EPOCH_MS,
        "start_before_ms": EPOCH_MS + 10**10,
    }
    return ActivationMessage(**(values | changes))


def a_job(number: int = 1, action: Action | None = None, **changes: Any) -> Job:
    action = action or an_action(changes.pop("name", "guest/hello"))
    store: Any = None  # a plan of an action at hand needs no store
    plan = ActionCache(store, MANIFEST, {}).plan_of(action)
    message = a_message(number, action=plan.fqn, **changes)
    return Job.of(message, message.encode().partition(b"\n")[0], plan)
