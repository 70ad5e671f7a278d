"""Choosing an invoker: hashing, steps, overload.  Pure.

Each action has a home invoker by its hash; from there the search goes on in steps that
are coprime to the number of invokers, so that it meets each of them once, and pairwise
coprime, so that actions with one home spread over different ways.

Five invokers have the steps 1, 2, 3.  An action with hash 13 has home 13 % 5 = 3 and
step number 13 % 3 = 1, so step 2: it is tried on 3, 0, 2, 4, 1.

Booking memory is ``slots.py``, sending is ``balancer.py``.
Source: ShardingContainerPoolBalancer.scala.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import gcd

MANAGED_FRACTION = 0.9  # of the invokers run our kinds; at least a tenth runs images


def java_hash(text: str) -> int:
    """Answer Java's 32-bit ``String.hashCode``, so that homes are OpenWhisk's."""
    value = 0
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        value = (31 * value + unit) & 0xFFFFFFFF
    return value - 0x100000000 if value & 0x80000000 else value


def home_hash(namespace: str, action: str) -> int:
    """Answer the hash of an action (its name without version) for a caller.

    Java's ``abs`` leaves -2^31 negative; here it is not.
    """
    return abs(java_hash(namespace) ^ java_hash(action))


@cache
def coprime_steps(count: int) -> tuple[int, ...]:
    """Answer the steps for so many invokers: ascending, 1 included, () for none."""
    steps: list[int] = []
    for candidate in range(1, count + 1):
        if gcd(candidate, count) == 1 and all(
            gcd(candidate, step) == 1 for step in steps
        ):
            steps.append(candidate)
    return tuple(steps)


def search_order(hashed: int, invokers: Sequence[int]) -> list[int]:
    """Answer all invokers, each once, in the order in which this hash tries them."""
    count = len(invokers)
    if not count:
        return []
    steps = coprime_steps(count)
    home, step = hashed % count, steps[hashed % len(steps)]
    return [invokers[(home + turn * step) % count] for turn in range(count)]


def first_with_room(
    order: Sequence[int],
    *,
    is_usable: Callable[[int], bool],
    acquire: Callable[[int], bool],
) -> int | None:
    """Answer the first usable invoker that grants the memory, None if all refuse."""
    for invoker in order:
        if is_usable(invoker) and acquire(invoker):
            return invoker
    return None


def derived(order: Sequence[int], full: Sequence[int]) -> int:
    """Answer the first that is not full, the home if all are."""
    return next((invoker for invoker in order if invoker not in full), order[0])


def managed(invokers: Sequence[int]) -> Sequence[int]:
    """Answer those that run our kinds: the first nine tenths, rounded up."""
    return invokers[: max(1, -int(-len(invokers) * MANAGED_FRACTION // 1))]


def blackbox(invokers: Sequence[int]) -> Sequence[int]:
    """Answer those that run users' images: the last tenth, at least one."""
    return invokers[-max(1, int(len(invokers) * (1 - MANAGED_FRACTION) + 1e-9)) :]
