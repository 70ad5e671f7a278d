"""The REST API as calls: routes, credentials, and what answers mean.

    answer 2xx                     the parsed body
    502 without `code`             ApplicationError: the action's own error
    {"error": text, "code": id}    WskError `text (code id)`, exit status - 256
    anything else                  WskError naming the status

Bytes on the wire are `transport`'s; `-v` is `trace`'s.
"""

import base64
import http.client
import os
import ssl
import sys
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import quote_plus

from wsk import CLI_VERSION, hosts, jsontext
from wsk.errors import MISUSE, NETWORK, ApplicationError, WskError
from wsk.names import DEFAULT_NAMESPACE, QualifiedName, encode
from wsk.properties import Config
from wsk.trace import Trace
from wsk.transport import Answer, Transport, Unreachable, check_pair

TRIES = 3
RETRY_PAUSE_S = 0.2
RETRY_PAUSE_LIMIT_S = 10.0

Query = Iterable[tuple[str, str]]


def user_agent() -> str:
    machine = os.uname().machine
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"OpenWhisk-CLI/1.0 ({CLI_VERSION}) {sys.platform} {architecture}"


class DryRun(WskError):
    """A request that would have changed something was printed instead of sent."""


class Client:
    """Talks to one API host with one key."""

    def __init__(
        self,
        config: Config,
        *,
        trace: Trace | None = None,
        spinner: AbstractContextManager[None] | None = None,
        answer_limit_s: float = 75,
        dry_run: bool = False,
    ) -> None:
        self.config = config
        self.base = hosts.base(config.apihost)
        check_pair(config)
        self._trace = trace
        self._spinner = spinner or nullcontext()
        self._dry_run = dry_run
        self._transport = Transport(config, answer_limit_s=answer_limit_s)

    def url(self, route: str) -> str:
        return f"{self.base}/api/{self.config.apiversion}/{route}"

    def entity(
        self,
        method: str,
        collection: str,
        name: QualifiedName,
        query: Query = (),
        body: Any = None,
        *,
        large: bool = False,
    ) -> Any:
        """One request about one entity: `GET /namespaces/_/actions/pkg/a`.

        Raises:
            WskError: also when the answer is no entity.
        """
        route = f"{collection}/{encode(name.path)}"
        found = self.call(method, name.namespace, route, query, body, large=large)
        if method != "GET" and found is None:
            return {}  # 204 is a good answer to a change
        return _object(found)

    def record(self, route: str) -> dict[str, Any]:
        """An activation, or a part of it: `GET /namespaces/_/activations/ID`."""
        where = f"activations/{encode(route)}"
        return _object(self.call("GET", DEFAULT_NAMESPACE, where, large=True))

    def rows(
        self, namespace: str, route: str, query: Query, *, large: bool = False
    ) -> list[dict[str, Any]]:
        """A list; what is no object in it is left out."""
        found = self.call("GET", namespace, route, query, large=large)
        if not isinstance(found, list):
            raise _unexpected()
        return [row for row in found if isinstance(row, dict)]

    def call(
        self,
        method: str,
        namespace: str,
        route: str,
        query: Query = (),
        body: Any = None,
        *,
        large: bool = False,
    ) -> Any:
        """One request below a namespace; the parsed body, None when there is none."""
        where = encode(namespace or DEFAULT_NAMESPACE)
        return self.parsed(
            self.send(
                method,
                self.url(f"namespaces/{where}/{route}"),
                query,
                body,
                large=large,
            )
        )

    def parsed(self, answer: Answer) -> Any:
        """The JSON of a good answer.

        Raises:
            WskError: it is not JSON.
        """
        if not answer.body:
            return None
        try:
            return jsontext.loads(answer.body)
        except ValueError as error:
            text = (
                "The API host answered with something that is not JSON "
                f"(HTTP status code {answer.status})"
            )
            raise WskError(text, NETWORK, status=answer.status) from error

    def send(
        self,
        method: str,
        url: str,
        query: Query = (),
        body: Any = None,
        *,
        authorized: bool = True,
        large: bool = False,
        raw: bytes | None = None,
    ) -> Answer:
        """One request, repeated where that is safe; only good answers come back.

        Raises:
            WskError: no key, no network, or an answer that is not 2xx.
        """
        asked = "&".join(f"{k}={quote_plus(str(v))}" for k, v in query)
        url = f"{url}?{asked}" if asked else url
        headers = {"User-Agent": user_agent(), "Accept-Encoding": "gzip"}
        if authorized:
            headers["Authorization"] = self._authorization(method, url)
        data = raw if raw is not None else b""
        if body is not None:
            data = (jsontext.compact(body) + "\n").encode("utf-8", "replace")
        if data:
            headers["Content-Type"] = "application/json"
        if self._dry_run and method != "GET":
            shown = f"{method} {url}\n{data.decode('utf-8', 'replace')}"
            raise DryRun(shown.rstrip("\n"), 0)
        answer = self._try(method, url, headers, data, large=large)
        if 200 <= answer.status < 300:
            return answer
        raise failure(answer, self.config)

    def _authorization(self, method: str, url: str) -> str:
        if not self.config.auth:
            route = url.removeprefix(self.base).split("/namespaces/_/")[-1]
            text = (
                f"Unable to create HTTP request for {method} '{route}': Unable to add "
                "the HTTP authentication header: Authorization key is not configured "
                "(--auth is required)"
            )
            raise WskError(text, MISUSE, usage=True)
        return "Basic " + base64.b64encode(self.config.auth.encode()).decode()

    def _try(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        data: bytes,
        *,
        large: bool,
    ) -> Answer:
        repeatable = method == "GET" or (method == "PUT" and "overwrite=true" in url)
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES or not repeatable
            pause_s = RETRY_PAUSE_S * attempt
            try:
                answer = self._once(method, url, headers, data, large=large)
            except Unreachable as error:
                if last:
                    raise self._network(method, url, error) from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._network(method, url, error) from error
            else:
                if last or answer.status not in (429, 503):
                    return answer
                pause_s = _retry_after_s(answer.header("Retry-After"), pause_s)
                if pause_s > RETRY_PAUSE_LIMIT_S:
                    return answer
            if self._trace:
                self._trace.note(
                    "client", f"try {attempt} failed; again in {pause_s} s"
                )
            time.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def _once(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        data: bytes,
        *,
        large: bool,
    ) -> Answer:
        if self._trace:
            shown = [item for item in headers.items() if item[0] != "Accept-Encoding"]
            self._trace.request(method, url, shown, data)
        with self._spinner:
            answer = self._transport.send(method, url, headers, data, large=large)
        if self._trace:
            self._trace.response(answer.status, answer.headers, answer.body)
        return answer

    def _network(self, method: str, url: str, error: Exception) -> WskError:
        reason = str(error) or type(error).__name__
        if isinstance(error, http.client.IncompleteRead):
            reason = "unexpected EOF"
        elif isinstance(error, TimeoutError):
            reason = "no answer in time"
        hint = ""
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            hint = "self-signed server? use -i, or --cacert FILE"
        elif isinstance(error, Unreachable):
            hint = f"is {self.base} the right --apihost? `wsk doctor` finds out"
        text = f'{method.capitalize()} "{url}": {reason}'
        return WskError(text, NETWORK, hint=hint)

    def web_url(self, path: str) -> str:
        return self.url(f"web/{path}")

    def close(self) -> None:
        self._transport.close()


def _unexpected() -> WskError:
    return WskError("The API host answered with something unexpected", NETWORK)


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _unexpected()
    return found


def _retry_after_s(text: str, default_s: float) -> float:
    return float(text) if text.isascii() and text.isdigit() else default_s


def failure(answer: Answer, config: Config) -> WskError:
    """The error that an answer other than 2xx stands for."""
    try:
        body = jsontext.loads(answer.body)
    except ValueError:
        body = None
    status = answer.status
    fields = body if isinstance(body, dict) else {}
    if status == 502 and body is not None and "code" not in fields:
        return ApplicationError(body)
    exit_code = status % 256
    if "error" in fields and "code" in fields:
        error, code = fields["error"], str(fields["code"])
        text = error if isinstance(error, str) else jsontext.compact(error)
        found = WskError(f"{text} (code {code})", exit_code, status=status, code=code)
    else:
        text = f"The connection failed, or timed out. (HTTP status code {status})"
        found = WskError(text, exit_code, status=status)
    found.hint = {
        401: "check `wsk property get --auth` and --apihost",
        429: "the limits are in `wsk curl namespaces/_/limits`",
    }.get(status, "")
    return found
