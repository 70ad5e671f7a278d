"""Activations in flight, from publishing until their record is known.  Pure.

An entry lives in two stages.

* *open*: published.  It holds memory on its invoker and counts for its namespace.  It
  ends by a completion, by its deadline (forced), or when its invoker is given up.
* *unstored*: its slot is free, but nobody has named its record as stored.  It ends when
  an invoker does, or when the controller has looked itself.

A forced or given-up entry whose outcome is unknown is ``lost``: if there is no record
either, somebody has to write a placeholder.  Time is an argument, never asked for.
Source: CommonLoadBalancer.scala; the second stage is ours.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from chasen.entities import ActivationId

NAMED_WITHIN_S = 5.0  # an invoker names stored ids in batches; then we look ourselves
SETTLE_ALLOWANCE_S = 5.0


def ack_timeout_s(action_limit_s: float, queue_budget_s: float) -> float:
    """Answer how long to wait for the completion ack, in seconds.

    The time it may wait in the queue, a full limit for each of init and run, and
    something for settling.
    """
    return queue_budget_s + 2 * action_limit_s + SETTLE_ALLOWANCE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One activation in flight; ``deadline_s`` is monotonic."""

    activation_id: ActivationId
    namespace: str
    namespace_uuid: str
    subject: str
    action: str
    version: str
    invoker: int
    memory_mb: int
    accepted_ms: int
    deadline_s: float
    unstored: bool = False  # its namespace wants no records
    again: bool = False  # its outcome may be of an earlier life of its invoker
    record: bytes = b""  # what the ack carried, for the case that nobody stores it


@dataclass(frozen=True, slots=True)
class Overdue:
    """An activation whose record nobody named; ``lost`` when it had no ack either."""

    entry: Entry
    lost: bool


class Ledger:
    """The books.  ``in_flight`` of every namespace is zero at rest."""

    def __init__(self) -> None:
        self._open: dict[ActivationId, Entry] = {}
        self._per_namespace: dict[str, int] = {}
        self._unstored: OrderedDict[ActivationId, tuple[float, Entry, bool]] = (
            OrderedDict()
        )
        self._named_early: OrderedDict[ActivationId, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def unstored(self) -> int:
        return len(self._unstored)

    def in_flight(self, namespace_uuid: str) -> int:
        return self._per_namespace.get(namespace_uuid, 0)

    def find(self, activation_id: ActivationId) -> Entry | None:
        """Answer the entry while it is open."""
        return self._open.get(activation_id)

    def opened(self, entry: Entry) -> None:
        self._open[entry.activation_id] = entry
        uuid = entry.namespace_uuid
        self._per_namespace[uuid] = self._per_namespace.get(uuid, 0) + 1

    def doubtful(self, activation_id: ActivationId, *, now_s: float) -> Entry | None:
        """Publishing failed in a way that may have worked: free it, and look later."""
        entry = self._close(activation_id)
        if entry is not None:
            self._unstored[activation_id] = (now_s + NAMED_WITHIN_S, entry, True)
        return entry

    def completed(
        self, activation_id: ActivationId, *, now_s: float, record: bytes = b""
    ) -> Entry | None:
        """The slot is free.  None: unknown, or it was forced before."""
        entry = self._close(activation_id)
        if entry is None:
            return None
        if self._named_early.pop(activation_id, _ABSENT) is _ABSENT:
            kept = replace(entry, record=record)
            self._unstored[activation_id] = (now_s + NAMED_WITHIN_S, kept, False)
        return entry

    def forced(self, now_s: float) -> list[Entry]:
        """Close what is past its deadline; answer what was closed."""
        late = [entry for entry in self._open.values() if entry.deadline_s <= now_s]
        return [self._give_up(entry, now_s) for entry in late]

    def _give_up(self, entry: Entry, now_s: float) -> Entry:
        self._close(entry.activation_id)
        self._unstored[entry.activation_id] = (now_s, entry, True)
        return entry

    def abandoned(self, invoker: int, *, now_s: float) -> list[Entry]:
        """The invoker is gone: free what it holds, and go on waiting for records.

        Another invoker adopts its topic, or it comes back; until the deadline the
        outcome is theirs to tell.
        """
        held = [entry for entry in self._open.values() if entry.invoker == invoker]
        for entry in held:
            self._close(entry.activation_id)
            due_s = max(entry.deadline_s, now_s)
            self._unstored[entry.activation_id] = (due_s, entry, True)
        return held

    def stored(self, activation_id: ActivationId) -> None:
        """An invoker says that the record exists."""
        if self._unstored.pop(activation_id, None) is None:
            if activation_id in self._open:  # named before its completion came
                self._named_early[activation_id] = None
                if len(self._named_early) > _EARLY_BOUND:
                    self._named_early.popitem(last=False)

    def overdue(self, now_s: float) -> list[Overdue]:
        """Answer and keep those that nobody named in time; ``stored`` ends them."""
        return [
            Overdue(entry, lost)
            for due_s, entry, lost in self._unstored.values()
            if due_s <= now_s
        ]

    def _close(self, activation_id: ActivationId) -> Entry | None:
        entry = self._open.pop(activation_id, None)
        if entry is not None:
            left = self._per_namespace[entry.namespace_uuid] - 1
            assert left >= 0, f"closed {activation_id} twice"
            if left:
                self._per_namespace[entry.namespace_uuid] = left
            else:
                del self._per_namespace[entry.namespace_uuid]
        return entry


_ABSENT = object()
_EARLY_BOUND = 100_000
