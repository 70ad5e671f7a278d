"""What a command is given: its command line, the configuration, output and client."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wsk.arguments import Call
from wsk.properties import Config
from wsk.render import Output

if TYPE_CHECKING:
    from wsk.client import Client


class Session:
    """One run of one command."""

    def __init__(
        self,
        call: Call,
        config: Config,
        out: Output,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.call = call
        self.config = config
        self.out = out
        self.environ = environ
        self._client: Client | None = None

    @property
    def client(self) -> "Client":
        """The client, made at first use: help and local commands need none.

        Raises:
            WskError: the API host or the certificate settings will not do.
        """
        if self._client is None:
            self._client = self.new_client(spinner=self.out.errors_seen)
        return self._client

    def new_client(self, *, spinner: bool = False) -> "Client":
        """Another client, for another thread: a connection serves one request."""
        from wsk.client import Client
        from wsk.progress import Spinner
        from wsk.trace import Trace

        call, out = self.call, self.out
        debug = call.on("debug") or bool(self.environ.get("WSK_CLI_DEBUG"))
        trace = None
        if debug or call.on("verbose"):
            write = out.error_line if out.structured else out.line
            trace = Trace(write, debug=debug, environ=self.environ)
            where = self.config.path or "no properties file"
            trace.note("session", f"{' '.join(call.path)}; {where}")
        return Client(
            self.config,
            trace=trace,
            spinner=Spinner(out, " ".join(call.path)) if spinner else None,
            answer_limit_s=max(1, call.number("http-timeout")),
            dry_run=call.on("dry-run"),
        )

    def use(self, config: Config) -> None:
        """Go on with another configuration."""
        self.close()
        self.config, self._client = config, None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
