"""Web actions over HTTP: ``/api/v1/web/{ns}/{package}/{action}[.ext][/{rest}]``.

Anybody may call; the owner of the namespace pays.  ``hot.py`` takes these requests
before FastAPI, the route below whatever it leaves alone; both end in ``any_method``.
The order of the checks is OpenWhisk's: owner, action, export, throttles and rights of
the owner, size, CORS, the caller's secret, body.  Source: WebActions.scala.

Measured in one run, CPU of the whole embedded house per request against a blocking
invocation of the same action (``result=true``): .json 0.99, .http 1.03; through FastAPI
2.1.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from chasen.entities import (
    ActivationId,
    AuthKey,
    FullyQualifiedEntityName,
    Identity,
    Privilege,
)
from chasen.entities import limits as bounds
from chasen.entities.limits import BLOCKING_WAIT_MS_MAX
from chasen.errors import (
    BadInput,
    NoDocument,
    Throttled,
    TooLarge,
    Unauthenticated,
    WrongCollection,
)
from controller.api import edge
from controller.api.doors import House, read_body
from controller.api.errors import (
    ACTIVATION_ID,
    BadContentType,
    Misdirected,
    Reply,
    error_reply,
    sentence_reply,
)
from controller.entitlement.identities import MISSING
from controller.entitlement.rights import check_gates
from controller.invocation.invoke import Finished
from controller.invocation.plan import Plan, check_payload_size
from controller.services import Services
from controller.webactions import address, media
from controller.webactions.access import SECRET_HEADER, WebExport
from controller.webactions.request import WebRequest, to_arguments
from controller.webactions.response import Refusal, WebResponse, to_http

router = APIRouter()

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
NOT_READY = "Response not yet ready."
NOT_ACCEPTABLE = "Resource representation is only available with these types:\n{}"

Headers = tuple[tuple[bytes, bytes], ...]

_ALLOWED: Headers = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-allow-methods",
        b"OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH",
    ),
)
_CORS: Headers = (*_ALLOWED, edge.CORS[2])
_ALLOW_CREDENTIALS = "access-control-allow-credentials"
_OURS = frozenset({*(name.decode() for name, _ in _CORS), _ALLOW_CREDENTIALS})
_HEADER_NAMES = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z, -]{1,1024}")

# A page of anybody's must not act as the API's origin: not with credentials that a
# browser keeps for it, and not on what another page keeps there.
_SANDBOX = (
    b"content-security-policy",
    b"sandbox allow-downloads allow-forms allow-modals allow-popups"
    b" allow-popups-to-escape-sandbox allow-scripts allow-top-navigation",
)
_BODILESS = frozenset({204, 205, 304})


@dataclass(slots=True)
class WebCall:
    """One request; when ``size_bytes`` is too big, ``body`` was not read."""

    method: str
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    address: str
    transid: str
    body: bytes = b""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class WebReply:
    """An HTTP response without the headers that frame it."""

    status: int
    headers: Headers = ()
    body: bytes = b""


async def any_method(house: Services, call: WebCall) -> WebReply:
    """Answer a request for a web action; errors are replies, too."""
    cors: Headers = ()
    given = dict(call.headers)
    try:
        _check_frame(house, given)
        target, rest = address.parse(call.path)
        owner, plan, export = await _found(house, target.fqn)
        if not export.custom_options:
            cors = _cors(given)
        house.entitlement.admit_invocation(owner)
        check_gates(owner, Privilege.ACTIVATE, target.fqn, plan.gates)
        check_payload_size(call.size_bytes, owner.limits.payload_bytes)
        if cors and call.method == "OPTIONS":
            return WebReply(200, cors)
        if plan.components is not None:
            await house.invocations.check(owner, plan)
        user = await _caller(house, call, given, export)
        request = _request(call, given, rest)
        arguments = _arguments(request, plan, export, user)
        answer = await _run(house, owner, plan, arguments, call.transid)
    except NoDocument as error:
        if call.method == "OPTIONS":  # of whatever is no web action
            return WebReply(200, edge.CORS)
        return _told(error_reply(error, call.transid), cors)
    except Exception as error:
        return _told(error_reply(error, call.transid), cors)
    if not isinstance(answer, Finished):
        reply = sentence_reply(202, NOT_READY, call.transid)
        return _told(reply, cors, answer.activation_id)
    made = to_http(target.extension, answer.outcome, answer.result)
    refused = _refusal(made, given)
    if refused is not None:
        reply = sentence_reply(refused.status, refused.sentence, call.transid)
        return _told(reply, cors, answer.activation_id)
    assert isinstance(made, WebResponse)
    is_ours = not house.hosts.is_for_web(given.get(b"host", b""))
    return _reply(made, cors, answer.activation_id, sandbox=is_ours)


def _check_frame(house: Services, given: dict[bytes, bytes]) -> None:
    """Raises Misdirected, BadContentType."""
    host = given.get(b"host", b"")
    if not house.hosts.are_ours(host):
        raise Misdirected(host.decode("latin-1"))
    encoding = given.get(b"content-encoding", b"identity").decode("latin-1")
    if encoding.lower() != "identity":
        raise BadContentType(f"encoded as {encoding[:64]}")


async def _found(
    house: Services, fqn: FullyQualifiedEntityName
) -> tuple[Identity, Plan, WebExport]:
    """Raises NoDocument for whatever is not there or not exported, all alike."""
    try:
        owner = await house.identities.of_namespace(fqn.namespace)
        plan = house.resolver.known_plan(fqn) or await house.resolver.plan(fqn)
    except (NoDocument, WrongCollection):
        raise NoDocument from None
    if plan.web is None:
        raise NoDocument
    return owner, plan, plan.web


def _cors(given: dict[bytes, bytes]) -> Headers:
    wanted = given.get(b"access-control-request-headers")
    if wanted is None or not _HEADER_NAMES.fullmatch(wanted):
        return _CORS
    return (*_ALLOWED, (b"access-control-allow-headers", wanted))


async def _caller(
    house: Services, call: WebCall, given: dict[bytes, bytes], export: WebExport
) -> str | None:
    """Answer the caller's namespace, if the credentials are good.

    Raises:
        Unauthenticated: the action asks for more than was given.
    """
    identity = await _identity(house, call, given.get(b"authorization"), export)
    secrets = [value for name, value in call.headers if name == SECRET_HEADER]
    is_free = export.custom_options and call.method == "OPTIONS"
    if not is_free and not export.admits(secrets, has_identity=identity is not None):
        raise Unauthenticated(MISSING)
    return identity.namespace if identity is not None else None


async def _identity(
    house: Services, call: WebCall, authorization: bytes | None, export: WebExport
) -> Identity | None:
    """Bad credentials make an anonymous caller; other schemes are the action's own."""
    known = house.identities.known(authorization)
    if known is not None or authorization is None or not _is_key(authorization):
        return known
    try:
        return await house.identities.of_header(authorization, call.address)
    except Unauthenticated:
        return None
    except Throttled:
        if export.wants_credentials:
            raise
        return None


def _is_key(authorization: bytes) -> bool:
    """Answer whether this looks like a key of the house, good or not."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return False
    try:
        AuthKey.parse(base64.b64decode(encoded, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError, Unauthenticated):
        return False
    return True


def _request(call: WebCall, given: dict[bytes, bytes], rest: str) -> WebRequest:
    """Keys of the house are not shown to anybody's code."""
    headers = call.headers
    if b"authorization" in given:
        headers = [
            (name, value)
            for name, value in headers
            if name != b"authorization" or not _is_key(value)
        ]
    content_type = given.get(b"content-type")
    return WebRequest(
        method=call.method,
        headers=headers,
        rest=rest,
        query=call.query.decode("latin-1"),
        content_type=content_type.decode("latin-1") if content_type else None,
        body=call.body,
    )


def _arguments(
    request: WebRequest, plan: Plan, export: WebExport, user: str | None
) -> bytes:
    if plan.refusal is not None:
        raise BadInput(plan.refusal)
    return to_arguments(
        request, raw=export.raw, user=user, defaults=plan.defaults, final=plan.final
    )


async def _run(
    house: Services, owner: Identity, plan: Plan, arguments: bytes, transid: str
):
    await house.invocations.check(owner, plan)
    pending = house.invocations.publish(
        owner, plan, arguments, blocking=True, transid=transid
    )
    return await house.invocations.wait(pending, wait_ms=BLOCKING_WAIT_MS_MAX)


def _refusal(made: WebResponse | Refusal, given: dict[bytes, bytes]) -> Refusal | None:
    """Answer what keeps the response from being sent, if anything does."""
    if isinstance(made, Refusal) or made.media_type is None:
        return made if isinstance(made, Refusal) else None
    accept = given.get(b"accept", b"*/*")
    essence = made.media_type.essence
    if accept == b"*/*" or media.accepts(accept.decode("latin-1"), essence):
        return None
    return Refusal(406, NOT_ACCEPTABLE.format(made.media_type))


def _reply(
    made: WebResponse, cors: Headers, activation_id: ActivationId, *, sandbox: bool
) -> WebReply:
    headers = [*cors, (ACTIVATION_ID.encode(), activation_id.encode())]
    for name, value in _allowed(made.headers, cors):
        headers.append((name.encode(), value.encode("latin-1")))
    if made.media_type is None or made.status in _BODILESS:
        return WebReply(made.status, tuple(headers))
    headers.append((b"content-type", str(made.media_type).encode("latin-1")))
    if sandbox and made.media_type.is_document:
        headers.append(_SANDBOX)
    return WebReply(made.status, tuple(headers), made.body)


def _allowed(
    headers: tuple[tuple[str, str], ...], cors: Headers
) -> tuple[tuple[str, str], ...]:
    """Answer an action's headers without CORS ones that ours speak for."""
    if not headers:
        return headers
    if cors:
        return tuple(each for each in headers if each[0] not in _OURS)
    if ("access-control-allow-origin", "*") in headers:
        return tuple(each for each in headers if each[0] != _ALLOW_CREDENTIALS)
    return headers


def _told(
    reply: Reply, cors: Headers, activation_id: ActivationId | None = None
) -> WebReply:
    """Answer an error as web actions show it: pretty, and without a login prompt."""
    headers = [*cors, (b"content-type", reply.content_type.encode())]
    for name, value in reply.headers.items():
        if name != "www-authenticate":
            headers.append((name.encode(), value.encode("latin-1")))
    if activation_id is not None:
        headers.append((ACTIVATION_ID.encode(), activation_id.encode()))
    body = orjson.dumps(orjson.loads(reply.body), option=orjson.OPT_INDENT_2)
    return WebReply(reply.status, tuple(headers), body)


@router.api_route(
    address.PREFIX.decode() + "{address:path}",
    methods=list(METHODS),
    name="web_action",
)
async def web_action(request: Request, services: House) -> Response:
    """The way in for what the hot path leaves alone."""
    call = WebCall(
        method=request.method,
        path=request.scope["raw_path"].partition(b"?")[0],
        query=request.scope["query_string"],
        headers=request.scope["headers"],
        address=request.state.address,
        transid=request.state.transid,
    )
    try:
        call.body = await read_body(request, bounds.PAYLOAD_BYTES_MAX)
        call.size_bytes = len(call.body)
    except TooLarge:
        # The use case says so itself, after the checks that come before.
        announced = request.headers.get("content-length") or "0"
        call.size_bytes = max(int(announced), bounds.PAYLOAD_BYTES_MAX + 1)
    reply = await any_method(services, call)
    response = Response(reply.body, reply.status)
    response.raw_headers = list(reply.headers)
    if reply.status not in _BODILESS:
        length = str(len(reply.body)).encode()
        response.raw_headers.append((b"content-length", length))
    return response
