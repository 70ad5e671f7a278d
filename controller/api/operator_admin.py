"""``/admin`` on the operator port: what ``chasen admin`` asks of a running house.

Whoever calls knows the token beside the server key; loopback alone is no proof, any
user of the machine can connect.  A client may ask for a proof first, so that it tells
the token to nobody else who took the port.

    GET  /admin/proof?nonce=N      {"proof": hex}
    POST /admin/{room}/{verb}      {"value": ...}; arguments are the body, an object
    POST /admin/db/get             one row a line
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from starlette.responses import Response, StreamingResponse

from chasen import jsontext
from chasen.errors import ChasenError, MalformedContent, Unauthenticated
from chasen.seal import operator_proof
from controller.administration.contents import Row
from controller.administration.desk import Desk
from controller.api.doors import answer, read_body, respond
from controller.api.errors import error_reply

log = logging.getLogger("controller.operator")

BODY_BYTES_MAX = 64 * 1024
NONCE_LENGTH_MAX = 128
ROWS = "application/x-ndjson"


def add_admin(app: FastAPI, desk: Desk, token: str) -> None:
    """Add the routes; ``token`` opens them."""

    def permitted(authorization: Annotated[str, Header()] = "") -> None:
        given = authorization.removeprefix("Bearer ").encode("utf-8", "replace")
        if not hmac.compare_digest(given, token.encode()):
            raise Unauthenticated("The operator's token is missing or wrong.")

    router = APIRouter(prefix="/admin", dependencies=[Depends(permitted)])

    @app.get("/admin/proof")
    async def proof(nonce: str) -> Response:
        return answer({"proof": operator_proof(token, nonce[:NONCE_LENGTH_MAX])})

    @router.post("/db/get")
    async def db_get(request: Request) -> Response:
        rows = desk.rows(await _arguments(request))
        first = await anext(rows, None)  # wrong arguments are told by the status
        return StreamingResponse(_lines(first, rows), media_type=ROWS)

    @router.post("/{room}/{verb}")
    async def operation(request: Request, room: str, verb: str) -> Response:
        arguments = await _arguments(request)
        value = await desk.call(f"{room} {verb}", arguments)
        if verb in _CHANGES:
            log.info("operator's change", extra={"operation": f"{room} {verb}"})
        return answer({"value": value})

    app.include_router(router)

    @app.exception_handler(ChasenError)
    async def told(request: Request, error: ChasenError) -> Response:
        return respond(error_reply(error, secrets.token_hex(16)))


_CHANGES = frozenset({"create", "delete", "block", "unblock", "set"})


async def _arguments(request: Request) -> dict[str, Any]:
    """Answer the object in the body; a key that is given twice is refused (S34)."""
    body = await read_body(request, BODY_BYTES_MAX)
    found = jsontext.decode_object(body)
    json.loads(body, object_pairs_hook=_distinct)
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise MalformedContent(f"{name[:64]!r} is given twice")


async def _lines(first: Row | None, rows: AsyncIterator[Row]) -> AsyncIterator[bytes]:
    """An error after the first row can only be told as a row."""
    if first is None:
        return
    yield orjson.dumps(first) + b"\n"
    try:
        async for row in rows:
            yield orjson.dumps(row) + b"\n"
    except ChasenError as error:
        yield orjson.dumps({"error": str(error)}) + b"\n"
