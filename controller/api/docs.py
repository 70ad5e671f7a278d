"""Routes of the description: for programs in two dialects, for readers as a page."""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from controller.api.description.openapi import openapi as openapi_document
from controller.api.description.page import POLICY
from controller.api.description.page import page as page_text
from controller.api.description.swagger import swagger as swagger_document
from controller.api.errors import JSON

router = APIRouter()

_OPENAPI = orjson.dumps(openapi_document())
_SWAGGER = orjson.dumps(swagger_document())


@router.get("/openapi.json")
async def openapi() -> Response:
    return Response(_OPENAPI, media_type=JSON)


@router.get("/api/v1/api-docs")
@router.get("/api/v1/api-docs/")
async def swagger() -> Response:
    return Response(_SWAGGER, media_type=JSON)


@router.get("/api/v1/docs")
async def docs() -> Response:
    """OpenWhisk's address; its page is Swagger's, which reads the description there."""
    target = "docs/index.html?url=/api/v1/api-docs"
    return Response(status_code=308, headers={"location": target})


@router.get("/api/v1/docs/index.html")
async def page() -> Response:
    headers = {"content-security-policy": POLICY}
    return Response(page_text(), media_type="text/html", headers=headers)
