"""Routes of rules: create, read, switch, delete, list."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from chasen.entities import Privilege, Rule, Status
from controller.api import bodies, shapes
from controller.api.doors import (
    Caller,
    House,
    answer,
    list_of,
    named,
    put_body,
    query_of,
)

router = APIRouter()

_RULES = "/api/v1/namespaces/{namespace}/rules"


@router.get(_RULES)
@router.get(_RULES + "/")
async def list_rules(
    request: Request, namespace: str, services: House, who: Caller
) -> Response:
    return await list_of(request, services, who, namespace, Rule, shapes.rule_row)


@router.get(_RULES + "/{name}")
async def get_rule(namespace: str, name: str, services: House, who: Caller) -> Response:
    fqn = named(services, who, Privilege.READ, namespace, name)
    return answer(shapes.rule(*await services.rules.get(fqn)))


@router.put(_RULES + "/{name}")
async def put_rule(
    request: Request, namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.PUT, namespace, name)
    given = bodies.rule_put(await put_body(request), who.namespace)
    overwrite = query_of(request).flag("overwrite")
    rule, status = await services.rules.put(who, fqn, given, overwrite=overwrite)
    return answer(shapes.rule(rule, status))


@router.delete(_RULES + "/{name}")
async def delete_rule(
    namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.DELETE, namespace, name)
    return answer(shapes.rule(await services.rules.delete(fqn), Status.INACTIVE))


@router.post(_RULES + "/{name}")
async def switch_rule(
    request: Request, namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.ACTIVATE, namespace, name)
    status = bodies.rule_status(await put_body(request))
    await services.rules.switch(fqn, status)
    return Response("OK", media_type="text/plain")
