"""What the public routes share: who calls, what is named, bodies, lists, answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request
from starlette.responses import Response

from chasen.entities import (
    EntityPath,
    FullyQualifiedEntityName,
    Identity,
    Privilege,
)
from chasen.entities import limits as bounds
from chasen.entities.names import OWN_NAMESPACE
from chasen.errors import TooLarge
from controller.api import bodies
from controller.api.errors import JSON, Reply
from controller.api.invocations import EXTRA_LOGGING, Call
from controller.api.query import Query
from controller.services import Services

BODY_BYTES_MAX = 65 * bounds.MIB  # of a PUT: 48 MiB of code, as JSON


def house(request: Request) -> Services:
    return request.app.state.services


async def caller(request: Request) -> Identity:
    """Answer who calls; 401 before anything else is looked at."""
    header = request.headers.get("authorization")
    return await house(request).identities.of_header(
        header.encode("latin-1") if header else None, request.state.address
    )


House = Annotated[Services, Depends(house)]
Caller = Annotated[Identity, Depends(caller)]


def answer(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type=JSON)


def respond(reply: Reply) -> Response:
    return Response(
        reply.body, reply.status, dict(reply.headers), media_type=reply.content_type
    )


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Raises TooLarge, before reading where the size is announced."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit_bytes:
        raise TooLarge("Request", int(announced), limit_bytes)
    parts: list[bytes] = []
    size = 0
    stream: AsyncIterator[bytes] = request.stream()
    async for part in stream:
        size += len(part)
        if size > limit_bytes:
            raise TooLarge("Request", size, limit_bytes)
        parts.append(part)
    return b"".join(parts)


async def put_body(request: Request) -> bytes:
    body = await read_body(request, BODY_BYTES_MAX)
    bodies.check_content_type(request.headers.get("content-type"))
    return body


def query_of(request: Request) -> Query:
    return Query(request.scope["query_string"])


def name_of(
    who: Identity, namespace: str, name: str, package: str | None = None
) -> FullyQualifiedEntityName:
    """Answer the valid name of something, whosever it is."""
    own = namespace == OWN_NAMESPACE
    return FullyQualifiedEntityName.of(
        who.namespace if own else namespace, name, package
    )


def named(
    services: Services,
    who: Identity,
    privilege: Privilege,
    namespace: str,
    name: str,
    package: str | None = None,
) -> FullyQualifiedEntityName:
    """Answer the valid name of something of the caller's own."""
    fqn = name_of(who, namespace, name, package)
    services.entitlement.check(who, privilege, fqn)
    return fqn


def listed(services: Services, who: Identity, namespace: str) -> EntityPath:
    own = namespace == OWN_NAMESPACE
    path = EntityPath.parse(who.namespace if own else namespace)
    services.entitlement.check_namespace(who, Privilege.READ, path.namespace)
    return path


async def list_of(
    request: Request,
    services: Services,
    who: Identity,
    namespace: str,
    kind: Any,
    shape: Any,
) -> Response:
    path = listed(services, who, namespace)
    return await list_in(request, services, path, kind, shape)


async def list_in(
    request: Request,
    services: Services,
    path: EntityPath,
    kind: Any,
    shape: Any,
    *,
    shared: bool = False,
) -> Response:
    """Answer the list of a path that the caller may read."""
    query = query_of(request)
    collection = f"{kind.__name__.lower()}s"
    page = query.page(collection)
    entities = services.stores.entities
    if query.flag("count"):
        total = await entities.count(kind, path, shared=shared)
        return answer({collection: max(total - page.skip, 0)})
    found = await entities.list(kind, path, page, shared=shared)
    return answer([shape(each) for each in found])


async def call_of(
    request: Request, namespace: str, name: str, package: str | None = None
) -> Call:
    headers = request.headers
    authorization = headers.get("authorization")
    content_type = headers.get("content-type")
    call = Call(
        namespace=namespace,
        package=package,
        name=name,
        query=request.scope["query_string"],
        headers=request.scope["headers"],
        authorization=authorization.encode("latin-1") if authorization else None,
        content_type=content_type.encode("latin-1") if content_type else None,
        address=request.state.address,
        transid=request.state.transid,
        is_watched=headers.get(EXTRA_LOGGING.decode(), "").lower() == "on",
    )
    try:
        call.body = await read_body(request, bounds.PAYLOAD_BYTES_MAX)
        call.size_bytes = len(call.body)
    except TooLarge:
        # The use case says so itself, after the checks that come before.
        call.size_bytes = max(
            int(headers.get("content-length") or 0), bounds.PAYLOAD_BYTES_MAX + 1
        )
    return call
