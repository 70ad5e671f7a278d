"""The served description against the house: no 500, no undocumented status.

Runs for CHASEN_TEST_SCHEMATHESIS_S seconds (60; ten minutes before a release),
divided evenly among the operations.  Half of the cases fit the description, half break
it on purpose; names mostly lead to things that are there.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from fixtures.house import House, User
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from controller.api.description.openapi import openapi
from controller.api.description.operations import OPERATIONS

BUDGET_S = float(os.environ.get("CHASEN_TEST_SCHEMATHESIS_S", "60"))
EACH_S = BUDGET_S / len(OPERATIONS)
ROUND = 20  # cases between two looks at the clock
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
KNOWN = {
    "namespace": ("_",),
    "package": ("package", "default"),
    "name": ("known", "inside", "other"),
    "action": ("known", "known.json", "known.http", "known.text", "inside"),
    "identifier": ("0" * 32,),
}
EXEC = {"kind": "python:default", "code": "def main(args):\n    return args"}
SETTINGS = hypothesis.settings(
    max_examples=ROUND,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
SCHEMA = schemathesis.openapi.from_dict(openapi())
FOUND = {each.ok().label: each.ok() for each in SCHEMA.get_all_operations()}


@pytest.fixture(scope="module")
def counted() -> Iterator[Counter[int]]:
    """Statuses that were seen; printed at the end (``-s`` shows it)."""
    counts: Counter[int] = Counter()
    yield counts
    told = ", ".join(f"{status}: {counts[status]}" for status in sorted(counts))
    print(f"\nschemathesis: {counts.total()} requests; {told}")


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield opened


@pytest.fixture
def target(embedded: House) -> User:
    """A user who has something under the names that are asked for."""
    user = embedded.user()
    exported = [{"key": "web-export", "value": True}]
    action = {"exec": EXEC, "annotations": exported}
    for path, body in (
        ("actions/known", action),
        ("packages/package", {}),
        ("actions/package/inside", action),
        ("triggers/other", {}),
        ("rules/inside", {"trigger": "/_/other", "action": "/_/known"}),
    ):
        answer = user.client.put(f"{path}?overwrite=true", json=body)
        assert answer.status_code == 200, answer.text
    return user


@pytest.mark.slow
@pytest.mark.parametrize("label", sorted(FOUND))
def test_no_answer_is_undocumented(
    target: User, session: requests.Session, counted: Counter[int], label: str
) -> None:
    session.auth = tuple(target.key.split(":"))
    cases = st.one_of(FOUND[label].as_strategy(mode) for mode in MODES)
    until = time.monotonic() + EACH_S
    seed = 0
    while time.monotonic() < until:
        _round(cases, seed, target, session, counted)
        seed += 1
    assert seed > 0


def aim(case: Any, target: User, choose: Callable[[str], str]) -> None:
    """Make the path lead to something that is there, where it could."""
    given = case.path_parameters or {}
    for name, value in given.items():
        if name in KNOWN and re.fullmatch(r"[\w@. &-]+", str(value), re.ASCII):
            given[name] = choose(name)
    if "namespace" in given and "/web/" in case.path:
        given["namespace"] = target.namespace


@SCHEMA.parametrize()
@hypothesis.settings(SETTINGS, phases=[Phase.explicit])
def test_the_edges_of_every_parameter_are_documented(
    case: Any, target: User, counted: Counter[int]
) -> None:
    """Each bound, each missing part, each method that there is not."""
    aim(case, target, lambda name: KNOWN[name][0])
    response = case.call(
        base_url=target.house.api_host, auth=tuple(target.key.split(":")), timeout=70
    )
    counted[response.status_code] += 1
    _no_fault_of_ours(response)
    case.validate_response(response, checks=[*CHECKS, unsupported_method])


def _round(
    cases: Any,
    seed: int,
    target: User,
    session: requests.Session,
    counted: Counter[int],
) -> None:
    @hypothesis.seed(seed)
    @SETTINGS
    @hypothesis.given(case=cases, chances=st.randoms(use_true_random=False))
    def one(case: Any, chances: Any) -> None:
        if chances.random() < 0.8:
            aim(case, target, lambda name: chances.choice(KNOWN[name]))
        response = case.call(
            base_url=target.house.api_host, session=session, timeout=70
        )
        counted[response.status_code] += 1
        _no_fault_of_ours(response)
        case.validate_response(response, checks=CHECKS)

    one()


def _no_fault_of_ours(response: Any) -> None:
    """A 500 is ours; a 502 tells of the action's own failure, with its record."""
    assert response.status_code != 500, response.text
    assert b"Traceback" not in response.content
    if response.status_code >= 400 and response.request.method != "HEAD":
        assert response.content, response.request.url


def test_what_is_served_is_what_was_tested(house: House) -> None:
    assert requests.get(f"{house.api_host}/openapi.json", timeout=10).json() == (
        openapi()
    )
