"""How big one message may be, the same on every bus."""

from __future__ import annotations

from collections.abc import Mapping

from chasen.errors import TooLarge

# A payload of 1 MiB, the head of an activation message, and room to spare.  Kafka's
# topics take 2 MiB, so what is let in here is never refused there.
MESSAGE_LIMIT_BYTES = 2 * 1024 * 1024 - 64 * 1024
_RECORD_OVERHEAD_BYTES = 96  # header of a record batch and of a record, rounded up


def message_size(body: bytes, headers: Mapping[str, bytes] | None) -> int:
    """Answer what the message costs on the wire, in bytes, never too little."""
    size = len(body) + _RECORD_OVERHEAD_BYTES
    if headers:
        for name, value in headers.items():
            size += 4 * len(name) + len(value) + 16
    return size


def too_large(size_bytes: int) -> TooLarge:
    return TooLarge("The message is", size_bytes, MESSAGE_LIMIT_BYTES)
