"""A launcher started as a real process, spoken to as an invoker speaks to it.

Both ways of talking answer the same questions here: what came back, what was printed,
how many sentinels there were.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import runtimes

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n"
LINE = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr): ([^\n]*)", re.DOTALL
)
START_LIMIT_S = 15
ANSWER_LIMIT_S = 60


@dataclass
class Answer:
    """One reply: its status, its JSON, and in band the log block as it came."""

    status: int
    headers: dict[str, str]
    raw: bytes
    block: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> Any:
        return self.json["error"]


@dataclass
class Started:
    """One launcher; `mode` is "public" (TCP, sentinels) or "inband" (Unix socket)."""

    family: str
    mode: str
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.action_folder = self.folder / "action"
        self.action_folder.mkdir()
        self.socket_path = self.folder / "x.sock"
        self.blocks: list[str] = []
        self._files = [self.folder / "stdout", self.folder / "stderr"]
        kind = runtimes.host_manifest()["runtimes"][self.family][0]["kind"]
        outputs = [path.open("wb") for path in self._files]
        self.process = subprocess.Popen(
            runtimes.launcher(kind),
            env={**os.environ, **self._settings(), **self.env},
            stdin=subprocess.DEVNULL,
            stdout=outputs[0],
            stderr=outputs[1],
            cwd=self.folder,
        )
        for output in outputs:
            output.close()

    def _settings(self) -> dict[str, str]:
        settings = {"CHASEN_ACTION_DIR": str(self.action_folder)}
        if self.mode == "inband":
            socket_path = str(self.socket_path)
            return settings | {"CHASEN_SOCKET": socket_path, "CHASEN_LOGS": "inband"}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        return settings | {"CHASEN_PORT": str(self.port)}

    def connect(self) -> socket.socket:
        """Connect, as soon as it listens."""
        deadline = time.monotonic() + START_LIMIT_S
        unix = self.mode == "inband"
        address = str(self.socket_path) if unix else ("127.0.0.1", self.port)
        while True:
            connection = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
            connection.settimeout(ANSWER_LIMIT_S)
            try:
                connection.connect(address)
            except OSError:
                connection.close()
                assert self.process.poll() is None, "the launcher ended"
                assert time.monotonic() < deadline, "the launcher does not listen"
                time.sleep(0.005)
            else:
                return connection

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send one request on a connection of its own."""
        with self.connect() as connection:
            return self.post_on(connection, path, body, **headers)

    def post_on(
        self, connection: socket.socket, path: str, body: Any, **headers: str
    ) -> Answer:
        send(connection, path, body, **headers)
        return self.receive(connection)

    def receive(self, connection: socket.socket) -> Answer:
        answer = receive(connection)
        if answer.block:
            self.blocks.append(answer.block)
        return answer

    def init(
        self,
        code: str | bytes,
        *,
        main: str = "main",
        env: dict[str, Any] | None = None,
    ) -> Answer:
        """Initialise with source text, or with the bytes of an archive."""
        binary = isinstance(code, bytes)
        text = base64.b64encode(code).decode() if isinstance(code, bytes) else code
        value = {"code": text, "main": main, "binary": binary, "env": env}
        return self.post("/init", {"value": value})

    def run(self, value: Any = None, **context: Any) -> Answer:
        return self.post("/run", {"value": {} if value is None else value, **context})

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(stream, text) of all that came in band, each line checked for its form."""
        found = []
        for line in (line for block in self.blocks for line in block.split("\n")):
            match = LINE.fullmatch(line)
            assert match, f"not a log line: {line!r}"
            found.append((match[2], match[3]))
        return found

    def printed(self, stream: str) -> str:
        """All that user code printed on a stream so far, without the sentinels."""
        if self.mode == "inband":
            texts = [text for name, text in self.lines if name == stream]
            return "".join(f"{text}\n" for text in texts)
        return self._file(stream).replace(SENTINEL, "")

    @property
    def stdout(self) -> str:
        return self.printed("stdout")

    @property
    def stderr(self) -> str:
        return self.printed("stderr")

    def _file(self, stream: str) -> str:
        return (self.folder / stream).read_text(encoding="utf-8")

    def assert_sentinels(self, count: int) -> None:
        """In public: so many on each stream.  In band: none, and nothing leaks out."""
        if self.mode == "inband":
            assert self._file("stdout") == self._file("stderr") == ""
            assert SENTINEL.strip() not in "".join(self.blocks)
            return
        for stream in ("stdout", "stderr"):
            assert self._file(stream).count(SENTINEL) == count
            rest = self._file(stream).replace(SENTINEL, "")
            assert SENTINEL.strip() not in rest

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def send(connection: socket.socket, path: str, body: Any, **headers: str) -> None:
    """Write one POST request; the body is JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = {"Host": "action", "Content-Type": "application/json"}
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    head["Content-Length"] = str(len(content))
    fields = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    connection.sendall(f"POST {path} HTTP/1.1\r\n{fields}\r\n".encode() + content)


def receive(connection: socket.socket) -> Answer:
    """Read one framed answer, no byte more."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection, 1)
    head, body = data.split(b"\r\n\r\n", 1)
    status, *fields = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in fields)
    headers = {name.lower(): value for name, value in pairs}
    length = int(headers["content-length"])
    while len(body) < length:
        body += _some(connection, length - len(body))
    bytes_of_result = int(headers.get("x-chasen-result", length))
    block = body[bytes_of_result:].decode()
    return Answer(int(status.split()[1]), headers, body[:bytes_of_result], block)


def _some(connection: socket.socket, limit: int) -> bytes:
    data = connection.recv(min(limit, 1 << 20))
    if not data:
        raise ConnectionError("the launcher hung up")
    return data
