"""A proxy in front of a real CouchDB server that does to requests what networks do.

Everything it does not spoil is the server's own answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

Spoil = Callable[[str, bytes], str | None]


@dataclass
class FaultyProxy:
    """``spoil`` is asked with "METHOD /path" and the body, and answers a fault.

    Faults: ``cut-before`` and ``cut-after`` close the connection, before the server
    gets the request or in place of its answer; ``html`` is a page with status 200;
    a number is a status.
    """

    target: str
    spoil: Spoil = lambda request, body: None
    seen: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        """As ``target``, a store's address, but through the proxy."""
        parts = urlsplit(self.target)
        credentials = parts.netloc.rpartition("@")[0]
        return f"couchdb://{credentials}@127.0.0.1:{self.port}{parts.path}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FaultyProxy]:
        application = web.Application(client_max_size=2**30)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        async with aiohttp.ClientSession(auto_decompress=False) as self._session:
            yield self
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        line = f"{request.method} {request.raw_path}"
        self.seen.append(line)
        fault = self.spoil(line, body)
        if fault == "cut-before":
            return self._cut(request)
        if fault == "html":
            return web.Response(text="<html>Welcome</html>", content_type="text/html")
        if fault and fault.isdecimal():
            answer = {"error": "fault", "reason": "injected"}
            headers = {"Location": "http://example.org/"} if fault == "302" else None
            return web.json_response(answer, status=int(fault), headers=headers)
        parts = urlsplit(self.target)
        target = f"http://{parts.hostname}:{parts.port}{request.raw_path}"
        names = ("Authorization", "Accept", "Content-Type")
        kept = {
            name: request.headers[name] for name in names if name in request.headers
        }
        url = aiohttp.client.URL(target, encoded=True)
        async with self._session.request(
            request.method, url, data=body or None, headers=kept
        ) as answer:
            content = await answer.read()
        if fault == "cut-after":
            return self._cut(request)
        kind = answer.headers.get("Content-Type", "application/json")
        return web.Response(
            body=content, status=answer.status, headers={"Content-Type": kind}
        )

    def _cut(self, request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()


def once(fault: str, *words: str) -> Spoil:
    """Answer what spoils the first request whose line holds all these words."""
    return times(1, fault, *words)


def times(count: int, fault: str, *words: str) -> Spoil:
    left = count

    def spoil(line: str, body: bytes) -> str | None:
        nonlocal left
        if left and all(word in line for word in words):
            left -= 1
            return fault
        return None

    return spoil
