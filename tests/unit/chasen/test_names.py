"""Names: what OpenWhisk accepts, in its words, and fast for what it does not."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.entities import (
    FullyQualifiedEntityName,
    SemVer,
    activation_id,
    activation_time_ms,
    compose_activation_id,
    derive_activation_id,
    entity_name,
    namespace_name,
)
from chasen.errors import BadInput, MalformedContent

GOOD = ["a", "_", "a b", "a.b", "a@b", "a-", "a&b", "0", "x" * 256]
BAD = ["", " ", " a", "a ", "-a", "@a", ".a", "hi+there", "$hola", "dora?", "|a", "a;b"]
BAD += ["a/b", "a\n", "a\0", "\u0430", "\uff41", "\U0001f600", "..", "a\tb"]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_name_is_itself(name: str) -> None:
    assert entity_name(name) == name


@pytest.mark.parametrize("name", BAD)
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="contains illegal characters"):
        entity_name(name)


def test_a_long_name_is_refused_by_its_length_and_at_once() -> None:
    """A quadratic pattern took 17 s for 50,000 characters."""
    started = time.process_time()

    with pytest.raises(BadInput, match=r"^Name segement longer than allowed: 50001"):
        entity_name("a" * 50_000 + "!")

    assert time.process_time() - started < 0.05


def test_a_namespace_has_its_own_words() -> None:
    with pytest.raises(BadInput, match=r"^The namespace contains illegal characters"):
        namespace_name("a+b")
    with pytest.raises(BadInput, match=r"^Namespace longer than allowed: 257 > 256"):
        namespace_name("a" * 257)


@pytest.mark.parametrize("text", ["/ns/name", "ns/name", "/ns/pkg/name", "ns/pkg/name"])
def test_a_qualified_name_survives_its_text(text: str) -> None:
    assert str(FullyQualifiedEntityName.parse(text)) == text.removeprefix("/")


@pytest.mark.parametrize("text", ["", "name", "/name", "a/b/c/d", "/"])
def test_a_qualified_name_has_two_or_three_parts(text: str) -> None:
    with pytest.raises((MalformedContent, BadInput)):
        FullyQualifiedEntityName.parse(text)


def test_the_underscore_is_the_callers_namespace() -> None:
    parsed = FullyQualifiedEntityName.parse("/_/a", own_namespace="guest")

    assert str(parsed) == "guest/a"


@pytest.mark.parametrize(
    ("text", "version"), [("1", "1.0.0"), ("1.2", "1.2.0"), ("1.2.3", "1.2.3")]
)
def test_missing_parts_of_a_version_are_zero(text: str, version: str) -> None:
    assert str(SemVer.parse(text)) == version


@pytest.mark.parametrize("value", ["v1", "1.2.3.4", "0.0.0", "", 1, None, "-1", "1.٣"])
def test_a_malformed_version_is_refused(value: object) -> None:
    with pytest.raises(MalformedContent, match="semantic version malformed"):
        SemVer.parse(value)


def test_an_activation_id_is_checked_in_openwhisks_words() -> None:
    with pytest.raises(BadInput, match="length is 31 but must be 32"):
        activation_id("a" * 31)
    with pytest.raises(BadInput, match="is not valid"):
        activation_id("A" * 32)
    assert activation_id("0" * 32) == "0" * 32


@given(now_ms=st.integers(0, 2**48 - 1), chance=st.binary(min_size=10, max_size=10))
def test_an_id_tells_its_time(now_ms: int, chance: bytes) -> None:
    assert activation_time_ms(compose_activation_id(now_ms, chance)) == now_ms


def test_a_derived_id_is_always_the_same_and_keeps_the_time() -> None:
    parent = compose_activation_id(1_700_000_000_000, b"0123456789")

    child = derive_activation_id(parent, "rule", "guest/r")

    assert child == derive_activation_id(parent, "rule", "guest/r")
    assert child != derive_activation_id(parent, "rule", "guest/s")
    assert activation_time_ms(child) == 1_700_000_000_000
