"""Stem cells: how many, and which are too many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from invoker.pool.prewarm import StemCells, missing, surplus
from invoker.ports import ContainerSpec

PYTHON = ContainerSpec("python:3.11", "python", 256)
NODE = ContainerSpec("nodejs:20", "node", 256)
BIG = ContainerSpec("python:3.11", "python", 512)


def test_what_lacks_is_started_within_memory() -> None:
    wanted = [StemCells(PYTHON, 2), StemCells(NODE, 1)]

    assert missing(wanted, [], free_mb=1024) == [PYTHON, NODE, PYTHON]
    assert missing(wanted, [], free_mb=512) == [PYTHON, NODE]
    assert missing(wanted, [PYTHON, PYTHON, NODE], free_mb=1024) == []


def test_other_memory_is_another_make() -> None:
    assert missing([StemCells(BIG, 1)], [PYTHON], free_mb=1024) == [BIG]


def test_leftovers_go_and_the_wanted_stay() -> None:
    idle = [(1, PYTHON, 10.0), (2, PYTHON, 20.0), (3, BIG, 30.0)]

    assert surplus([StemCells(PYTHON, 1)], idle) == [1, 3]


@given(
    st.lists(
        st.builds(StemCells, st.sampled_from([PYTHON, NODE, BIG]), st.integers(0, 4))
    ),
    st.lists(st.sampled_from([PYTHON, NODE, BIG]), max_size=6),
    st.integers(0, 4096),
)
def test_stem_cells_never_use_memory_that_is_not_there(
    wanted: list[StemCells], have: list[ContainerSpec], free_mb: int
) -> None:
    started = missing(wanted, have, free_mb=free_mb)

    assert sum(spec.memory_mb for spec in started) <= free_mb
    if len({each.spec.kind + str(each.spec.memory_mb) for each in wanted}) == len(
        wanted
    ):
        for each in wanted:
            assert (have + started).count(each.spec) <= max(
                each.count, have.count(each.spec)
            )
