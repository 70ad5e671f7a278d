"""The public application: the routes in their frame, errors in OpenWhisk's shape."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp

from chasen.errors import ChasenError
from controller.api import (
    actions,
    activations,
    docs,
    limits,
    namespaces,
    packages,
    rules,
    triggers,
    web,
)
from controller.api.doors import respond
from controller.api.edge import Edge
from controller.api.errors import NO_ROUTE, BadMethod, error_reply, sentence_reply
from controller.services import Services

COLLECTIONS = (
    docs,
    namespaces,
    limits,
    actions,
    packages,
    triggers,
    rules,
    activations,
    web,
)


def public_app(services: Services) -> ASGIApp:
    """Answer the application for the public port."""
    app = FastAPI(
        title="Chasen",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    for collection in COLLECTIONS:
        app.include_router(collection.router)

    @app.exception_handler(ChasenError)
    async def told(request: Request, error: ChasenError) -> Response:
        return respond(error_reply(error, request.state.transid))

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> Response:
        transid = request.state.transid
        if error.status_code == 405:
            return respond(error_reply(BadMethod(_allowed(request)), transid))
        return respond(sentence_reply(error.status_code, NO_ROUTE, transid))

    return Edge(app)


def _allowed(request: Request) -> list[str]:
    """Answer the methods that this path has, over all of its routes."""
    methods: set[str] = set()
    for collection in COLLECTIONS:
        for route in collection.router.routes:
            found, _ = route.matches({**request.scope, "path_params": {}})
            if found is not Match.NONE:
                methods |= getattr(route, "methods", None) or set()
    return sorted(methods - {"HEAD"})
