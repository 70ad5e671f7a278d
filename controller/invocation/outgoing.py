"""From a plan to the message that an invoker gets.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chasen.entities import ActivationId, Identity
from chasen.entities.limits import RESULT_BYTES_MAX
from chasen.messages import ActivationMessage
from controller.invocation.plan import Plan

BLOCKING_QUEUE_MS = 60_000
ASYNC_QUEUE_MS = 600_000


@dataclass(frozen=True, slots=True)
class Sender:
    """For whom, and by which controller, something is invoked.

    The rest are the limits that go along, as in ``ActivationMessage``.
    """

    namespace: str
    namespace_uuid: str
    subject: str
    controller: str
    transid: str
    result_max: int = RESULT_BYTES_MAX
    result_kept: int = RESULT_BYTES_MAX
    unstored: bool = False

    @classmethod
    def of(cls, identity: Identity, controller: str, transid: str) -> Sender:
        limits = identity.limits
        return cls(
            identity.namespace,
            identity.namespace_uuid,
            identity.subject,
            controller,
            transid,
            limits.payload_bytes,
            limits.truncation_bytes,
            not limits.store_activations,
        )


def activation_message(
    plan: Plan,
    sender: Sender,
    arguments: bytes,
    *,
    activation_id: ActivationId,
    now_ms: int,
    blocking: bool,
    queue_ms: int,
    cause: ActivationId | None = None,
    caused_by: str | None = None,
    depth: int = 0,
    again: bool = False,
) -> ActivationMessage:
    """``queue_ms`` is how long it may wait before it is run."""
    return ActivationMessage(
        activation_id=activation_id,
        transid=sender.transid,
        action=plan.name,
        version=plan.version,
        revision=plan.revision,
        namespace=sender.namespace,
        namespace_uuid=sender.namespace_uuid,
        subject=sender.subject,
        controller=sender.controller,
        blocking=blocking,
        accepted_ms=now_ms,
        start_before_ms=now_ms + queue_ms,
        delivery=plan.delivery,
        binding=plan.binding,
        init=plan.init,
        package_marks=plan.package_marks,
        locked=plan.locked or None,
        result_max=sender.result_max,
        result_kept=sender.result_kept,
        unstored=sender.unstored,
        cause=cause,
        caused_by=caused_by,
        depth=depth,
        again=again,
        body=arguments,
    )
