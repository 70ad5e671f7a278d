"""Routes of triggers: create, read, delete, list; and fire off the hot path."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from chasen.entities import Privilege, Trigger
from controller.api import bodies, shapes
from controller.api.doors import (
    Caller,
    House,
    answer,
    call_of,
    list_of,
    named,
    put_body,
    query_of,
    respond,
)
from controller.api.invocations import fire

router = APIRouter()

_TRIGGERS = "/api/v1/namespaces/{namespace}/triggers"


@router.get(_TRIGGERS)
@router.get(_TRIGGERS + "/")
async def list_triggers(
    request: Request, namespace: str, services: House, who: Caller
) -> Response:
    return await list_of(request, services, who, namespace, Trigger, shapes.trigger_row)


@router.get(_TRIGGERS + "/{name}")
async def get_trigger(
    namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.READ, namespace, name)
    return answer(shapes.trigger(await services.triggers.get(fqn)))


@router.put(_TRIGGERS + "/{name}")
async def put_trigger(
    request: Request, namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.PUT, namespace, name)
    given = bodies.trigger_put(await put_body(request))
    overwrite = query_of(request).flag("overwrite")
    trigger = await services.triggers.put(who, fqn, given, overwrite=overwrite)
    return answer(shapes.trigger(trigger))


@router.delete(_TRIGGERS + "/{name}")
async def delete_trigger(
    namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.DELETE, namespace, name)
    return answer(shapes.trigger(await services.triggers.delete(fqn)))


@router.post(_TRIGGERS + "/{name}")
async def fire_trigger(
    request: Request, namespace: str, name: str, services: House
) -> Response:
    return respond(await fire(services, await call_of(request, namespace, name)))
