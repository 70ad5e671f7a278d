"""Making topics on Kafka."""

from __future__ import annotations

import asyncio
import logging

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

log = logging.getLogger(__name__)

RETRY_S = 0.1
MAX_MESSAGE_BYTES = 2 * 1024 * 1024


async def make_topic(
    servers: str,
    topic: str,
    *,
    partitions: int,
    replication: int,
    retention_ms: int | None,
) -> None:
    """Make the topic or find it there; tries until the caller's time is up."""
    wanted = NewTopic(
        topic,
        num_partitions=partitions,
        replication_factor=replication,
        topic_configs={
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "retention.ms": str(-1 if retention_ms is None else retention_ms),
        },
    )
    while True:
        if await _made(servers, wanted):
            return
        await asyncio.sleep(RETRY_S)


async def _made(servers: str, wanted: NewTopic) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=5000)
    try:
        await admin.start()
        answer = await admin.create_topics([wanted], timeout_ms=5000)
    except (KafkaError, OSError, TimeoutError) as error:
        log.debug("topic not made: %r", error)
        return False
    finally:
        await admin.close()
    for _, code, *message in answer.topic_errors:  # pyright: ignore
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            log.warning(
                "topic refused",
                extra={"topic": wanted.name, "reason": message or error.__name__},
            )
            return False
    return True
