"""`-v` and `-d`: requests and answers for eyes, with secrets masked."""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping

CUT_BYTES = 1000
_KEYS = re.compile(r'("auth_?key"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
_PASSWORD = re.compile(r'("password"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)

Headers = Iterable[tuple[str, str]]


class Trace:
    """Writes the conversation with the server through `write`, line by line."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        debug: bool,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._write = write
        self._debug = debug
        self._open = environ.get("WSK_SHOW_SECRETS") == "1"

    def note(self, where: str, text: str) -> None:
        """One trace line, with --debug only."""
        if self._debug:
            self._write(f"[{where:<25.25}]:000:[Inf] {text}")

    def request(self, method: str, url: str, headers: Headers, body: bytes) -> None:
        self._write("REQUEST:")
        self._write(f"[{method}]\t{url}")
        self._write("Req Headers")
        self._write(self._headers(headers))
        if body:
            self._write("Req Body")
            self._body(body.rstrip(b"\n"))

    def response(self, status: int, headers: Headers, body: bytes) -> None:
        self._write(f"RESPONSE:Got response with code {status}")
        self._write("Resp Headers")
        self._write(self._headers(headers))
        self._write(f"Response body size is {len(body)} bytes")
        self._write("Response body received:")
        self._body(body)

    def _headers(self, headers: Headers) -> str:
        found: dict[str, list[str]] = {}
        for name, value in headers:
            secret = name.lower() == "authorization" and not self._open
            found.setdefault(name, []).append("Basic ********" if secret else value)
        return json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False)

    def _body(self, body: bytes) -> None:
        text = _PASSWORD.sub(r'\1"******"', body.decode("utf-8", "replace"))
        if not self._open:
            text = _KEYS.sub(r'\1"********"', text)
        if self._debug:
            self._write(text)
            self._write(f"Body (ASCII quoted string): {json.dumps(text)}")
            return
        if len(text) > CUT_BYTES:
            self._write(f"Body exceeds {CUT_BYTES} bytes and will be truncated")
            text = text[:CUT_BYTES] + "..."
        self._write(text)
