"""The connection itself: framing, keeping alive, and those who do not behave."""

from __future__ import annotations

import socket
import stat
from collections.abc import Callable

import pytest
from contract.runtimes.started import Started, receive, send

ECHO = {
    "python": "def main(args):\n    return args\n",
    "nodejs": "function main(args) { return args }",
}


@pytest.fixture(params=["python", "nodejs"])
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def runtime(start: Callable[..., Started], family: str) -> Started:
    started = start(family, "public")
    assert started.init(ECHO[family]).status == 200
    return started


def test_a_connection_serves_many_runs(runtime: Started) -> None:
    with runtime.connect() as connection:
        for index in range(50):
            value = {"index": index}
            answer = runtime.post_on(connection, "/run", {"value": value})
            assert answer.json == value


def test_idle_connections_do_not_hold_up_others(runtime: Started) -> None:
    with runtime.connect(), runtime.connect() as used, runtime.connect():
        assert runtime.post_on(used, "/run", {"value": {"a": 1}}).json == {"a": 1}
        assert runtime.run({"b": 2}).json == {"b": 2}


def test_a_connection_is_closed_on_request(runtime: Started) -> None:
    with runtime.connect() as connection:
        send(connection, "/run", {"value": {}}, Connection="close")
        assert receive(connection).status == 200
        assert connection.recv(1) == b""


def test_http_1_0_is_closed_after_the_answer(runtime: Started) -> None:
    with runtime.connect() as connection:
        body = b'{"value":{"a":1}}'
        head = b"POST /run HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body)
        assert receive(connection).json == {"a": 1}
        assert connection.recv(1) == b""


def test_a_request_may_come_in_pieces(runtime: Started) -> None:
    body = b'{"value":{"text":"%b"}}' % (b"x" * 50)
    data = b"POST /run HTTP/1.1\r\ncontent-length:%d\r\n\r\n%b" % (len(body), body)
    with runtime.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for at in range(0, len(data), 7):
            connection.sendall(data[at : at + 7])
        assert receive(connection).json == {"text": "x" * 50}


def test_two_requests_may_come_at_once(runtime: Started) -> None:
    bodies = [b'{"value":{"n":1}}', b'{"value":{"n":2}}']
    data = b"".join(
        b"POST /run HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        for body in bodies
    )
    with runtime.connect() as connection:
        connection.sendall(data)
        first = receive_exactly_one(connection)
        assert first.endswith(b'{"n":1}')


def receive_exactly_one(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"}"):
        data += connection.recv(1)
    return data


def test_a_client_may_wait_before_it_sends_the_body(runtime: Started) -> None:
    body = b'{"value":{"a":1}}'
    with runtime.connect() as connection:
        connection.sendall(
            b"POST /run HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
            % len(body)
        )
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert receive(connection).json == {"a": 1}


NO_HTTP = [
    b"GARBAGE\r\n\r\n",
    b"POST /run\r\n\r\n",
    b"POST /run HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST /run HTTP/1.1\r\nContent-Length: -1\r\n\r\n{}",
    b"POST /run HTTP/1.1\r\nContent-Length: 1e1\r\n\r\n{}",
    b"\x16\x03\x01" + b"\0" * 40_000,
    b"POST /run HTTP/1.1\r\n" + b"X: y\r\n" * 10_000,
]


def test_what_is_not_http_is_hung_up_on(runtime: Started) -> None:
    for data in NO_HTTP:
        with runtime.connect() as connection:
            try:
                connection.sendall(data)
                assert connection.recv(1) == b"", data[:80]
            except ConnectionError:
                pass  # hung up on before all was sent
        assert runtime.run({"a": 1}).json == {"a": 1}


def test_a_body_that_is_far_too_long_is_not_read(runtime: Started) -> None:
    with runtime.connect() as connection:
        connection.sendall(
            b"POST /run HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n{"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert runtime.run({"a": 1}).json == {"a": 1}


def test_a_client_that_leaves_in_the_middle_harms_nobody(runtime: Started) -> None:
    with runtime.connect() as connection:
        connection.sendall(b"POST /run HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
    assert runtime.run({"a": 1}).json == {"a": 1}


def test_other_paths_are_answered_and_kept_alive(runtime: Started) -> None:
    with runtime.connect() as connection:
        assert runtime.post_on(connection, "/other", {}).status in (404, 500)
        assert runtime.post_on(connection, "/run", {"value": {"a": 1}}).json == {"a": 1}


def test_the_socket_is_open_to_every_user(
    start: Callable[..., Started], family: str
) -> None:
    runtime = start(family, "inband")
    runtime.connect().close()
    assert stat.S_IMODE(runtime.socket_path.stat().st_mode) == 0o777


def test_a_stale_socket_is_replaced(start: Callable[..., Started], family: str) -> None:
    first = start(family, "inband")
    first.connect().close()
    first.stop()
    second = Started(family, "inband", _fresh(first))
    try:
        assert second.init(ECHO[family]).status == 200
    finally:
        second.stop()


def _fresh(stopped: Started):
    stopped.action_folder.rmdir()
    assert stopped.socket_path.exists()
    return stopped.folder
