"""Jobs that wait: nothing lost, nobody starved, order kept."""

from __future__ import annotations

from doubles.jobs import a_job
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from invoker.job import Job, Key
from invoker.pool.backlog import Backlog

NAMES = ("guest/a", "guest/b", "other/c")


class BacklogMachine(RuleBasedStateMachine):
    """Against a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog()
        self.model: list[Job] = []
        self.count = 0

    @rule(name=st.sampled_from(NAMES), first=st.booleans())
    def add(self, name: str, first: bool) -> None:
        self.count += 1
        uuid = name.partition("/")[0]
        job = a_job(self.count, name=name, namespace_uuid=uuid)
        if first:
            self.backlog.add_first(job, float(self.count))
            self.model.insert(0, job)
        else:
            self.backlog.add(job, float(self.count))
            self.model.append(job)

    @rule(name=st.sampled_from(NAMES))
    def take(self, name: str) -> None:
        key = Key(name.partition("/")[0], name, "1-a")
        first = next((job for job in self.model if job.key == key), None)

        assert self.backlog.take(key) is first
        if first is not None:
            self.model.remove(first)

    @rule(odd=st.booleans())
    def take_some(self, odd: bool) -> None:
        def chosen(job: Job) -> bool:
            return int(job.message.activation_id, 16) % 2 == odd

        taken = list(self.backlog.take_if(chosen))

        assert set(taken) == {job for job in self.model if chosen(job)}
        self.model = [job for job in self.model if not chosen(job)]

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.backlog) == len(self.model)
        assert self.backlog.keys == {job.key for job in self.model}
        assert set(self.backlog.in_turn({}, {})) == self.backlog.keys


TestBacklog = BacklogMachine.TestCase


def test_who_uses_least_is_first_and_then_who_waits_longest() -> None:
    backlog = Backlog()
    for number, (uuid, name) in enumerate([("x", "x/a"), ("y", "y/b"), ("y", "y/c")]):
        backlog.add(a_job(number, name=name, namespace_uuid=uuid), float(number))

    assert [key.action for key in backlog.in_turn({"x": 512, "y": 256}, {})] == [
        "y/b",
        "y/c",
        "x/a",
    ]


def test_among_equals_the_one_served_longest_ago_is_first() -> None:
    backlog = Backlog()
    backlog.add(a_job(1, name="x/a", namespace_uuid="x"), 1.0)
    backlog.add(a_job(2, name="y/b", namespace_uuid="y"), 2.0)

    turns = backlog.in_turn({}, {"x": 7.0, "y": 3.0})

    assert [key.action for key in turns] == ["y/b", "x/a"]
