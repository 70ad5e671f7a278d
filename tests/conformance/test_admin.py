"""Appendix A, "Throttles, admin tool": the operator's side, 292 to 297, and case 10."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator

import httpx
import pytest
from fixtures.house import House, User, an_address

CACHED_S = 2  # a change holds everywhere within two seconds


@pytest.fixture
def subject(house: House) -> Iterator[str]:
    """A name that nobody has; gone afterwards, if it is there then."""
    name = f"newsubj{secrets.token_hex(4)}"
    yield name
    house.attempt("user", "delete", name)


def status_of(house: House, key: str, path: str = "actions") -> int:
    uuid, _, secret = key.strip().partition(":")
    url = f"{house.api_host}/api/v1/namespaces/_/{path}"
    return httpx.get(url, auth=(uuid, secret), headers=an_address()).status_code


def test_010_a_blocked_subject_is_out_and_in_again(house: House, user: User) -> None:
    assert status_of(house, user.key) == 200

    house.admin("user", "block", user.namespace)
    time.sleep(CACHED_S)
    assert status_of(house, user.key) == 401

    house.admin("user", "unblock", user.namespace)
    time.sleep(CACHED_S)
    assert status_of(house, user.key) == 200


def test_292_a_short_subject_is_refused(house: House) -> None:
    status, printed = house.attempt("user", "create", "abcd")

    assert status == 2
    assert printed.strip() == "Subject name must be at least 5 characters"


def test_293_a_created_pair_is_printed_and_authenticates(
    house: House, subject: str
) -> None:
    status, printed = house.attempt("user", "create", subject)

    assert status == 0
    assert re.fullmatch(r"[0-9a-f-]{36}:[A-Za-z0-9]{64}\n", printed)
    assert status_of(house, printed) == 200


def test_294_a_subject_exists_once_and_gains_namespaces(
    house: House, subject: str
) -> None:
    first = house.admin("user", "create", subject)

    again = house.attempt("user", "create", subject)
    other = house.admin("user", "create", subject, "-ns", f"{subject}-other")

    assert again == (1, "Namespace already exists\n")
    assert other != first
    uuid, _, secret = other.strip().partition(":")
    url = f"{house.api_host}/api/v1/namespaces"
    assert httpx.get(url, auth=(uuid, secret)).json() == [f"{subject}-other"]
    assert house.admin("user", "get", subject, "--all") == (
        f"{subject}\t{first}{subject}-other\t{other}"
    )


def test_295_get_and_whois_tell_of_the_pair(house: House, subject: str) -> None:
    printed = house.admin("user", "create", subject)

    assert house.admin("user", "get", subject) == printed
    status, told = house.attempt("user", "whois", "-", stdin=printed)
    assert (status, told) == (0, f"subject: {subject}\nnamespace: {subject}\n")


def test_296_a_deleted_subject_is_unknown(house: House, subject: str) -> None:
    key = house.admin("user", "create", subject)
    assert status_of(house, key) == 200

    assert house.admin("user", "delete", subject) == "Subject deleted\n"

    time.sleep(CACHED_S)
    assert status_of(house, key) == 401
    status, printed = house.attempt("user", "delete", subject)
    assert (status, printed[:25]) == (1, "Failed to delete subject ")


def test_297_limits_are_shown_as_they_were_set(house: House, subject: str) -> None:
    house.admin("user", "create", subject)

    assert house.attempt("limits", "get", subject) == (
        0,
        "No limits found, default system limits apply\n",
    )
    assert house.admin("limits", "set", subject, "--invocationsPerMinute", "1") == (
        f'Limits successfully set for "{subject}"\n'
    )
    assert house.admin("limits", "get", subject) == "invocationsPerMinute = 1\n"
    assert house.admin("limits", "delete", subject) == "Limits deleted\n"
