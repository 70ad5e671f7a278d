"""Addresses of buses."""

from __future__ import annotations

import pytest

from chasen.bus.open import open_bus
from chasen.errors import BadInput


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "kafka:",
        "kafka://",
        "kafka:host:9092",
        "amqp://host",
        "kafka://host:9092?replication=0",
        "kafka://host:9092?replication=many",
    ],
)
def test_what_is_no_address_says_what_would_be(url: str) -> None:
    with pytest.raises(BadInput, match=r"memory:|copies"):
        open_bus(url)
