"""Sequences and compositions: all reachable worlds, and what each result means."""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chasen.entities import ActivationId, Outcome
from chasen.errors import InvalidTransition
from controller.invocation.steps import (
    TRANSITIONS,
    Answered,
    Begin,
    Broken,
    Budget,
    Effect,
    End,
    Event,
    Forbidden,
    Invoke,
    Late,
    Missing,
    State,
    Walk,
    resolve_name,
    step,
)

LIMIT = 2
RESULTS = (
    (Outcome.SUCCESS, b'{"n":1}'),
    (Outcome.SUCCESS, b"[1]"),
    (Outcome.APPLICATION_ERROR, b'{"error":"no"}'),
    (Outcome.WHISK_ERROR, b'{"error":"we broke"}'),
)
CONDUCTED = (
    b'{"action":"a","params":{"n":1},"state":{"s":2}}',
    b'{"action":"a","error":"still goes on"}',
    b'{"action":42}',
)


def an_id(index: int) -> ActivationId:
    return ActivationId(f"{index:032x}")


@dataclass(frozen=True)
class World:
    """A walk, what it asked for last, and every step that it asked for before."""

    walk: Walk
    effect: Effect
    begun: tuple[int, ...]
    ended: int  # steps whose end was told

    def successors(self) -> Iterator[World]:
        if isinstance(self.effect, End):
            return
        for event in possible(self.walk, self.effect):
            walk, effect = step(self.walk, event)
            begun = self.begun
            if isinstance(effect, Invoke):
                begun = (*begun, effect.index)
            told = isinstance(event, Answered | Late)
            yield World(walk, effect, begun, self.ended + told)


def possible(walk: Walk, asked: Invoke) -> Iterator[Event]:
    """Everything that can become of a step."""
    identifier = an_id(asked.index)
    for outcome, result in RESULTS:
        yield Answered(identifier, outcome, result, 3, 128)
    if walk.conductor is None:
        yield Answered(identifier, Outcome.SUCCESS, b"{}", 3, 512, actions=2)
    elif asked.is_conductor:
        for result in CONDUCTED:
            yield Answered(identifier, Outcome.SUCCESS, result, 3, 128)
    else:
        used = Budget(walk.budget.components + 1, walk.budget.conductors + 2)
        yield Answered(identifier, Outcome.SUCCESS, b"{}", 3, 128, budget=used)
    if asked.checked:
        yield Forbidden()
    yield Missing()
    yield Late(identifier)
    yield Broken()


def begin(walk: Walk) -> World:
    walk, effect = step(walk, Begin(b'{"a":1}'))
    begun = (effect.index,) if isinstance(effect, Invoke) else ()
    return World(walk, effect, begun, 0)


def every_world() -> set[World]:
    walks = [
        Walk(namespace="ns", components=tuple("abcd"[:length]), limit=LIMIT)
        for length in (1, 2, 3)
    ]
    walks.append(Walk(namespace="ns", conductor="ns/c", limit=LIMIT))
    seen = {begin(walk) for walk in walks}
    todo = deque(seen)
    while todo:
        for world in todo.popleft().successors():
            if world not in seen:
                seen.add(world)
                todo.append(world)
    return seen


@pytest.fixture(scope="module")
def worlds() -> set[World]:
    return every_world()


def test_every_walk_ends(worlds: set[World]) -> None:
    """Each step has a new index, and no walk has more steps than its limits allow."""
    assert len(worlds) > 1000
    for world in worlds:
        assert list(world.begun) == list(range(len(world.begun)))
        most = LIMIT if world.walk.conductor is None else (2 * LIMIT + 1) * 2
        assert len(world.begun) <= most


def test_what_has_ended_asks_for_nothing_and_the_rest_for_one_step(
    worlds: set[World],
) -> None:
    for world in worlds:
        is_over = world.walk.state is State.DONE
        assert isinstance(world.effect, End) is is_over


def test_every_step_that_ended_is_in_the_log_once(worlds: set[World]) -> None:
    for world in worlds:
        assert len(world.walk.steps) == world.ended
        assert len(set(world.walk.steps)) == world.ended


def test_durations_add_up_and_memory_is_the_highest(worlds: set[World]) -> None:
    for world in worlds:
        result = world.effect.response.result if isinstance(world.effect, End) else None
        is_late = result is not None and b"Timeout reached" in result
        assert world.walk.duration_ms == 3 * (world.ended - is_late)


def test_budgets_are_kept(worlds: set[World]) -> None:
    """A nested composition may overdraw, and then nothing more is begun."""
    for world in worlds:
        walk, asked = world.walk, world.effect
        if isinstance(asked, Invoke) and asked.is_conductor:
            assert walk.budget.conductors <= 2 * LIMIT + 1
        if isinstance(asked, Invoke) and asked.checked:
            assert walk.budget.components < LIMIT
        if isinstance(asked, Invoke) and walk.conductor is None:
            assert walk.actions < LIMIT


def test_an_event_that_is_not_in_the_table_is_a_fault_of_ours() -> None:
    some = [
        Begin(b"{}"),
        Answered(an_id(0), Outcome.SUCCESS, b"{}"),
        Missing(),
        Forbidden(),
        Late(an_id(0)),
        Broken(),
    ]
    for state, event in itertools.product(State, some):
        if (state, type(event)) not in TRANSITIONS:
            walk = Walk(namespace="ns", components=("a",), state=state)
            with pytest.raises(InvalidTransition):
                step(walk, event)


# --- what each result means ---


def sequence(*names: str, **given: Any) -> Walk:
    return Walk(namespace="ns", components=names, **given)


def tell(walk: Walk, *events: Event) -> tuple[Walk, Effect]:
    effect: Effect | None = None
    for event in events:
        walk, effect = step(walk, event)
    assert effect is not None
    return walk, effect


def success(result: Any, index: int = 0, **given: Any) -> Answered:
    return Answered(an_id(index), Outcome.SUCCESS, json.dumps(result).encode(), **given)


def response(effect: Effect) -> tuple[Outcome, Any]:
    assert isinstance(effect, End), effect
    result = effect.response.result
    return effect.response.outcome, json.loads(result) if result else None


def asked(effect: Effect) -> tuple[str, Any]:
    assert isinstance(effect, Invoke), effect
    return effect.name, json.loads(effect.payload) if effect.payload else None


def test_a_payload_with_an_error_does_not_stop_a_sequence() -> None:
    _, effect = tell(sequence("a", "b"), Begin(b'{"error":1}'))

    assert asked(effect) == ("a", {"error": 1})


def test_a_result_is_the_next_payload_byte_for_byte() -> None:
    result = b'{ "n": 12345678901234567890123 }'
    answered = Answered(an_id(0), Outcome.SUCCESS, result)

    _, effect = tell(sequence("a", "b"), Begin(b"{}"), answered)

    assert isinstance(effect, Invoke)
    assert effect.payload is result


@pytest.mark.parametrize(
    "outcome", [o for o in Outcome if o is not Outcome.SUCCESS], ids=str
)
def test_a_sequence_ends_with_its_first_error(outcome: Outcome) -> None:
    failed = Answered(an_id(0), outcome, b'{"error":"no"}')

    _, effect = tell(sequence("a", "b"), Begin(b"{}"), failed)

    assert response(effect) == (outcome, {"error": "no"})


def test_a_sequence_says_what_kept_it_from_going_on() -> None:
    begun, _ = tell(sequence("a", "b"), Begin(b"{}"))

    assert response(step(begun, Missing())[1]) == (
        Outcome.APPLICATION_ERROR,
        {"error": "Sequence component does not exist."},
    )
    assert response(step(begun, Broken())[1]) == (
        Outcome.WHISK_ERROR,
        {"error": "Sequence failed."},
    )
    assert response(step(begun, Late(an_id(7)))[1]) == (
        Outcome.WHISK_ERROR,
        {
            "error": f"Timeout reached when retrieving activation {an_id(7)} for "
            "sequence component."
        },
    )


def test_nested_sequences_count_by_their_actions() -> None:
    walk = sequence("a", "b", limit=3)

    _, effect = tell(walk, Begin(b"{}"), success({}, actions=3))

    assert response(effect) == (
        Outcome.APPLICATION_ERROR,
        {"error": "Too many actions in the sequence."},
    )


def composition(**given: Any) -> Walk:
    return Walk(namespace="ns", conductor="ns/c", **given)


def test_a_conductor_gets_the_result_overlaid_by_its_state() -> None:
    chosen = success({"action": "inc", "params": {"n": 1}, "state": {"s": 2, "n": 9}})

    walk, effect = tell(composition(), Begin(b'{"a":1}'), chosen)
    assert asked(effect) == ("ns/inc", {"n": 1})

    walk, effect = step(walk, success({"n": 2, "m": 3}, 1))
    assert asked(effect) == ("ns/c", {"n": 9, "m": 3, "s": 2})


def test_state_does_not_last_unless_it_is_returned() -> None:
    walk, _ = tell(
        composition(),
        Begin(b"{}"),
        success({"action": "x", "state": {"s": 1}}),
        success({}, 1),
        success({"action": "x"}, 2),
    )

    assert asked(step(walk, success({"r": 1}, 3))[1]) == ("ns/c", {"r": 1})


def test_what_is_no_object_is_boxed() -> None:
    walk, effect = tell(
        composition(),
        Begin(b"{}"),
        success({"action": "x", "params": [1], "state": "word"}),
    )

    assert asked(effect) == ("ns/x", {"value": [1]})
    assert asked(step(walk, success({}, 1))[1]) == ("ns/c", {"state": "word"})


def test_without_params_a_component_gets_no_payload() -> None:
    _, effect = tell(composition(), Begin(b'{"a":1}'), success({"action": "x"}))

    assert asked(effect) == ("ns/x", None)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"x": 1}, {"x": 1}),
        ({"params": {"n": 1}}, {"n": 1}),
        ({"params": 5, "state": {}}, {"value": 5}),
        ([1, 2], [1, 2]),
    ],
)
def test_without_an_action_the_composition_ends(result: Any, told: Any) -> None:
    _, effect = tell(composition(), Begin(b"{}"), success(result))

    assert response(effect) == (Outcome.SUCCESS, told)


def test_the_status_is_that_of_the_conductor() -> None:
    failed = Answered(an_id(0), Outcome.APPLICATION_ERROR, b'{"error":"no"}')

    _, effect = tell(composition(), Begin(b"{}"), failed)

    assert response(effect) == (Outcome.APPLICATION_ERROR, {"error": "no"})


def test_an_error_beside_an_action_goes_on() -> None:
    both = Answered(an_id(0), Outcome.APPLICATION_ERROR, b'{"error":"no","action":"x"}')

    _, effect = tell(composition(), Begin(b"{}"), both)

    assert asked(effect) == ("ns/x", None)


def test_the_conductor_hears_of_what_could_not_be_run() -> None:
    begun, _ = tell(composition(), Begin(b"{}"))

    _, effect = step(begun, success({"action": 42}))
    assert asked(effect)[1] == {
        "error": "Failed to parse action name from json value 42 during composition."
    }
    chosen, _ = step(begun, success({"action": "/other/p/x"}))
    assert asked(step(chosen, Missing())[1])[1] == {
        "error": "Failed to resolve action with name 'other/p/x' during composition."
    }
    assert asked(step(chosen, Forbidden())[1])[1] == {
        "error": "Failed entitlement check for action with name 'other/p/x' during "
        "composition."
    }


def test_a_nested_composition_uses_up_the_budget_of_the_outer_one() -> None:
    walk = composition(limit=2)
    begun, _ = tell(walk, Begin(b"{}"), success({"action": "nested"}))
    used = success({}, 1, budget=Budget(components=2, conductors=3))

    walk, _ = step(begun, used)
    _, effect = step(walk, success({"action": "one-more"}, 2))

    assert asked(effect)[1] == {"error": "Too many actions in the composition."}


@pytest.mark.parametrize(
    ("name", "resolved"),
    [
        ("inc", "ns/inc"),
        ("pkg/inc", "ns/pkg/inc"),
        ("/other/inc", "other/inc"),
        ("/other/pkg/inc", "other/pkg/inc"),
        ("other/pkg/inc", "other/pkg/inc"),
        ("/_/inc", "ns/inc"),
        ("_/pkg/inc", "ns/pkg/inc"),
        ("", None),
        ("/", None),
        ("a/b/c/d", None),
        ("no$name", None),
        (42, None),
        (None, None),
    ],
)
def test_names_in_results_are_resolved(name: Any, resolved: str | None) -> None:
    assert resolve_name(name, "ns") == resolved
