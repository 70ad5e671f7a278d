"""Members of a Kafka group that die without saying so."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from contract.bus.reading import bodies

from chasen.bus.open import open_bus

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]

ROOT = Path(__file__).parents[3]

MEMBER = """
import asyncio, sys
from chasen.bus.open import open_bus

async def main(url, topic):
    async with open_bus(url) as bus:
        async with bus.consumer(topic, group="g", max_peek=10, shared=True) as consumer:
            while True:
                for message in await consumer.peek(wait_s=0.5):
                    print(message.body.decode(), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_killed_members_partitions_go_to_the_others(
    kafka_url: str, new_name: str
) -> None:
    """With what it had peeked and not committed."""
    async with open_bus(kafka_url) as bus:
        await bus.ensure_topic(new_name, partitions=2, retention_ms=60_000)
        member = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", MEMBER, kafka_url, new_name),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert member.stdout is not None
        await bus.post(new_name, b"held")
        async with asyncio.timeout(20):
            assert await member.stdout.readline() == b"held\n"

        member.send_signal(signal.SIGKILL)
        await member.wait()

        async with bus.consumer(
            new_name, group="g", max_peek=10, shared=True
        ) as survivor:
            taken: list[bytes] = []
            async with asyncio.timeout(30):
                while b"held" not in taken:
                    taken += bodies(list(await survivor.peek(wait_s=0.5)))
