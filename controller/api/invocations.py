"""Invoking an action and firing a trigger over HTTP: one set of rules for both ways in.

``hot.py`` takes most of these requests before FastAPI; what it does not take comes
through the ordinary routes.  Both end here.  The order of the checks is OpenWhisk's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import orjson

from chasen.entities import (
    ActivationId,
    FullyQualifiedEntityName,
    Identity,
    Outcome,
    Privilege,
)
from chasen.entities.names import OWN_NAMESPACE
from controller.api import shapes
from controller.api.bodies import check_content_type
from controller.api.errors import ACTIVATION_ID, Reply
from controller.api.query import Query
from controller.entitlement.rights import check_gates
from controller.invocation.invoke import Finished
from controller.invocation.plan import check_payload_size
from controller.services import Services

log = logging.getLogger("controller.api")

STATUS_OF_OUTCOME = {
    Outcome.SUCCESS: 200,
    Outcome.APPLICATION_ERROR: 502,
    Outcome.DEVELOPER_ERROR: 502,
    Outcome.WHISK_ERROR: 500,
}
_NO_QUERY = Query(b"")
# Never handed to actions: who fires is not who may use the key.
_HIDDEN_HEADERS = frozenset(
    {"authorization", "cookie", "proxy-authorization", "x-ow-extra-logging"}
)
EXTRA_LOGGING = b"x-ow-extra-logging"


@dataclass(slots=True)
class Call:
    """One request, as far as these use cases look at it.

    ``size_bytes`` is the announced size; when it is too big, ``body`` was not read.
    ``is_watched`` is what X-OW-EXTRA-LOGGING asks for: a line in the log.
    """

    namespace: str
    package: str | None
    name: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    authorization: bytes | None
    content_type: bytes | None
    address: str
    transid: str
    body: bytes = b""
    size_bytes: int = 0
    is_watched: bool = False

    def fqn(self, identity: Identity) -> FullyQualifiedEntityName:
        own = self.namespace == OWN_NAMESPACE
        return FullyQualifiedEntityName.of(
            identity.namespace if own else self.namespace, self.name, self.package
        )

    def check_body(self, limit_bytes: int) -> None:
        """Raises TooLarge, BadContentType."""
        check_payload_size(self.size_bytes, limit_bytes)
        if self.body and self.content_type != b"application/json":
            check_content_type((self.content_type or b"").decode("latin-1"))


async def invoke(house: Services, call: Call) -> Reply:
    """``POST /namespaces/{ns}/actions/[{package}/]{name}``"""
    identity = house.identities.known(call.authorization)
    if identity is None:
        identity = await house.identities.of_header(call.authorization, call.address)
    fqn = call.fqn(identity)
    house.entitlement.admit_invocation(identity)
    plan = house.resolver.known_plan(fqn)
    if plan is None:
        await house.resolver.place(fqn, identity)
    else:
        check_gates(identity, Privilege.ACTIVATE, fqn, plan.gates)
    call.check_body(identity.limits.payload_bytes)
    query = Query(call.query) if call.query else _NO_QUERY
    blocking, wants_result = query.flag("blocking"), query.flag("result")
    wait_ms = query.wait_ms()
    if plan is None:
        plan = await house.resolver.plan(fqn, identity)
    if plan.components is not None:
        await house.invocations.check(identity, plan)
    pending = house.invocations.publish(
        identity,
        plan,
        plan.arguments(call.body),
        blocking=blocking,
        transid=call.transid,
    )
    if call.is_watched:
        _tell(call, pending.message.activation_id, action=plan.name, blocking=blocking)
    if not blocking:
        return _accepted(await house.invocations.confirm(pending))
    answer = await house.invocations.wait(pending, wait_ms=wait_ms)
    if not isinstance(answer, Finished):
        return _accepted(answer.activation_id)
    return _finished(answer, wants_result=wants_result)


async def fire(house: Services, call: Call) -> Reply:
    """``POST /namespaces/{ns}/triggers/{name}``"""
    identity = await house.identities.of_header(call.authorization, call.address)
    fqn = call.fqn(identity)
    house.entitlement.admit_fire(identity)
    house.entitlement.check(identity, Privilege.ACTIVATE, fqn)
    call.check_body(identity.limits.payload_bytes)
    trigger = await house.resolver.trigger(fqn)
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in call.headers
        if name.decode("latin-1") not in _HIDDEN_HEADERS
    }
    accepted = await house.fires.accept(
        identity, trigger, call.body, headers=headers, transid=call.transid
    )
    if call.is_watched:
        _tell(call, accepted, trigger=str(fqn))
    return Reply(204) if accepted is None else _accepted(accepted)


def _tell(call: Call, activation_id: ActivationId | None, **facts: Any) -> None:
    facts |= {"transid": call.transid, "activation": activation_id}
    log.info("watched request", extra=facts | {"bytes": call.size_bytes})


def _accepted(activation_id: ActivationId) -> Reply:
    body = b'{"activationId":"' + activation_id.encode() + b'"}'
    return Reply(202, body, headers={ACTIVATION_ID: activation_id})


def _finished(answer: Finished, *, wants_result: bool) -> Reply:
    """An array is answered bare, also to who wants the whole record."""
    result = answer.result or b"{}"
    if wants_result or result[:1] == b"[":
        body = result
    else:
        body = orjson.dumps(shapes.record(answer.activation(), logs=False))
    headers = {ACTIVATION_ID: answer.activation_id}
    return Reply(STATUS_OF_OUTCOME[answer.outcome], body, headers=headers)
