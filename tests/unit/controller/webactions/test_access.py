"""Which annotations export an action, and whom its secret lets in."""

from __future__ import annotations

from typing import Any

import pytest

from chasen.entities import Parameters
from controller.webactions.access import WebExport


@pytest.mark.parametrize("value", ["true", 1, None, False, "yes", {}])
def test_only_exactly_true_exports(value: Any) -> None:
    assert WebExport.of(Parameters.of({"web-export": value})) is None
    assert WebExport.of(Parameters()) is None
    assert WebExport.of(Parameters.of({"web-export": True})) == WebExport(secret=False)


@pytest.mark.parametrize("value", ["true", 1, None, False])
def test_raw_and_custom_options_are_exact_too(value: Any) -> None:
    annotations = Parameters.of(
        {"web-export": True, "raw-http": value, "web-custom-options": value}
    )

    found = WebExport.of(annotations)

    assert found is not None
    assert (found.raw, found.custom_options) == (False, False)


@pytest.mark.parametrize(
    ("secret", "given", "has_identity", "admitted"),
    [
        (False, [], False, True),
        (True, [], True, True),
        (True, [], False, False),
        (True, [b"true"], False, False),
        ("geheim", [b"geheim"], False, True),
        ("geheim", [b"Geheim"], False, False),
        ("geheim", [], True, False),
        ("geheim", [b"geheim", b"geheim"], False, False),
        ("geheim", [b"[geheim]"], False, False),
        ("gehé", ["gehé".encode()], False, True),
        (42, [b"42"], False, True),
        (42, [b"42.0"], False, False),
        (1.5, [b"1.5"], False, True),
        (None, [b"null"], True, False),
        ({}, [b"{}"], True, False),
        (["a"], [b"a"], True, False),
    ],
)
def test_the_secret_decides(
    secret: Any, given: list[bytes], has_identity: bool, admitted: bool
) -> None:
    annotations = Parameters.of({"web-export": True, "require-whisk-auth": secret})
    export = WebExport.of(annotations)

    assert export is not None
    assert export.admits(given, has_identity=has_identity) is admitted


def test_the_secret_is_not_shown() -> None:
    assert "geheim" not in repr(WebExport(secret="geheim"))
