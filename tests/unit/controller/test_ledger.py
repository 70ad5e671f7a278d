"""Activations in flight: nothing is lost, nothing is freed twice."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.loadbalancer.ledger import (
    NAMED_WITHIN_S,
    Entry,
    Ledger,
    ack_timeout_s,
)


def an_entry(number: int, *, invoker: int = 0, deadline_s: float = 100.0) -> Entry:
    return Entry(
        activation_id=f"{number:032x}",  # pyright: ignore[reportArgumentType]
        namespace="guest",
        namespace_uuid=f"uuid{number % 2}",
        subject="guest",
        action="guest/hello",
        version="0.0.1",
        invoker=invoker,
        memory_mb=256,
        accepted_ms=1,
        deadline_s=deadline_s,
    )


def test_the_timeout_leaves_room_for_queue_init_and_run() -> None:
    assert ack_timeout_s(60, 60) == 60 + 2 * 60 + 5


def test_a_completion_frees_and_is_then_awaited_in_the_store() -> None:
    ledger = Ledger()
    entry = an_entry(1)
    ledger.opened(entry)

    freed = ledger.completed(entry.activation_id, now_s=1.0, record=b"{}")

    assert freed == entry
    assert ledger.in_flight("uuid1") == 0
    assert ledger.overdue(1.0) == []
    (overdue,) = ledger.overdue(1.0 + NAMED_WITHIN_S)
    assert overdue.entry.record == b"{}"
    assert not overdue.lost


def test_a_record_named_before_its_completion_is_not_looked_for() -> None:
    """Invokers name records in batches, on their own way."""
    ledger = Ledger()
    entry = an_entry(1)
    ledger.opened(entry)

    ledger.stored(entry.activation_id)
    ledger.completed(entry.activation_id, now_s=1.0)

    assert ledger.overdue(1e9) == []


def test_a_deadline_forces_and_marks_as_lost() -> None:
    ledger = Ledger()
    ledger.opened(an_entry(1, deadline_s=10))

    assert ledger.forced(9.9) == []
    assert len(ledger.forced(10)) == 1
    assert [each.lost for each in ledger.overdue(10)] == [True]
    assert ledger.completed(an_entry(1).activation_id, now_s=11) is None


def test_a_dead_invokers_work_frees_its_namespace_at_once() -> None:
    ledger = Ledger()
    ledger.opened(an_entry(1, invoker=0))
    ledger.opened(an_entry(3, invoker=1))

    abandoned = ledger.abandoned(0, now_s=5)

    assert [each.invoker for each in abandoned] == [0]
    assert ledger.in_flight("uuid1") == 1
    assert ledger.overdue(99) == [], "its adopter may still tell, until the deadline"
    assert len(ledger.overdue(100)) == 1


class Books(RuleBasedStateMachine):
    """Whatever the order of news, the counts are those of what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.open: dict[int, Entry] = {}
        self.ended: set[int] = set()
        self.now_s = 0.0
        self.next = 0

    @rule(invoker=st.integers(0, 2), lives_s=st.integers(1, 50))
    def publish(self, invoker: int, lives_s: int) -> None:
        entry = an_entry(self.next, invoker=invoker, deadline_s=self.now_s + lives_s)
        self.ledger.opened(entry)
        self.open[self.next] = entry
        self.next += 1

    @rule(number=st.integers(0, 30))
    def complete(self, number: int) -> None:
        freed = self.ledger.completed(an_entry(number).activation_id, now_s=self.now_s)
        assert (freed is not None) == (number in self.open)
        self.open.pop(number, None)

    @rule(number=st.integers(0, 30))
    def name(self, number: int) -> None:
        self.ledger.stored(an_entry(number).activation_id)

    @rule(passes_s=st.integers(1, 20))
    def wait(self, passes_s: int) -> None:
        self.now_s += passes_s
        forced = {entry.activation_id for entry in self.ledger.forced(self.now_s)}
        late = {
            number
            for number, entry in self.open.items()
            if entry.deadline_s <= self.now_s
        }
        assert forced == {self.open.pop(number).activation_id for number in late}

    @rule(invoker=st.integers(0, 2))
    def lose(self, invoker: int) -> None:
        gone = self.ledger.abandoned(invoker, now_s=self.now_s)
        numbers = [n for n, entry in self.open.items() if entry.invoker == invoker]
        assert len(gone) == len(numbers)
        for number in numbers:
            del self.open[number]

    @invariant()
    def counts_are_true(self) -> None:
        assert len(self.ledger) == len(self.open)
        for uuid in ("uuid0", "uuid1"):
            assert self.ledger.in_flight(uuid) == sum(
                entry.namespace_uuid == uuid for entry in self.open.values()
            )


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
