"""What every test may use; fixtures by topic lie in fixtures/."""

from __future__ import annotations

import signal

import pytest

pytest_plugins = [
    "fixtures.house",
    "fixtures.composer",
    "fixtures.couchdb",
    "fixtures.go",
    "fixtures.kafka",
    "fixtures.mongodb",
    "fixtures.openwhisk_js",
]


# Started in the background, we would have Ctrl-C ignored, and so would every program
# that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
