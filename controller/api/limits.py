"""The route of a namespace's limits, as they hold."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from chasen.errors import BadInput
from controller.api.doors import Caller, House, answer, listed

router = APIRouter()

_LIMITS = "/api/v1/namespaces/{namespace}/limits"
NO_INNER = "Inner entity level routes for limits are not yet implemented."


@router.get(_LIMITS)
@router.get(_LIMITS + "/")
async def get_limits(namespace: str, services: House, who: Caller) -> Response:
    listed(services, who, namespace)
    return answer(who.limits.shown())


@router.get(_LIMITS + "/{name}")
async def get_limit(namespace: str, name: str, services: House, who: Caller) -> None:
    listed(services, who, namespace)
    raise BadInput(NO_INNER)
