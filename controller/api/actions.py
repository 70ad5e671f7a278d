"""Routes of actions: create, read, delete, list; and invoke off the hot path."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from chasen.entities import Action, Privilege
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
from controller.api.invocations import invoke

router = APIRouter()

_ACTIONS = "/api/v1/namespaces/{namespace}/actions"


@router.get(_ACTIONS)
@router.get(_ACTIONS + "/")
async def list_actions(
    request: Request, namespace: str, services: House, who: Caller
) -> Response:
    return await list_of(request, services, who, namespace, Action, shapes.action_row)


@router.get(_ACTIONS + "/{name}")
async def get_action(
    request: Request, namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.READ, namespace, name)
    with_code = query_of(request).flag("code", default=True)
    action = await services.actions.get(fqn)
    code = await services.actions.code_of(action) if with_code else None
    return answer(shapes.action(action, code))


@router.put(_ACTIONS + "/{name}")
async def put_action(
    request: Request, namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.PUT, namespace, name)
    given = bodies.action_put(await put_body(request), services.manifest)
    overwrite = query_of(request).flag("overwrite")
    action = await services.actions.put(who, fqn, given, overwrite=overwrite)
    return answer(shapes.action(action, await services.actions.code_of(action)))


@router.delete(_ACTIONS + "/{name}")
async def delete_action(
    namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.DELETE, namespace, name)
    action = await services.actions.get(fqn)
    code = await services.actions.code_of(action)
    await services.actions.delete(fqn)
    return answer(shapes.action(action, code))


@router.post(_ACTIONS + "/{name}")
async def invoke_action(
    request: Request, namespace: str, name: str, services: House
) -> Response:
    return respond(await invoke(services, await call_of(request, namespace, name)))
