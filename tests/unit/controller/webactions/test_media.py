"""Media types, and what a client accepts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.webactions import media


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("text/html", "text/html; charset=UTF-8"),
        ("Text/HTML;charset=iso-8859-1", "text/html; charset=UTF-8"),
        ("application/json; charset=utf-8", "application/json"),
        ("application/hal+json", "application/hal+json"),
        ("application/atom+xml", "application/atom+xml; charset=UTF-8"),
        ("image/svg+xml", "image/svg+xml"),
        ("image/png", "image/png"),
        ("multipart/x; boundary=abc", "multipart/x; boundary=abc"),
        ('text/x; a="b c"', 'text/x; a="b c"; charset=UTF-8'),
    ],
)
def test_a_type_is_read_and_says_that_text_is_utf_8(text: str, shown: str) -> None:
    assert str(media.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "xyzbar",
        "text/",
        "/html",
        "text/html; a",
        "a b/c",
        "text/html\r\nX: y",
        "text/" + "x" * 2000,
    ],
)
def test_what_is_no_type_is_none(text: str) -> None:
    assert media.parse(text) is None


@pytest.mark.parametrize(
    ("header", "essence", "accepted"),
    [
        ("*/*", "text/html", True),
        ("text/html", "text/html", True),
        ("text/*;q=0.2", "text/html", True),
        ("application/json", "text/html", False),
        ("application/json, */*;q=0.1", "text/html", True),
        ("text/html;q=0, */*", "text/html", False),
        ("text/html;q=0, text/*", "text/html", False),
        ("nonsense", "text/html", True),
        ("", "text/html", True),
        ("TEXT/HTML;level=1", "text/html", True),
    ],
)
def test_the_closest_range_decides(header: str, essence: str, accepted: bool) -> None:
    assert media.accepts(header, essence) is accepted


@given(st.text(max_size=80))
def test_any_text_can_be_read(text: str) -> None:
    found = media.parse(text)

    assert found is None or media.parse(str(found)) is not None
    assert media.accepts(text, "a/b") in (True, False)


@pytest.mark.parametrize("part", ["a/", ";", " ;a=", 'a/b;c="', "a/b; ", ","])
def test_no_near_miss_is_slow(part: str) -> None:
    start = time.process_time()

    media.parse((part * 50_000)[:1024])
    media.accepts(part * 10_000, "a/b")

    assert time.process_time() - start < 0.2
