"""Routes of activation records: list, one, its result, its logs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from chasen.entities import activation_id
from chasen.errors import MalformedQuery, NoDocument
from controller.api import shapes
from controller.api.doors import Caller, House, answer, listed, query_of

router = APIRouter()

_ACTIVATIONS = "/api/v1/namespaces/{namespace}/activations"


@router.get(_ACTIVATIONS)
@router.get(_ACTIVATIONS + "/")
async def list_activations(
    request: Request, namespace: str, services: House, who: Caller
) -> Response:
    path = listed(services, who, namespace)
    query = query_of(request)
    page, name = query.page("activations"), query.activation_name()
    docs, count = query.flag("docs"), query.flag("count")
    store = services.stores.activations
    if count and docs:
        raise MalformedQuery(
            "docs", "The parameter 'docs' is not permitted with 'count'."
        )
    if count:
        total = await store.count(path.namespace, name, page)
        return answer({"activations": max(total - page.skip, 0)})
    found = await store.list(path.namespace, name, page, docs=docs)
    shape = shapes.record if docs else shapes.record_row
    return answer([shape(each) for each in found])


@router.get(_ACTIVATIONS + "/{identifier}")
@router.get(_ACTIVATIONS + "/{identifier}/")
@router.get(_ACTIVATIONS + "/{identifier}/{part}")
async def get_activation(
    namespace: str,
    identifier: str,
    services: House,
    who: Caller,
    part: str | None = None,
) -> Response:
    found = activation_id(identifier)
    path = listed(services, who, namespace)
    if part not in (None, "result", "logs"):
        raise NoDocument
    record = await services.stores.activations.get(path.namespace, found)
    if part == "result":
        return answer(shapes.response(record))
    if part == "logs":
        return answer({"logs": list(record.logs)})
    return answer(shapes.record(record))
