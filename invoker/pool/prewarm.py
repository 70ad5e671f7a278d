"""Stem cells: how many started containers of which make are kept ready.  Pure.

Source: ContainerPool.prewarmContainer and adjustPrewarmedContainer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from invoker.pool.placement import is_same_make
from invoker.ports import ContainerSpec


@dataclass(frozen=True, slots=True)
class StemCells:
    """Keep ``count`` containers of this make."""

    spec: ContainerSpec
    count: int


def missing(
    wanted: Sequence[StemCells], have: Iterable[ContainerSpec], *, free_mb: int
) -> list[ContainerSpec]:
    """Answer what to start, as far as memory goes; ``have`` includes those starting.

    Makes take turns, so that one big wish does not use up all memory.
    """
    have = list(have)
    lacking = []
    for each in wanted:
        there = sum(is_same_make(each.spec, spec) for spec in have)
        lacking.append([each.spec] * max(0, each.count - there))
    chosen = []
    for turn in range(max(map(len, lacking), default=0)):
        for specs in lacking:
            if turn < len(specs) and specs[turn].memory_mb <= free_mb:
                free_mb -= specs[turn].memory_mb
                chosen.append(specs[turn])
    return chosen


def surplus(
    wanted: Sequence[StemCells], idle: Sequence[tuple[int, ContainerSpec, float]]
) -> list[int]:
    """Answer the numbers of idle stem cells beyond what is wanted, oldest first.

    ``idle``: number, spec, and the second since when it idles.
    """
    room = [each.count for each in wanted]
    gone = []
    for number, spec, _ in sorted(idle, key=lambda each: -each[2]):
        for index, each in enumerate(wanted):
            if room[index] > 0 and is_same_make(each.spec, spec):
                room[index] -= 1
                break
        else:
            gone.append(number)
    return gone[::-1]
