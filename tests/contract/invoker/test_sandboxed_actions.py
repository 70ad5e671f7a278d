"""Real code in real process sandboxes, through the whole invoker."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from doubles.workshop import Workshop, settings_in, workshop_of

import runtimes
from chasen.clock import SystemClock
from chasen.entities import (
    Action,
    ActionLimits,
    Activation,
    CodeExec,
    FullyQualifiedEntityName,
    Outcome,
    Parameter,
    Parameters,
    RuntimesManifest,
)
from chasen.errors import ContainerError
from invoker.containers.open import open_containers

pytestmark = pytest.mark.anyio

KIND = f"python:{sys.version_info[0]}.{sys.version_info[1]}"


@asynccontextmanager
async def a_house(folder: Path, **values: object) -> AsyncIterator[Workshop]:
    settings = settings_in(folder, action_network="none", **values)
    manifest = RuntimesManifest.from_json(runtimes.host_manifest())
    try:
        async with (
            open_containers(settings, incarnation="life") as containers,
            workshop_of(settings, containers, manifest=manifest) as workshop,
        ):
            yield workshop
    except ContainerError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no sandboxes here: {error}")


async def an_action(
    workshop: Workshop, code: str, name: str = "guest/hello", **changes: object
) -> Action:
    digest = await workshop.stores.code.put(code)
    values = {
        "fqn": FullyQualifiedEntityName.parse(name),
        "exec": CodeExec(KIND, digest, len(code), binary=False),
        "annotations": Parameters.of({"provide-api-key": False}),
    }
    return await workshop.stores.entities.put(Action(**(values | changes)))  # pyright: ignore


def result_of(record: Activation) -> object:
    return orjson.loads(record.response.result or b"null")


async def test_the_usual_ends_of_an_action(tmp_path: Path) -> None:
    code = """
import os, sys, time
print("loaded")
def main(args):
    print("out", args["how"])
    print("err", file=sys.stderr)
    if args["how"] == "value":
        return {"pid": os.getpid(), "ns": os.environ["__OW_NAMESPACE"]}
    if args["how"] == "error":
        return {"error": "no"}
    if args["how"] == "raise":
        raise ValueError("oh")
    if args["how"] == "none":
        return 3
    if args["how"] == "exit":
        os._exit(3)
    if args["how"] == "sleep":
        time.sleep(60)
"""
    async with a_house(tmp_path) as workshop:
        action = await an_action(
            workshop, code, limits=ActionLimits(timeout_ms=800, memory_mb=256)
        )

        async def end(how: str) -> Activation:
            return await workshop.invoke(action, b'{"how":"%b"}' % how.encode())

        first = await end("value")
        assert first.response.outcome is Outcome.SUCCESS, first
        assert result_of(first)["ns"] == "guest"  # pyright: ignore
        assert first.annotations.get("initTime") is not None
        texts = [line[30:].strip() for line in first.logs]
        assert sorted(texts) == ["stderr: err", "stdout: loaded", "stdout: out value"]

        warm = await end("value")
        assert "initTime" not in warm.annotations
        assert warm.logs[0].endswith("stdout: out value")

        for how in ("error", "raise"):
            record = await end(how)
            assert record.response.outcome is Outcome.APPLICATION_ERROR, how
        still = await end("value")
        assert "initTime" not in still.annotations, "an expected error costs nothing"

        for how in ("none", "exit", "sleep"):
            record = await end(how)
            assert record.response.outcome is Outcome.DEVELOPER_ERROR, how
            after = await end("value")
            assert after.response.outcome is Outcome.SUCCESS
            assert "initTime" in after.annotations, f"{how}: the container was kept"
        timed_out = await end("sleep")
        assert timed_out.annotations.get("timeout") is True


async def test_a_paused_container_goes_on_where_it_was(tmp_path: Path) -> None:
    code = "import os\ncount = 0\ndef main(args):\n  global count\n  count += 1\n"
    code += "  return {'count': count}\n"
    async with a_house(tmp_path, stem_cells="0") as workshop:
        action = await an_action(workshop, code)
        await workshop.invoke(action)
        async with asyncio.timeout(5):
            while "paused" not in workshop.invoker.status().containers:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert result_of(await workshop.invoke(action)) == {"count": 2}


async def test_nothing_is_left_for_another_namespace(tmp_path: Path) -> None:
    code = "seen = []\ndef main(args):\n  seen.append(args)\n  return {'seen': seen}\n"
    async with a_house(tmp_path) as workshop:
        action = await an_action(workshop, code)
        await workshop.invoke(action, b'{"secret":1}')
        other = await workshop.invoke(action, b'{"mine":1}', namespace_uuid="other")

    assert result_of(other) == {"seen": [{"mine": 1}]}


async def test_a_printed_sentinel_is_a_line_like_any_other(tmp_path: Path) -> None:
    sentinel = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
    code = f"def main(args):\n  print('{sentinel}\\n' * 3 + 'after'); return {{}}\n"
    async with a_house(tmp_path) as workshop:
        action = await an_action(workshop, code)
        first, second = await workshop.invoke(action), await workshop.invoke(action)

    for record in (first, second):
        assert [line[31:].split(": ", 1)[1] for line in record.logs] == [
            sentinel,
            sentinel,
            sentinel,
            "after",
        ]


async def test_a_flood_of_log_is_cut_and_said(tmp_path: Path) -> None:
    code = "def main(args):\n  for _ in range(60000): print('x' * 100)\n  return {}\n"
    async with a_house(tmp_path) as workshop:
        action = await an_action(workshop, code, limits=ActionLimits(logs_mb=1))
        identifier = workshop.send(action)
        record = await workshop.record(identifier)

    assert record.response.outcome is Outcome.SUCCESS
    assert "Logs were truncated" in record.logs[-1]
    assert sum(map(len, record.logs)) < 1_300_000


async def test_memory_that_ran_out_is_a_developer_error(tmp_path: Path) -> None:
    code = "def main(args):\n  x = bytearray(600 << 20); return {'n': len(x)}\n"
    async with a_house(tmp_path) as workshop:
        action = await an_action(workshop, code, limits=ActionLimits(memory_mb=128))
        record = await workshop.invoke(action)

    assert record.response.outcome is Outcome.DEVELOPER_ERROR


async def test_init_parameters_are_in_the_environment(tmp_path: Path) -> None:
    code = "import os\nT = os.environ['TOKEN']\ndef main(args):\n"
    code += "  return {'token': T, 'args': sorted(args)}\n"
    async with a_house(tmp_path) as workshop:
        parameters = Parameters((Parameter("TOKEN", "abc", init=True),))
        action = await an_action(workshop, code, parameters=parameters)
        record = await workshop.invoke(action, b'{"TOKEN":"abc","n":1}')

    assert result_of(record) == {"token": "abc", "args": ["n"]}


async def test_code_that_does_not_load_says_why_in_its_log(tmp_path: Path) -> None:
    async with a_house(tmp_path) as workshop:
        record = await workshop.invoke(await an_action(workshop, "def main(:"))

    assert record.response.outcome is Outcome.DEVELOPER_ERROR
    assert any("SyntaxError" in line for line in record.logs), record
    assert record.annotations.get("initTime") is not None


async def test_many_at_once_all_get_their_own_answer(tmp_path: Path) -> None:
    code = "import time\ndef main(args):\n  time.sleep(0.01); return args\n"
    async with a_house(tmp_path) as workshop:
        actions = [await an_action(workshop, code, f"guest/a{n}") for n in range(6)]
        sent = {workshop.send(actions[n % 6], b'{"n":%d}' % n): n for n in range(120)}
        for identifier, number in sent.items():
            record = await workshop.record(identifier)
            assert result_of(record) == {"n": number}
        assert workshop.invoker.status().booked_mb <= 2048


async def test_the_sandboxes_are_gone_after_a_stop(tmp_path: Path) -> None:
    code = "import os\ndef main(args):\n  return {'x': 1}\n"
    async with a_house(tmp_path) as workshop:
        await workshop.invoke(await an_action(workshop, code))
        assert workshop.invoker.status().containers
    assert workshop.invoker.status().containers == {}
    assert isinstance(workshop.clock, SystemClock)
