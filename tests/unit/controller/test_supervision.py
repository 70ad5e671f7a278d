"""The states of an invoker: the table, walked."""

import pytest

from controller.loadbalancer.supervision import (
    OFFLINE_AFTER_S,
    PROBATION_S,
    Ended,
    Event,
    Health,
    Looked,
    Outcome,
    Pinged,
    State,
    step,
)


def after(*events: Event) -> Health:
    health = Health()
    for event in events:
        health = step(health, event)
    return health


def ping(now_s: float, *, fault: str | None = None, enabled: bool = True) -> Pinged:
    return Pinged(now_s, enabled, fault, "life1")


def ended(now_s: float, outcome: Outcome) -> Ended:
    return Ended(now_s, outcome)


def test_a_good_ping_makes_healthy() -> None:
    """It tested itself; no test action is needed."""
    assert after(ping(1)).state is State.HEALTHY


def test_a_fault_in_the_ping_makes_unhealthy_until_it_is_gone() -> None:
    assert after(ping(1), ping(2, fault="disk full")).state is State.UNHEALTHY
    assert after(ping(1, fault="disk full"), ping(2)).state is State.HEALTHY


def test_silence_makes_offline() -> None:
    assert after(ping(1), Looked(1 + OFFLINE_AFTER_S)).state is State.HEALTHY
    assert after(ping(1), Looked(1.1 + OFFLINE_AFTER_S)).state is State.OFFLINE


def test_a_disabled_ping_makes_offline_at_once_and_keeps_it_so() -> None:
    disabled = after(ping(1), ping(2, enabled=False))

    assert disabled.state is State.OFFLINE
    assert step(disabled, ping(3, enabled=False)).state is State.OFFLINE
    assert step(disabled, ping(3)).state is State.HEALTHY


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.SYSTEM_ERROR, State.UNHEALTHY),
        (Outcome.TIMEOUT, State.UNRESPONSIVE),
        (Outcome.SUCCESS, State.HEALTHY),
    ],
)
def test_more_than_three_of_the_last_ten_decide(outcome: Outcome, state: State) -> None:
    three = after(ping(1), *[ended(2, outcome)] * 3)

    assert three.state is State.HEALTHY
    assert step(three, ended(2, outcome)).state is state


def test_old_outcomes_are_forgotten() -> None:
    errors = [ended(2, Outcome.SYSTEM_ERROR)] * 3
    good = [ended(3, Outcome.SUCCESS)] * 8

    assert after(ping(1), *errors, *good, errors[0]).state is State.HEALTHY


def test_after_probation_it_gets_a_new_chance_with_an_empty_slate() -> None:
    out = after(ping(1), *[ended(2, Outcome.SYSTEM_ERROR)] * 4)

    assert step(out, ping(2 + PROBATION_S - 0.1)).state is State.UNHEALTHY
    again = step(out, ping(2 + PROBATION_S))
    assert (again.state, again.outcomes) == (State.HEALTHY, ())


def test_a_new_life_starts_with_an_empty_slate() -> None:
    out = after(ping(1), *[ended(2, Outcome.SYSTEM_ERROR)] * 4)

    assert step(out, Pinged(3, True, None, "life2")).state is State.HEALTHY


def test_outcomes_of_one_that_is_offline_do_not_count() -> None:
    assert after(ended(1, Outcome.SYSTEM_ERROR)).outcomes == ()


def test_only_healthy_is_usable() -> None:
    assert [state for state in State if Health(state=state).is_usable] == [
        State.HEALTHY
    ]
