"""What a container may answer, and what becomes of it: real sockets, real invoker.

Each hostile reply must leave the record that is said, a free slot, a removed container
and a healthy invoker.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import resource
from pathlib import Path

import orjson
import pytest
from doubles.launchers import (
    Behaviour,
    Launcher,
    ServerContainers,
    read_request,
    reply,
)
from doubles.workshop import a_workshop

from chasen.entities import ActionLimits, Activation, Outcome
from chasen.entities.limits import RESULT_BYTES_MAX

pytestmark = pytest.mark.anyio

EXITED = "The action did not produce a valid response and exited unexpectedly."
INVALID = "The action did not produce a valid JSON or JSON Array response"


def error_of(record: Activation) -> str:
    assert record.response.result is not None
    return orjson.loads(record.response.result)["error"]


def answering(data: bytes, *, then_close: bool = False) -> Behaviour:
    """A launcher whose /run answers these very bytes."""

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while (request := await read_request(reader)) is not None:
            writer.write(reply(b"{}") if request.path == "/init" else data)
            await writer.drain()
            if then_close and request.path == "/run":
                return

    return behave


async def outcome_of(
    folder: Path, behave: Behaviour, *, keep_alive: bool = False, timeout_ms: int = 3000
) -> Activation:
    """Run one activation against this behaviour; check what must hold after each."""
    containers = ServerContainers(folder, behave, keep_alive=keep_alive)
    async with a_workshop(folder, containers) as workshop:
        action = await workshop.action(limits=ActionLimits(timeout_ms=timeout_ms))
        record = await workshop.invoke(action)
        if record.response.outcome > Outcome.APPLICATION_ERROR:
            await until_gone(containers)
        containers.behave = Launcher()
        again = await workshop.invoke(action)  # the invoker is well
        assert again.response.outcome is Outcome.SUCCESS
        assert workshop.invoker.status().waiting == 0
    assert containers.living == []
    return record


async def until_gone(containers: ServerContainers) -> None:
    async with asyncio.timeout(5):
        while containers.living:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "data",
    [
        reply(b"{}", "204 No Content"),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        reply(b""),
        HEAD + b"\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length: -2\r\n\r\n{}",
        HEAD + b"Content-Length: 1e3\r\n\r\n{}",
        HEAD + b"Content-Length: +2\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HEAD + b"Content-Length: 99\r\n\r\n{}",
        HEAD + b"X: " + b"y" * 20_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"X: y\r\n" * 100 + b"Content-Length: 2\r\n\r\n{}",
        HEAD + b"X: y\r\n" * 100_000,
        HEAD + b"X y\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"X: y\r\n folded\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + reply(b"{}"),
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5 + reply(b"{}"),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/9.9 abc\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 99 No\r\nContent-Length: 2\r\n\r\n{}",
        b"200\r\nContent-Length: 2\r\n\r\n{}",
        b"\r\nContent-Length: 2\r\n\r\n{}",
        b'{"a":1}',
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
    ids=lambda data: repr(data[:40]),
)
async def test_what_is_no_strict_http_is_no_response(
    tmp_path: Path, data: bytes
) -> None:
    record = await outcome_of(tmp_path, answering(data, then_close=True))

    assert record.response.outcome is Outcome.DEVELOPER_ERROR
    assert error_of(record) == EXITED


@pytest.mark.parametrize("length", [2**64, 10**17], ids=["2^64", "10^17"])
async def test_an_absurd_length_never_hangs(tmp_path: Path, length: int) -> None:
    data = HEAD + b"Content-Length: %d\r\n\r\n{}" % length

    record = await outcome_of(tmp_path, answering(data, then_close=True))

    assert record.response.outcome is Outcome.DEVELOPER_ERROR


@pytest.mark.parametrize(
    "body",
    [
        b"3",
        b'"x"',
        b"null",
        b"true",
        b"{",
        b"plain text",
        b'{"a":NaN}',
        b'{"a":1e400}',
        b"[" * 100_000,
        b'{"a":"\\ud800"}',
        b'{"a":' + b"9" * 100_000 + b"}",
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":"\x01"}',
        gzip.compress(b"x" * 10_000_000),
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_what_is_no_object_or_array_is_quoted(
    tmp_path: Path, body: bytes
) -> None:
    record = await outcome_of(tmp_path, answering(reply(body)))

    assert record.response.outcome is Outcome.DEVELOPER_ERROR
    assert error_of(record).startswith(f"{INVALID}: ")
    assert body[:10].decode("utf-8", "replace")[:9] in error_of(record)


@pytest.mark.parametrize(
    ("body", "outcome", "result"),
    [
        (b'{"a":1}', Outcome.SUCCESS, b'{"a":1}'),
        (b"[1,2]", Outcome.SUCCESS, b"[1,2]"),
        (b'[{"error":1}]', Outcome.SUCCESS, b'[{"error":1}]'),
        (b'{"error":"no"}', Outcome.APPLICATION_ERROR, b'{"error":"no"}'),
        (b'{"error":null,"b":2}', Outcome.APPLICATION_ERROR, b'{"error":null}'),
        (b'{"a":1,"a":2}', Outcome.SUCCESS, b'{"a":1,"a":2}'),
        (
            b'{"a":12345678901234567890123}',
            Outcome.SUCCESS,
            b'{"a":12345678901234567890123}',
        ),
        (b'{"_id":"x","_rev":"y"}', Outcome.SUCCESS, b'{"_id":"x","_rev":"y"}'),
        (
            b'{"activationId":"0","duration":9,"logs":["x"]}',
            Outcome.SUCCESS,
            b'{"activationId":"0","duration":9,"logs":["x"]}',
        ),
    ],
    ids=repr,
)
async def test_what_the_function_said_is_kept_as_it_is(
    tmp_path: Path, body: bytes, outcome: Outcome, result: bytes
) -> None:
    """Nothing in a result can become a member of the record itself."""
    record = await outcome_of(tmp_path, answering(reply(body)))

    assert record.response.outcome is outcome
    assert record.response.result is not None
    assert "".join(record.logs) == ""
    assert orjson.loads(record.response.result) == orjson.loads(result)


@pytest.mark.parametrize(
    "status", ["400 Bad", "403 No", "302 Found", "502 Bad", "599 X"]
)
async def test_any_other_status_is_a_developer_error(
    tmp_path: Path, status: str
) -> None:
    """The documents call a non-200 with an error an application error; the code does
    not, and neither do we."""
    data = reply(b'{"error":"why"}', status, "Location: http://127.0.0.1:5984/")

    record = await outcome_of(tmp_path, answering(data))

    assert record.response.outcome is Outcome.DEVELOPER_ERROR
    assert error_of(record) == "why"


async def test_a_body_beyond_the_limit_is_cut_between_characters(
    tmp_path: Path,
) -> None:
    body = b'"' + "é".encode() * (RESULT_BYTES_MAX // 2) + b'"'

    record = await outcome_of(tmp_path, answering(reply(body)))

    assert record.response.outcome is Outcome.APPLICATION_ERROR
    text = error_of(record)
    assert text.startswith(
        "The action produced a response that exceeded the allowed length: "
        f"{len(body)} > {RESULT_BYTES_MAX} bytes. The truncated response was: "
    )
    assert text.endswith("é")


async def test_a_body_at_the_limit_is_whole(tmp_path: Path) -> None:
    body = b'{"a":"' + b"x" * (RESULT_BYTES_MAX - 8) + b'"}'
    assert len(body) == RESULT_BYTES_MAX

    containers = ServerContainers(tmp_path, answering(reply(body)))
    async with a_workshop(tmp_path, containers) as workshop:
        identifier = workshop.send(await workshop.action())
        acks = await workshop.ended(identifier)
        record = await workshop.record(identifier)

    assert record.response.outcome is Outcome.SUCCESS
    assert record.response.result == body
    assert acks[-1].body == b"", "too big for the bus: the controller asks the store"


async def test_an_endless_body_costs_no_memory(tmp_path: Path) -> None:
    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while (request := await read_request(reader)) is not None:
            if request.path == "/init":
                writer.write(reply(b"{}"))
                continue
            writer.write(HEAD + b"Content-Length: 99999999999\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    record = await outcome_of(tmp_path, behave)

    assert record.response.outcome is Outcome.APPLICATION_ERROR
    assert "exceeded the allowed length: 99999999999 >" in error_of(record)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert grown_kb < 32 * 1024


@pytest.mark.parametrize("where", ["/init", "/run"])
@pytest.mark.parametrize("how", ["silence", "drip"])
async def test_a_container_that_takes_its_time_hits_the_limit(
    tmp_path: Path, where: str, how: str
) -> None:
    """One deadline for the whole exchange: a byte now and then buys no time."""

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while (request := await read_request(reader)) is not None:
            if request.path != where:
                writer.write(reply(b"{}"))
                continue
            for byte in HEAD + b"X: " + b"y" * 1000:
                await asyncio.sleep(0.05 if how == "drip" else 60)
                writer.write(bytes([byte]))
                await writer.drain()

    loop = asyncio.get_running_loop()
    began_s = loop.time()
    record = await outcome_of(tmp_path, behave, timeout_ms=500)

    assert record.response.outcome is Outcome.DEVELOPER_ERROR
    end = " during initialization." if where == "/init" else "."
    assert error_of(record) == (
        f"The action exceeded its time limits of 500 milliseconds{end}"
    )
    assert record.annotations.get("timeout") is True
    assert loop.time() - began_s < 0.5 + 2


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (reply(b"{}", "500 No"), "The action failed during initialization: {}"),
        (reply(b"", "403 No"), "The action failed during initialization."),
        (reply(b'{"error":{"a":1}}', "502 Bad"), {"a": 1}),
        (reply(b"why", "302 Found", "Location: http://x/"), None),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "exited"),
        (b"", "exited"),
        (reply(b"x" * (RESULT_BYTES_MAX + 1)), "too long"),
    ],
    ids=["500", "empty", "error", "302", "101", "closed", "long"],
)
async def test_an_init_that_fails(tmp_path: Path, data: bytes, text: object) -> None:
    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(data)
        await writer.drain()

    record = await outcome_of(tmp_path, behave)

    assert record.response.outcome is Outcome.DEVELOPER_ERROR
    if text == "exited":
        text = "The action did not initialize and exited unexpectedly."
    elif text is None:
        text = "The action failed during initialization: why"
    if text == "too long":
        assert "exceeded the allowed length" in error_of(record)
    else:
        assert error_of(record) == text
    assert record.annotations.get("initTime") is not None


async def test_memory_that_ran_out_is_said(tmp_path: Path) -> None:
    containers = ServerContainers(tmp_path, answering(b"", then_close=True))
    containers.out_of_memory = True
    async with a_workshop(tmp_path, containers) as workshop:
        record = await workshop.invoke(await workshop.action())

    assert error_of(record) == "The action exhausted its memory and was aborted."


async def test_of_two_replies_the_first_counts_and_the_connection_goes(
    tmp_path: Path,
) -> None:
    """Else the second would be the answer to somebody else's run."""
    replies = iter([b'{"a":1}', b'{"b":1}'])

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while (request := await read_request(reader)) is not None:
            if request.path == "/init":
                writer.write(reply(b"{}"))
            else:
                writer.write(reply(next(replies)) + reply(b'{"smuggled":1}'))
            await writer.drain()

    containers = ServerContainers(tmp_path, behave, keep_alive=True)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action()
        first = await workshop.invoke(action)
        second = await workshop.invoke(action)

    assert first.response.result == b'{"a":1}'
    assert second.response.result == b'{"b":1}'


async def test_a_late_reply_is_not_taken_for_the_next(tmp_path: Path) -> None:
    """A reply that comes before its request spoils the connection."""
    calls = 0

    async def behave(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal calls
        while (request := await read_request(reader)) is not None:
            if request.path == "/init":
                writer.write(reply(b"{}"))
                continue
            calls += 1
            writer.write(reply(b'{"call":%d}' % calls))
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(reply(b'{"late":%d}' % calls))

    containers = ServerContainers(tmp_path, behave, keep_alive=True)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action()
        await workshop.invoke(action)
        await asyncio.sleep(0.2)
        second = await workshop.invoke(action)

    assert second.response.result == b'{"call":2}'


async def test_a_container_that_says_503_loses_the_job_to_another(
    tmp_path: Path,
) -> None:
    calls = 0

    def run(request: object) -> object:
        nonlocal calls
        calls += 1
        return reply(b"{}", "503 Going") if calls == 2 else {"call": calls}

    containers = ServerContainers(tmp_path, Launcher(run=run))
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action()
        await workshop.invoke(action)
        identifier = workshop.send(action)
        record_acks = await workshop.ended(identifier)
        record = await workshop.record(identifier)

    assert record.response.result == b'{"call": 3}'
    assert len(containers.made) == 2
    assert len(record_acks) <= 2, "one answer, one completion"


async def test_503_for_ever_is_our_error(tmp_path: Path) -> None:
    always = Launcher(run=lambda request: reply(b"{}", "503 Going"))

    record = await outcome_of(tmp_path, always)

    assert record.response.outcome is Outcome.WHISK_ERROR


async def test_a_warm_container_that_is_gone_gives_the_job_back(
    tmp_path: Path,
) -> None:
    containers = ServerContainers(tmp_path)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action()
        await workshop.invoke(action)
        os.unlink(containers.living[0].address.unix or "")

        record = await workshop.invoke(action)

        assert record.response.outcome is Outcome.SUCCESS
        assert len(containers.made) == 2


async def test_a_server_that_listens_late_is_waited_for(tmp_path: Path) -> None:
    """Connect failures of /init are retried within its own budget."""

    class Late(ServerContainers):
        async def create(self, spec):
            container = await super().create(spec)
            path = container.address.unix or ""
            os.rename(path, path + ".hidden")
            loop = asyncio.get_running_loop()
            loop.call_later(0.3, os.rename, path + ".hidden", path)
            return container

    containers = Late(tmp_path)
    async with a_workshop(tmp_path, containers) as workshop:
        record = await workshop.invoke(await workshop.action())

    assert record.response.outcome is Outcome.SUCCESS
    assert 250 < record.annotations.get("initTime") < 2000


async def test_one_that_never_listens_hits_the_limit(tmp_path: Path) -> None:
    class Deaf(ServerContainers):
        async def create(self, spec):
            container = await super().create(spec)
            os.unlink(container.address.unix or "")
            return container

    containers = Deaf(tmp_path)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action(limits=ActionLimits(timeout_ms=300))
        record = await workshop.invoke(action)

    assert error_of(record) == (
        "The action exceeded its time limits of 300 milliseconds during initialization."
    )


@pytest.mark.parametrize("keep_alive", [False, True])
async def test_connections_are_kept_only_for_our_own_launchers(
    tmp_path: Path, keep_alive: bool
) -> None:
    launcher = Launcher()
    containers = ServerContainers(tmp_path, launcher, keep_alive=keep_alive)
    async with a_workshop(tmp_path, containers) as workshop:
        action = await workshop.action()
        for _ in range(3):
            await workshop.invoke(action)

    assert len(launcher.requests) == 4
    assert containers.made[0].connections == (1 if keep_alive else 4)
    closes = [request.headers.get("connection") for request in launcher.requests]
    assert closes == [None if keep_alive else "close"] * 4
    assert "x-chasen-log-limit" not in launcher.requests[0].headers
