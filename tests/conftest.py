"""What every test may use; fixtures by topic lie in fixtures/."""

from __future__ import annotations

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


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
