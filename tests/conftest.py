"""What every test may use; fixtures by topic lie in fixtures/."""

from __future__ import annotations

import pytest

pytest_plugins = [
    "fixtures.house",
    "fixtures.couchdb",
    "fixtures.go",
    "fixtures.kafka",
    "fixtures.openwhisk_js",
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
