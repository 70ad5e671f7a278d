"""Where a job goes: examples, and what holds for all pools."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from invoker.job import Key
from invoker.pool.placement import (
    YIELD_AFTER_S,
    Claim,
    Cold,
    Evict,
    Memory,
    Never,
    Prewarmed,
    Resting,
    Wait,
    benefit,
    is_overdue,
    must_yield,
    place,
)
from invoker.ports import ContainerSpec


def a_spec(memory_mb: int = 256, kind: str = "python:3.11") -> ContainerSpec:
    return ContainerSpec(kind, f"image-{kind}", memory_mb)


def a_key(name: str = "a", namespace: str = "n") -> Key:
    return Key(namespace, name, "1")


def warm(number: int, priority: float = 1.0, memory_mb: int = 256) -> Resting:
    return Resting(number, a_key(str(number)), a_spec(memory_mb), priority)


def stem(number: int, memory_mb: int = 256, kind: str = "python:3.11") -> Resting:
    return Resting(number, None, a_spec(memory_mb, kind))


def test_a_stem_cell_of_the_same_make_is_taken() -> None:
    cells = [stem(1, 512), stem(2, kind="nodejs:20"), stem(3)]

    assert place(a_spec(), cells, Memory(1024, 0)) == Prewarmed(3)


def test_without_one_a_container_is_ordered_while_there_is_room() -> None:
    assert place(a_spec(), [stem(1, 512)], Memory(1024, 256)) == Cold()


def test_the_least_worth_goes_first_and_no_more_than_needed() -> None:
    resting = [warm(1, 3.0), warm(2, 1.0), warm(3, 2.0)]

    assert place(a_spec(512), resting, Memory(1024, 256)) == Evict((2,))
    assert place(a_spec(512), resting, Memory(1024, 0)) == Evict((2, 3))


def test_small_ones_are_spared_when_a_big_one_must_go_anyway() -> None:
    resting = [warm(1, 1.0, 128), warm(2, 2.0, 512)]

    assert place(a_spec(512), resting, Memory(1024, 0)) == Evict((2,))


def test_stem_cells_go_last_but_they_go() -> None:
    node = stem(1, kind="nodejs:20")

    assert place(a_spec(), [node, warm(2)], Memory(1024, 0)) == Evict((2,))
    assert place(a_spec(), [node], Memory(1024, 0)) == Evict((1,))


def test_containers_with_queued_jobs_are_not_evicted() -> None:
    resting = [warm(1)]

    assert place(a_spec(), resting, Memory(1024, 0), frozenset({a_key("1")})) == Wait()


def test_memory_on_its_way_out_is_waited_for() -> None:
    assert place(a_spec(), [warm(1)], Memory(1024, 0, leaving=256)) == Wait()


def test_nothing_is_evicted_in_vain() -> None:
    """OpenWhisk evicts what there is and overcommits."""
    assert place(a_spec(512), [warm(1)], Memory(1024, 0)) == Wait()


def test_what_never_fits_is_said_at_once() -> None:
    assert place(a_spec(2048), [], Memory(1024, 1024)) == Never()


SPECS = st.builds(
    a_spec,
    st.sampled_from([128, 256, 512]),
    st.sampled_from(["python:3.11", "nodejs:20"]),
)
RESTING = st.lists(
    st.builds(
        Resting,
        st.integers(0, 10**6),
        st.one_of(st.none(), st.builds(a_key, st.sampled_from("abcde"))),
        SPECS,
        st.floats(0, 100),
    ),
    max_size=12,
    unique_by=lambda each: each.number,
)


@given(SPECS, RESTING, st.integers(0, 1024), st.integers(0, 1024), st.data())
def test_a_decision_never_books_more_memory_than_there_is(
    spec: ContainerSpec,
    resting: list[Resting],
    free_mb: int,
    leaving_mb: int,
    data: st.DataObject,
) -> None:
    total_mb = free_mb + leaving_mb + sum(each.spec.memory_mb for each in resting)
    wanted = frozenset(
        data.draw(st.sets(st.sampled_from([a_key(name) for name in "abcde"])))
    )
    by_number = {each.number: each for each in resting}

    decision = place(spec, resting, Memory(total_mb, free_mb, leaving_mb), wanted)

    if isinstance(decision, Cold):
        assert spec.memory_mb <= free_mb
    elif isinstance(decision, Prewarmed):
        assert by_number[decision.number].key is None
        assert by_number[decision.number].spec == spec
    elif isinstance(decision, Evict):
        victims = [by_number[number] for number in decision.numbers]
        freed_mb = sum(each.spec.memory_mb for each in victims)
        assert free_mb + leaving_mb + freed_mb >= spec.memory_mb
        assert not any(each.key in wanted for each in victims)
        for each in victims:  # each of them is needed
            without_mb = freed_mb - each.spec.memory_mb
            assert free_mb + leaving_mb + without_mb < spec.memory_mb


@given(SPECS, RESTING, st.integers(0, 1024))
def test_a_job_waits_only_when_nothing_helps(
    spec: ContainerSpec, resting: list[Resting], free_mb: int
) -> None:
    idle_mb = sum(each.spec.memory_mb for each in resting)

    decision = place(spec, resting, Memory(4096, free_mb))

    assert isinstance(decision, Wait) == (
        free_mb + idle_mb < spec.memory_mb
        and not any(each.key is None and each.spec == spec for each in resting)
    )


def test_a_container_is_worth_its_start_and_its_use() -> None:
    seldom = benefit(0, frequency=1, start_cost_ms=100, memory_mb=256)
    often = benefit(0, frequency=9, start_cost_ms=100, memory_mb=256)
    dear = benefit(0, frequency=1, start_cost_ms=900, memory_mb=256)
    big = benefit(0, frequency=9, start_cost_ms=100, memory_mb=512)

    assert seldom < big < often
    assert often == dear


def test_age_catches_up_with_old_fame() -> None:
    """Without the clock, what was once popular would stay for ever."""
    famous = benefit(0, frequency=100, start_cost_ms=256, memory_mb=256)

    assert benefit(101, frequency=1, start_cost_ms=256, memory_mb=256) > famous


def test_shares_are_evened_out_and_then_stay() -> None:
    assert must_yield(Claim(1024, 256, 0.0), Claim(0, 256, 0.0))
    assert must_yield(Claim(1024, 256, 0.0), Claim(512, 256, 0.0))
    assert not must_yield(Claim(768, 256, 0.0), Claim(512, 256, 99.0))
    assert not must_yield(Claim(512, 256, 0.0), Claim(512, 256, 99.0))


def test_who_has_nothing_gets_in_after_a_moment() -> None:
    assert not must_yield(Claim(256, 256, 0.0), Claim(0, 256, YIELD_AFTER_S / 2))
    assert must_yield(Claim(256, 256, 0.0), Claim(0, 256, YIELD_AFTER_S * 2))


def test_actions_of_one_namespace_are_served_as_they_came() -> None:
    assert is_overdue(Claim(256, 256, 1.0), Claim(0, 256, 1.2))
    assert not is_overdue(Claim(256, 256, 1.0), Claim(0, 256, 1.05))
    assert not is_overdue(Claim(512, 256, 1.0), Claim(256, 256, 9.0))
