"""wsk api: routes of the API gateway, kept by the server's `apimgmt` actions.

A document is swagger 2; a route is (base path, path, verb). Reading swagger files is
`api_file`'s, the table of `api list` is `api_list`'s.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wsk import web
from wsk.entities import annotation
from wsk.errors import GENERAL, WskError, doing
from wsk.hosts import with_scheme
from wsk.names import encode, parse, parse_entity
from wsk.session import Session

VERBS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
RESPONSE_TYPES = ("html", "http", "json", "text", "svg")
NEEDS = (
    "Specify a swagger file or specify an API base path with an API path, "
    "an API verb, and an action name."
)
_PARAMETER = re.compile(r"\{([^/{}]+)\}\Z")


@contextmanager
def always_general() -> Iterator[None]:
    """These commands leave with 1, whatever happened inside."""
    try:
        yield
    except WskError as error:
        if error.exit_code:
            error.exit_code = GENERAL
        raise


def manage(
    session: Session,
    method: str,
    operation: str,
    query: list[tuple[str, str]],
    body: Any = None,
) -> Any:
    """Call one of the gateway's actions."""
    client, config = session.client, session.config
    guid = config.auth.partition(":")[0]
    asked = [("accesstoken", config.access_token), *query, ("spaceguid", guid)]
    url = client.web_url(f"whisk.system/apimgmt/{operation}.http")
    answer = client.send(method, url, sorted(asked), body, large=True)
    return client.parsed(answer) or {}


def create(session: Session) -> int:
    """Add one route, or everything in a swagger file."""
    call = session.call
    with always_general():
        if call.given("config-file") and not call.operands:
            return _create_from_file(session)
        if not 3 <= len(call.operands) <= 4 or call.given("config-file"):
            text = f"Invalid argument(s). {NEEDS}"
            if len(call.operands) > 4:
                extra = ", ".join(call.operands[4:])
                text = f"Invalid argument(s): {extra}. {NEEDS}"
            raise WskError(text, usage=True)
        return _create_route(session)


def _fault(text: str) -> WskError:
    return WskError(f"Unable to parse api command arguments: {text}", usage=True)


def path_parameters(path: str) -> list[str]:
    """Names in braces that fill a whole segment."""
    found = (_PARAMETER.match(part) for part in path.split("/"))
    return [match[1] for match in found if match]


def _check_route(session: Session, base: str, path: str, verb: str) -> None:
    call = session.call
    if not path.startswith("/"):
        raise _fault(f"'{path}' must begin with '/'.")
    if verb.upper() not in VERBS:
        raise _fault(
            f"'{verb}' is not a valid API verb.  Valid values are: [{' '.join(VERBS)}]"
        )
    if base.startswith("/") and path_parameters(base):
        raise _fault(
            f"The base path '{base}' cannot have parameters. "
            "Only the relative path supports path parameters."
        )
    if not base.startswith("/") and call.given("apiname"):
        raise _fault("An API name can only be specified once.")
    if path_parameters(path) and call.text("response-type", "json") != "http":
        raise _fault(
            "A response type of 'http' is required when using path parameters."
        )


def _create_route(session: Session) -> int:
    call, out, config = session.call, session.out, session.config
    base = call.operands[0] if len(call.operands) == 4 else "/"
    path, verb, action = call.operands[-3:]
    _check_route(session, base, path, verb)
    if not parse(action).entity:
        raise _fault(f"'{action}' is not a valid action name.")
    name = parse_entity(action)
    secret = _web_action_secret(session, name.full, name)
    package = encode(name.package) or "default"
    backend: dict[str, Any] = {
        "name": name.path,
        "namespace": name.namespace,
        "backendMethod": verb.upper(),
        "backendUrl": (
            f"{with_scheme(config.apihost)}/api/v1/web/{encode(name.namespace)}"
            f"/{package}/{encode(name.entity)}.http"
        ),
        "authkey": config.auth,
    }
    if secret is not None:
        backend["secureKey"] = secret
    document: dict[str, Any] = {"namespace": "_"}
    title = call.text("apiname") or ("" if base.startswith("/") else base)
    if title:
        document["apiName"] = title
    document |= {
        "gatewayBasePath": base,
        "gatewayPath": path,
        "gatewayMethod": verb.upper(),
    }
    if base.startswith("/"):
        document["id"] = f"API:_:{base}"
    document["action"] = backend
    named = path_parameters(path)
    if named:
        document["pathParameters"] = [_described(item) for item in named]
    stored = _send_document(session, document)
    if out.structured:
        out.document(stored)
        return 0
    route = _joined(str((stored.get("apidoc") or {}).get("basePath", base)), path)
    out.ok(f"created API {route} {verb.upper()} for action {out.bold(name.full)}")
    out.line(_joined(str(stored.get("gwApiUrl", "")), path))
    return 0


def _described(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "description": f"Default description for '{name}'",
        "required": True,
        "type": "string",
    }


def _joined(base: str, path: str) -> str:
    return base.rstrip("/") + path


def _web_action_secret(session: Session, shown: str, name: Any) -> Any:
    """The secret of the action behind a route, None without one.

    Raises:
        WskError: it is missing, or no web action.
    """
    with doing(f"Unable to get action '{shown}': ", usage=True):
        found = session.client.entity("GET", "actions", name, (("code", "false"),))
    if annotation(found, web.WEB) is not True:
        raise WskError(
            f"Action '{shown}' is not a web action. Issue "
            f"'wsk action update \"{shown}\" --web true' to convert the action to a "
            "web action.",
            usage=True,
        )
    secret = annotation(found, web.SECRET)
    return None if secret is False else secret


def _send_document(session: Session, document: dict[str, Any]) -> Any:
    kind = session.call.text("response-type", "json")
    with doing("Unable to create API: "):
        query = [("responsetype", kind)]
        return manage(session, "POST", "createApi", query, {"apidoc": document})


def _create_from_file(session: Session) -> int:
    from wsk.api_file import read_swagger

    out = session.out
    text = read_swagger(session.call.text("config-file"))
    stored = _send_document(session, {"namespace": "_", "swagger": text})
    if out.structured:
        out.document(stored)
        return 0
    document = stored.get("apidoc") or {}
    base = str(document.get("basePath", ""))
    for path, verb, operation in operations(document):
        action = action_of(operation)
        tail = f" for action {out.bold(action)}" if action else ""
        out.ok(f"created API {_joined(base, path)} {verb}{tail}")
        out.line(_joined(str(stored.get("gwApiUrl", "")), path))
    return 0


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """(path, verb, operation) of a swagger document, sorted."""
    paths = (document.get("paths") if isinstance(document, dict) else None) or {}
    for path in sorted(paths):
        verbs = paths[path] if isinstance(paths[path], dict) else {}
        for verb in sorted(verbs):
            if verb.upper() in VERBS:
                yield path, verb, verbs[verb]


def action_of(operation: Any) -> str:
    """`/ns/pkg/name` of what an operation calls, or nothing."""
    target = operation.get("x-openwhisk") if isinstance(operation, dict) else None
    if not isinstance(target, dict):
        return ""
    parts = (target.get(key) for key in ("namespace", "package", "action"))
    return "/" + "/".join(str(part) for part in parts if part)


def fetch(session: Session, query: list[tuple[str, str]]) -> list[Any]:
    """The stored APIs, as {"namespace", "gwApiUrl", "apidoc"} each."""
    found = manage(session, "GET", "getApi", query)
    rows = found.get("apis") if isinstance(found, dict) else None
    return [row["value"] for row in rows or [] if isinstance(row.get("value"), dict)]


def get(session: Session) -> int:
    """Print a stored document."""
    call, out = session.call, session.out
    form = call.text("format", "json").lower()
    base = call.operands[0]
    with always_general():
        if form not in ("json", "yaml"):
            raise WskError(f"Invalid format type: {call.text('format')}", usage=True)
        with doing(f"Unable to get API '{base}': "):
            found = fetch(session, [("basepath", base)])
            if not found:
                raise WskError(f"API does not exist for basepath {base}")
    shown = found[0] if call.on("full") else found[0].get("apidoc")
    if form == "yaml" and not out.structured:
        from wsk import yamltext

        out.line(yamltext.dumps(shown))
    else:
        out.json(shown)
    return 0


def delete(session: Session) -> int:
    """Remove an API, a path of it, or one verb of a path."""
    call, out = session.call, session.out
    base, path, verb = (*call.operands, "", "")[:3]
    with always_general():
        if path and not path.startswith("/"):
            raise _fault(f"'{path}' must begin with '/'.")
        if verb and verb.upper() not in VERBS:
            raise _fault(f"'{verb}' is not a valid API verb.")
        query = [("basepath", base)]
        query += [("relpath", path)] if path else []
        query += [("operation", verb.upper())] if verb else []
        with doing("Unable to delete API: "):
            gone = manage(session, "DELETE", "deleteApi", query)
    bold = out.bold
    if not path:
        out.done(f"deleted API {bold(base)}", gone)
    elif not verb:
        out.done(f"deleted {bold(path)} from {bold(base)}", gone)
    else:
        out.done(f"deleted {bold(path)} {verb.upper()} from {bold(base)}", gone)
    return 0
