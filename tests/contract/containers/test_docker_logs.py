"""Logs of users' images: rows C8 of the runtime protocol, on real containers."""

from __future__ import annotations

import re
import time

import pytest
from contract.containers.contract import init, run

from invoker.containers.docker import DockerContainers
from invoker.ports import ContainerSpec

pytestmark = [pytest.mark.docker, pytest.mark.anyio]

MIB = 1024 * 1024
LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr): (.*)", re.DOTALL
)

PRINTING = """
import sys

def main(args):
    for stream, text in args["prints"]:
        getattr(sys, stream).write(text)
        getattr(sys, stream).flush()
    return {}
"""

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"


def texts(lines) -> list[tuple[str, str]]:
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), lines
    return [(match[1], match[2]) for match in found if match]


async def _printing(factory: DockerContainers, spec: ContainerSpec):
    container = await factory.create(spec)
    await init(container, PRINTING)
    return container


async def test_lines_carry_time_and_stream_and_no_sentinel(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await _printing(docker_factory, blackbox)
    await run(container, prints=[("stdout", "one\ntwo ☕\n"), ("stderr", "oh\n")])

    logs = await container.logs(limit_bytes=MIB, wait_for_sentinel=True)

    assert sorted(texts(logs.lines)) == [
        ("stderr", "oh"),
        ("stdout", "one"),
        ("stdout", "two ☕"),
    ]
    assert logs.complete
    assert not logs.truncated


async def test_each_activation_gets_its_own_lines(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await _printing(docker_factory, blackbox)
    for number in range(5):
        await run(container, prints=[("stdout", f"this is {number}\n")])

        logs = await container.logs(limit_bytes=MIB, wait_for_sentinel=True)

        assert texts(logs.lines) == [("stdout", f"this is {number}")]


async def test_logs_survive_a_pause_between_activations(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await _printing(docker_factory, blackbox)
    for number in range(3):
        await run(container, prints=[("stderr", f"{number}\n")])
        logs = await container.logs(limit_bytes=MIB, wait_for_sentinel=True)
        assert texts(logs.lines) == [("stderr", str(number))]
        await container.suspend()
        await container.resume()


async def test_without_waiting_it_answers_what_is_there(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await _printing(docker_factory, blackbox)
    await run(container, prints=[("stdout", "here\n")])
    started = time.monotonic()

    logs = await container.logs(limit_bytes=MIB, wait_for_sentinel=False)

    assert texts(logs.lines) == [("stdout", "here")]
    assert logs.complete
    assert time.monotonic() - started < 0.5


async def test_a_missing_sentinel_is_waited_for_two_seconds_and_told(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await docker_factory.create(blackbox)
    # The launcher prints its sentinels with the action's globals out of its way.
    await init(
        container, "import sys\nsys.modules['__main__'].SENTINEL = ''" + PRINTING
    )
    await run(container, prints=[("stdout", "half\n")])
    started = time.monotonic()

    logs = await container.logs(limit_bytes=MIB, wait_for_sentinel=True)

    assert ("stdout", "half") in texts(logs.lines)
    assert not logs.complete
    assert 1.9 < time.monotonic() - started < 3.5


async def test_logs_are_cut_at_the_limit_and_the_rest_is_forgotten(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await _printing(docker_factory, blackbox)
    line = "x" * 99 + "\n"
    await run(container, prints=[("stdout", line * 30)])

    logs = await container.logs(limit_bytes=1050, wait_for_sentinel=True)

    kept = texts(logs.lines)
    assert logs.truncated
    assert [len(text) for _, text in kept] == [99] * 10 + [49]
    await run(container, prints=[("stdout", "next\n")])
    logs = await container.logs(limit_bytes=1050, wait_for_sentinel=True)
    assert texts(logs.lines) == [("stdout", "next")]
    assert not logs.truncated


async def test_a_forged_sentinel_does_not_push_lines_into_the_next_activation(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    """Row S16: the sentinel on both streams, then a megabyte."""
    container = await _printing(docker_factory, blackbox)
    forged = f"{SENTINEL}\n"
    flood = ("y" * 1023 + "\n") * 1024
    await run(
        container,
        prints=[("stdout", forged), ("stderr", forged), ("stdout", flood)],
    )

    logs = await container.logs(limit_bytes=2 * MIB, wait_for_sentinel=True)

    assert len(logs.lines) == 1024
    await run(container, prints=[("stdout", "mine\n")])
    logs = await container.logs(limit_bytes=2 * MIB, wait_for_sentinel=True)
    assert texts(logs.lines) == [("stdout", "mine")]


async def test_a_half_written_last_line_is_kept(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await _printing(docker_factory, blackbox)
    await run(container, prints=[("stdout", "no newline")])

    logs = await container.logs(limit_bytes=MIB, wait_for_sentinel=True)

    assert texts(logs.lines) == [("stdout", "no newline")]
    assert logs.complete


async def test_bytes_that_are_no_text_do_no_harm(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await docker_factory.create(blackbox)
    code = (
        "import sys\ndef main(args):\n"
        "    sys.stdout.buffer.write(b'a\\xff\\x00b\\n' + b'z' * 3_000_000 + b'\\n')\n"
        "    sys.stdout.flush()\n    return {}\n"
    )
    await init(container, code)
    await run(container)

    logs = await container.logs(limit_bytes=4 * MIB, wait_for_sentinel=True)

    found = texts(logs.lines)
    assert found[0] == ("stdout", "a\ufffd\x00b")
    assert "".join(text for _, text in found[1:]) == "z" * 3_000_000


async def test_logs_of_a_container_that_died_are_answered_at_once(
    docker_factory: DockerContainers, blackbox: ContainerSpec
) -> None:
    container = await docker_factory.create(blackbox)
    await init(
        container,
        "import os\ndef main(args):\n"
        "    print('last words', flush=True)\n    os._exit(3)\n",
    )
    with pytest.raises((OSError, EOFError)):
        await run(container)
    started = time.monotonic()

    logs = await container.logs(limit_bytes=MIB, wait_for_sentinel=False)

    assert texts(logs.lines) == [("stdout", "last words")]
    assert time.monotonic() - started < 1


async def test_our_images_answer_with_their_logs_and_have_none_here(
    docker_factory: DockerContainers, ours: ContainerSpec
) -> None:
    container = await _printing(docker_factory, ours)
    assert container.address.inband_logs

    logs = await container.logs(limit_bytes=MIB, wait_for_sentinel=True)

    assert logs.lines == ()
