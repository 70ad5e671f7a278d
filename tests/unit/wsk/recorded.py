"""A local HTTP server that plays back OpenWhisk-shaped answers and keeps requests.

It is no controller: it knows nothing but what a test told it. What the CLI sends and
prints can be tested with it; what a server does cannot.
"""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

MISSING = {"error": "The requested resource does not exist.", "code": "tid_1"}


class Request(NamedTuple):
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Answer(NamedTuple):
    """What to play back; `raw` instead of JSON, `headers` on top."""

    status: int = 200
    body: Any = None
    raw: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


class RecordedServer:
    """`answer("GET", "/api/v1/namespaces/_/actions", 200, [...])`, then look."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        self.fallback = Answer(404, MISSING)
        self.hold: threading.Event | None = None  # answers wait for it
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                owner.requests.append(
                    Request(
                        self.command,
                        self.path,
                        dict(self.headers.items()),
                        self.rfile.read(size),
                    )
                )
                if owner.hold is not None:
                    owner.hold.wait(10)
                found = owner._next(self.command, unquote(urlsplit(self.path).path))
                data = found.raw
                if data is None:
                    data = (
                        b"" if found.body is None else json.dumps(found.body).encode()
                    )
                self.send_response(found.status)
                if not any(name == "Content-Length" for name, _ in found.headers):
                    self.send_header("Content-Length", str(len(data)))
                self.send_header("Content-Type", "application/json")
                for name, value in found.headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def use_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(
        self, method: str, path: str, status: int = 200, body: Any = None, **more: Any
    ) -> None:
        """Play this back for a path; several for one path come in order, the last
        one stays. Paths below a namespace may leave out `/api/v1/namespaces/_/`."""
        if not path.startswith("/"):
            path = f"/api/v1/namespaces/_/{path}"
        answer = Answer(status, body, **more)
        self._answers.setdefault((method, path), []).append(answer)

    def _next(self, method: str, path: str) -> Answer:
        found = self._answers.get((method, path))
        if not found:
            return self.fallback
        return found.pop(0) if len(found) > 1 else found[0]

    @property
    def lines(self) -> list[str]:
        """Requests as `GET target`, below the namespace where they are."""
        return [
            request.line.replace("/api/v1/namespaces/_/", "")
            for request in self.requests
        ]
