"""One HTTP exchange over the standard library: connections, TLS, proxies, redirects.

What an answer means is `client`'s business. An answer is read up to a limit and never
further: the other side may not be the server we hoped for.
"""

import http.client
import os
import socket
import ssl
import zlib
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from wsk.errors import GENERAL, WskError
from wsk.properties import Config

CONNECT_LIMIT_S = 10
ANSWER_LIMIT_BYTES = 10 << 20
LARGE_ANSWER_LIMIT_BYTES = 128 << 20  # code, full records, downloads
REDIRECT_LIMIT = 10
_CONNECTION_PREFIX = "Unable to initialize server connection: "


class Answer(NamedTuple):
    """A status, headers, and the body as it was meant (unzipped)."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    url: str

    def header(self, name: str) -> str:
        wanted = name.lower()
        return next((v for k, v in self.headers if k.lower() == wanted), "")


class Unreachable(OSError):
    """The request did not leave: the connection could not be made."""


def tls_context(config: Config) -> ssl.SSLContext:
    """The TLS settings of a configuration.

    Raises:
        WskError: certificate and key are not both there, or do not load.
    """
    context = ssl.create_default_context()
    if config.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif config.cacert:
        try:
            context.load_verify_locations(config.cacert)
        except (OSError, ssl.SSLError) as error:
            text = f"Unable to load the CA certificates '{config.cacert}': {error}"
            raise WskError(_CONNECTION_PREFIX + text, GENERAL) from error
    if config.cert and config.key:
        try:
            context.load_cert_chain(config.cert, config.key)
        except (OSError, ssl.SSLError, ValueError) as error:
            text = (
                "Unable to load the X509 key pair due to the following reason: "
                f"{getattr(error, 'strerror', None) or error}"
            )
            raise WskError(_CONNECTION_PREFIX + text, GENERAL, usage=True) from error
    return context


def check_pair(config: Config) -> None:
    """Certificate and key: both or neither.

    Raises:
        WskError: one of them is missing.
    """
    if config.insecure or bool(config.cert) == bool(config.key):
        return
    missing = "Key" if config.cert else "Cert"
    text = (
        f"The {missing} file is not configured. "
        f"Please configure the missing {missing} file."
    )
    raise WskError(_CONNECTION_PREFIX + text, GENERAL, usage=True)


class Transport:
    """Keeps one connection to the last host it talked to."""

    def __init__(
        self,
        config: Config,
        *,
        answer_limit_s: float,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._config = config
        self._answer_limit_s = answer_limit_s
        self._environ = environ
        self._connection: http.client.HTTPConnection | None = None
        self._origin: tuple[str, str] | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        large: bool = False,
    ) -> Answer:
        """Send, follow redirects, read.

        Raises:
            Unreachable: no connection was made.
            OSError: it broke.
        """
        headers = dict(headers)
        for _ in range(REDIRECT_LIMIT):
            answer = self._exchange(method, url, headers, body, large=large)
            target = answer.header("Location")
            if answer.status not in (301, 302, 303, 307, 308) or not target:
                return answer
            method, url, body = _redirected(method, url, target, answer.status, body)
            if _origin(urlsplit(answer.url)) != _origin(urlsplit(url)):
                headers.pop("Authorization", None)
            if not body:
                headers.pop("Content-Type", None)
        raise OSError(f"stopped after {REDIRECT_LIMIT} redirects")

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        large: bool,
    ) -> Answer:
        parts = urlsplit(url)
        fresh = self._connection is None or self._origin != _origin(parts)
        connection = self._connect(parts)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        if getattr(connection, "absolute_targets", False):
            target = url
        try:
            connection.request(method, target, body=body or None, headers=headers)
            response = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()
            if fresh or method == "POST":
                raise
            # a kept connection that the server closed meanwhile
            return self._exchange(method, url, headers, body, large=large)
        except BaseException:
            self.close()
            raise
        limit = LARGE_ANSWER_LIMIT_BYTES if large else ANSWER_LIMIT_BYTES
        data = _read(response, limit)
        if response.will_close:
            self.close()
        return Answer(response.status, response.getheaders(), data, url)

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        origin = _origin(parts)
        if self._connection is not None and self._origin == origin:
            return self._connection
        self.close()
        connection = self._open(parts)
        try:
            connection.connect()
        except OSError as error:
            raise Unreachable(_reason(error, parts)) from error
        connection.sock.settimeout(self._answer_limit_s)
        self._connection, self._origin = connection, origin
        return connection

    def _open(self, parts: SplitResult) -> http.client.HTTPConnection:
        host, port = parts.hostname or "", parts.port
        proxy = self._proxy(parts)
        limit_s = min(CONNECT_LIMIT_S, self._answer_limit_s)
        if parts.scheme == "https":
            context = tls_context(self._config)
            where = (proxy.hostname, proxy.port) if proxy else (host, port)
            secure = http.client.HTTPSConnection(
                where[0] or "", where[1], timeout=limit_s, context=context
            )
            if proxy:
                secure.set_tunnel(host, port or 443)
            return secure
        if proxy:
            plain = http.client.HTTPConnection(
                proxy.hostname or "", proxy.port, timeout=limit_s
            )
            plain.absolute_targets = True  # type: ignore[attr-defined]
            return plain
        return http.client.HTTPConnection(host, port, timeout=limit_s)

    def _proxy(self, parts: SplitResult) -> SplitResult | None:
        name = f"{parts.scheme}_proxy"
        found = self._environ.get(name) or self._environ.get(name.upper())
        host = parts.hostname or ""
        if not found or host == "localhost" or host.startswith(("127.", "::1")):
            return None
        refused = self._environ.get("no_proxy") or self._environ.get("NO_PROXY") or ""
        for entry in (part.strip().lstrip(".") for part in refused.split(",")):
            if entry and (entry == "*" or host == entry or host.endswith("." + entry)):
                return None
        return urlsplit(found if "://" in found else f"http://{found}")


def _origin(parts: SplitResult) -> tuple[str, str]:
    return parts.scheme, parts.netloc


def _redirected(
    method: str, url: str, target: str, status: int, body: bytes
) -> tuple[str, str, bytes]:
    there = urljoin(url, target)
    if urlsplit(there).scheme not in ("http", "https"):
        raise OSError("refused a redirect to something other than http")
    if urlsplit(url).scheme == "https" and urlsplit(there).scheme == "http":
        raise OSError("refused a redirect from https to http")
    if status in (307, 308) or method in ("GET", "HEAD"):
        return method, there, body
    return "GET", there, b""


def _read(response: http.client.HTTPResponse, limit: int) -> bytes:
    data = response.read(limit + 1)
    if len(data) > limit:
        response.close()
        raise OSError(f"the answer is larger than {limit >> 20} MiB")
    if response.length:  # what the server promised and did not send
        raise http.client.IncompleteRead(data, response.length)
    if response.getheader("Content-Encoding", "").lower() != "gzip":
        return data
    unzip = zlib.decompressobj(wbits=31)
    try:
        plain = unzip.decompress(data, limit + 1)
    except zlib.error as error:
        raise OSError(f"the answer is not gzip: {error}") from error
    if len(plain) > limit:
        raise OSError(f"the answer is larger than {limit >> 20} MiB")
    return plain


def _reason(error: OSError, parts: SplitResult) -> str:
    """Say it as the original does: `dial tcp HOST:PORT: connect: ...`."""
    default = 443 if parts.scheme == "https" else 80
    where = f"dial tcp {parts.hostname}:{parts.port or default}: "
    match error:
        case ssl.SSLCertVerificationError():
            return f"tls: failed to verify certificate: {error.verify_message}"
        case ssl.SSLError():
            return f"tls: {error.reason or error}"
        case socket.gaierror():
            return f"dial tcp: lookup {parts.hostname}: {error.strerror}"
        case TimeoutError():
            return where + "connect: connection timed out"
    return where + f"connect: {(error.strerror or str(error)).lower()}"
