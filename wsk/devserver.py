"""HTTP for `wsk dev`: /NAME invokes, /api/v1/web/_/PKG/NAME[.ext] is a web action.

The shapes are the server's for the common cases: parameters from query and body,
`__ow_*`, and answers of statusCode, headers and body. It is a workbench, not a gateway.
"""

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from wsk import jsontext, local

if TYPE_CHECKING:
    from wsk.dev import DevAction

BODY_LIMIT_BYTES = 8 << 20
EXTENSIONS = {"json", "http", "html", "text", "svg"}
_TYPES = {"html": "text/html", "text": "text/plain", "svg": "image/svg+xml"}

Response = tuple[int, dict[str, str], bytes]


def _json(status: int, value: Any) -> Response:
    body = jsontext.compact(value).encode()
    return status, {"Content-Type": "application/json"}, body


class DevServer:
    """Listens on 127.0.0.1 in threads of its own."""

    def __init__(self, actions: "list[DevAction]", port: int) -> None:
        table = {action.spec.name: action for action in actions}
        packaged = {(a.spec.package, a.spec.name): a for a in actions}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                if size > BODY_LIMIT_BYTES:
                    return self._reply(_json(413, {"error": "The body is too large."}))
                body = self.rfile.read(size)
                headers = {key.lower(): value for key, value in self.headers.items()}
                try:
                    answer = route(
                        table, packaged, self.command, self.path, headers, body
                    )
                except Exception as error:
                    answer = _json(502, {"error": str(error)})
                self._reply(answer)

            def _reply(self, answer: Response) -> None:
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = serve

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def route(
    table: "dict[str, DevAction]",
    packaged: "dict[tuple[str, str], DevAction]",
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
) -> Response:
    """Find the action that a request means, and answer with its result."""
    parts = urlsplit(target)
    path = parts.path
    if path.startswith("/api/v1/web/"):
        rest = path.removeprefix("/api/v1/web/").split("/", 3)
        if len(rest) < 3:
            return _json(404, {"error": "The requested resource does not exist."})
        name, _, extension = rest[2].partition(".")
        action = packaged.get((rest[1], name))
        tail = f"/{rest[3]}" if len(rest) > 3 else ""
        if action is None:
            return _json(404, {"error": "The requested resource does not exist."})
        return _web(action, extension, method, tail, parts.query, headers, body)
    action = table.get(path.strip("/"))
    if action is None:
        names = ", ".join(f"/{name}" for name in table)
        return _json(404, {"error": f"There is no such action; there are {names}."})
    return _plain(action, parts.query, body)


def _parameters(query: str, body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    if body.strip():
        value = jsontext.loads(body)
        if not isinstance(value, dict):
            raise ValueError("a JSON object is needed")
        found |= value
    return found


def _plain(action: "DevAction", query: str, body: bytes) -> Response:
    try:
        parameters = _parameters(query, body)
    except ValueError as error:
        return _json(400, {"error": f"The request content was malformed: {error}"})
    status, answer = action.invoke(parameters)
    error = local.error_of(status, answer)
    return _json(502, error) if error is not None else _json(200, answer)


def _web(
    action: "DevAction",
    extension: str,
    method: str,
    tail: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
) -> Response:
    if extension and extension not in EXTENSIONS:
        return _json(406, {"error": f"The extension '.{extension}' is not supported."})
    kind = headers.get("content-type", "")
    parameters: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    if kind.startswith("application/x-www-form-urlencoded"):
        parameters |= dict(parse_qsl(body.decode("utf-8", "replace")))
    elif kind.startswith("application/json") or not kind:
        try:
            parameters |= _parameters("", body)
        except ValueError as error:
            return _json(400, {"error": f"The request content was malformed: {error}"})
    elif body:
        parameters["__ow_body"] = base64.b64encode(body).decode()
    parameters |= {
        "__ow_method": method.lower(),
        "__ow_headers": headers,
        "__ow_path": tail,
    }
    status, answer = action.invoke(parameters)
    return render(extension or "http", status, answer)


def render(extension: str, status: int, answer: Any) -> Response:
    """A web action's result as an HTTP answer."""
    error = local.error_of(status, answer)
    if error is not None and not (isinstance(error, dict) and "statusCode" in error):
        return _json(400 if status == 200 else 502, error)
    if extension == "json":
        return _json(200, answer)
    if extension in _TYPES:
        key = {"text": "text", "html": "html", "svg": "svg"}[extension]
        text = answer.get(key, answer) if isinstance(answer, dict) else answer
        shown = text if isinstance(text, str) else jsontext.compact(text)
        return 200, {"Content-Type": _TYPES[extension]}, shown.encode()
    if not isinstance(answer, dict):
        return _json(200, answer)
    body = answer.get("body", "")
    headers = {str(k): str(v) for k, v in (answer.get("headers") or {}).items()}
    code = jsontext.integer(answer.get("statusCode"), 200 if body else 204)
    if isinstance(body, str):
        kind = next((v for k, v in headers.items() if k.lower() == "content-type"), "")
        if not headers or not kind:
            headers.setdefault("Content-Type", "text/html; charset=utf-8")
        return code, headers, _body_bytes(body, kind)
    headers.setdefault("Content-Type", "application/json")
    return code, headers, jsontext.compact(body).encode()


def _body_bytes(body: str, kind: str) -> bytes:
    """Binary types carry base64."""
    main = kind.split(";")[0].strip().lower()
    is_text = not main or main.startswith("text/") or "json" in main or "xml" in main
    if is_text:
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return body.encode()
