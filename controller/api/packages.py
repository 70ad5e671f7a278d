"""Routes of packages and bindings: create, read, delete, list."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from chasen.entities import EntityPath, Package, Privilege
from chasen.entities.names import OWN_NAMESPACE
from controller.api import bodies, shapes
from controller.api.doors import (
    Caller,
    House,
    answer,
    list_in,
    name_of,
    named,
    put_body,
    query_of,
)

router = APIRouter()

_PACKAGES = "/api/v1/namespaces/{namespace}/packages"


@router.get(_PACKAGES)
@router.get(_PACKAGES + "/")
async def list_packages(
    request: Request, namespace: str, services: House, who: Caller
) -> Response:
    """Anybody may list any namespace; strangers see what is shared."""
    own = namespace == OWN_NAMESPACE
    path = EntityPath.parse(who.namespace if own else namespace)
    return await list_in(
        request,
        services,
        path,
        Package,
        shapes.package_row,
        shared=path.namespace != who.namespace,
    )


@router.get(_PACKAGES + "/{name}")
async def get_package(
    namespace: str, name: str, services: House, who: Caller
) -> Response:
    found = await services.packages.get(who, name_of(who, namespace, name))
    return answer(shapes.package_contents(found.package, found.actions))


@router.put(_PACKAGES + "/{name}")
async def put_package(
    request: Request, namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.PUT, namespace, name)
    given = bodies.package_put(await put_body(request), who.namespace)
    overwrite = query_of(request).flag("overwrite")
    package = await services.packages.put(who, fqn, given, overwrite=overwrite)
    return answer(shapes.package(package))


@router.delete(_PACKAGES + "/{name}")
async def delete_package(
    request: Request, namespace: str, name: str, services: House, who: Caller
) -> Response:
    fqn = named(services, who, Privilege.DELETE, namespace, name)
    force = query_of(request).flag("force")
    return answer(shapes.package(await services.packages.delete(fqn, force=force)))
