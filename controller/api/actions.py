"""Routes of actions: create, read, delete, list; and invoke off the hot path."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from chasen.entities import Action, Privilege
from controller.api import bodies, shapes
from controller.api.doors import (
    Caller,
    House,
    answer,
    call_of,
    list_in,
    list_of,
    name_of,
    named,
    put_body,
    query_of,
    respond,
)
from controller.api.invocations import invoke
from controller.entitlement.place import package_path

router = APIRouter()

_ACTIONS = "/api/v1/namespaces/{namespace}/actions"
_PLAIN = _ACTIONS + "/{name}"
_PACKAGED = _ACTIONS + "/{package}/{name}"


@router.get(_ACTIONS)
@router.get(_ACTIONS + "/")
async def list_actions(
    request: Request, namespace: str, services: House, who: Caller
) -> Response:
    return await list_of(request, services, who, namespace, Action, shapes.action_row)


@router.get(_ACTIONS + "/{package}/")
async def list_packaged(
    request: Request, namespace: str, package: str, services: House, who: Caller
) -> Response:
    """Through a binding: the provider's actions, under the provider's name."""
    provider = await services.packages.provider(who, name_of(who, namespace, package))
    path = package_path(provider.fqn)
    return await list_in(request, services, path, Action, shapes.action_row)


@router.put(_ACTIONS + "/{package}/")
@router.delete(_ACTIONS + "/{package}/")
@router.post(_ACTIONS + "/{package}/")
async def list_is_read_only(package: str, who: Caller) -> None:
    """A list of a package's actions is no resource to write to: 404, not 405."""
    raise HTTPException(404)


@router.get(_PLAIN)
@router.get(_PACKAGED)
async def get_action(
    request: Request,
    namespace: str,
    name: str,
    services: House,
    who: Caller,
    package: str | None = None,
) -> Response:
    fqn = name_of(who, namespace, name, package)
    with_code = query_of(request).flag("code", default=True)
    found = await services.actions.get(who, fqn)
    if with_code:
        code = await services.actions.code_of(found.action)
        return answer(shapes.action(found.action, code))
    shown = shapes.action(found.action)
    if found.place.binding is not None:
        shown["binding"] = str(found.place.binding.fqn)
    return answer(shown)


@router.put(_PLAIN)
@router.put(_PACKAGED)
async def put_action(
    request: Request,
    namespace: str,
    name: str,
    services: House,
    who: Caller,
    package: str | None = None,
) -> Response:
    fqn = named(services, who, Privilege.PUT, namespace, name, package)
    body = await put_body(request)
    given = bodies.action_put(body, services.manifest, who.namespace)
    overwrite = query_of(request).flag("overwrite")
    action = await services.actions.put(who, fqn, given, overwrite=overwrite)
    return answer(shapes.action(action, await services.actions.code_of(action)))


@router.delete(_PLAIN)
@router.delete(_PACKAGED)
async def delete_action(
    namespace: str,
    name: str,
    services: House,
    who: Caller,
    package: str | None = None,
) -> Response:
    fqn = named(services, who, Privilege.DELETE, namespace, name, package)
    action = await services.actions.owned(fqn)
    code = await services.actions.code_of(action)
    await services.actions.delete(action)
    return answer(shapes.action(action, code))


@router.post(_PLAIN)
@router.post(_PACKAGED)
async def invoke_action(
    request: Request,
    namespace: str,
    name: str,
    services: House,
    package: str | None = None,
) -> Response:
    call = await call_of(request, namespace, name, package)
    return respond(await invoke(services, call))
