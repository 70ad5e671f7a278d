"""Appendix A, case 4, and what section 15 says of the description."""

from __future__ import annotations

import httpx
from fixtures.house import House


def test_004_the_description_needs_no_key(house: House) -> None:
    for path in ("/api/v1/api-docs", "/api/v1/api-docs/"):
        answer = httpx.get(house.api_host + path)

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["swagger"] == "2.0"
        assert answer.json()["basePath"] == "/api/v1"


def test_openapi_tells_the_same_routes(house: House) -> None:
    swagger = httpx.get(f"{house.api_host}/api/v1/api-docs").json()
    openapi = httpx.get(f"{house.api_host}/openapi.json").json()

    assert openapi["openapi"] == "3.1.0"
    below = {
        path.removeprefix("/api/v1") or "/": set(operations)
        for path, operations in openapi["paths"].items()
        if path.startswith("/api/v1")
    }
    assert below == {path: set(each) for path, each in swagger["paths"].items()}


def test_docs_lead_to_a_page(house: House) -> None:
    answer = httpx.get(f"{house.api_host}/api/v1/docs")

    assert answer.status_code == 308
    assert answer.headers["location"] == "docs/index.html?url=/api/v1/api-docs"
    page = httpx.get(f"{house.api_host}/api/v1/docs", follow_redirects=True)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "/actions/{package}/{name}" in page.text
