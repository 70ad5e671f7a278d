"""Prints state-machines.md from the state machines themselves.

    .venv/bin/python docs/diagrams.py

The machines are walked from their first state through everything that can happen, and
each change of state becomes an arrow.  A test compares the page with what this prints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from chasen.entities import ActivationId, Outcome
from controller.invocation import steps
from controller.loadbalancer import supervision
from invoker.pool import lifecycle

PAGE = Path(__file__).with_name("state-machines.md")
JOBS = ("one", "two")
Arrow = tuple[str, str, str]  # from, event, to


def container_arrows() -> set[Arrow]:
    """Walk the life of a container with two jobs around."""
    first = lifecycle.Lifecycle()
    arrows: set[Arrow] = set()
    seen, todo = {first}, deque([first])
    while todo:
        now = todo.popleft()
        for event in _container_events(now):
            after, _ = lifecycle.step(now, event)
            arrows.add((now.state, type(event).__name__, after.state))
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return arrows


def _container_events(now: lifecycle.Lifecycle) -> Iterator[lifecycle.Event]:
    """Answer what the table knows for this state and what can be meant in it."""
    inside = now.running | {now.waiting}
    outside = [job for job in JOBS if job not in inside]
    for state, kind in lifecycle.TRANSITIONS:
        if state is not now.state:
            continue
        if kind is lifecycle.Run:
            if now.waiting is None and outside:
                yield lifecycle.Run(outside[0])
        elif kind is lifecycle.Finished:
            for job in now.running:
                yield lifecycle.Finished(job, fit=True)
                yield lifecycle.Finished(job, fit=False)
        elif kind is lifecycle.Bounced:
            for job in now.running:
                yield lifecycle.Bounced(job)
        else:
            yield kind()


def health_arrows() -> set[Arrow]:
    """Walk the health of an invoker through pings, outcomes and silence."""
    first = supervision.Health(incarnation="a life")
    arrows: set[Arrow] = set()
    seen, todo = {_shape(first)}, deque([(first, 0.0)])
    while todo:
        now, at_s = todo.popleft()
        for label, later_s, events in _health_events(now, at_s):
            after = now
            for event in events:
                after = supervision.step(after, event)
            if after.state is not now.state:
                arrows.add((now.state.name.title(), label, after.state.name.title()))
            if _shape(after) not in seen:
                seen.add(_shape(after))
                todo.append((after, later_s))
    return arrows


def _shape(health: supervision.Health) -> tuple[object, ...]:
    return health.state, health.fault, health.outcomes


def _health_events(
    now: supervision.Health, at_s: float
) -> Iterator[tuple[str, float, list[supervision.Event]]]:
    soon_s, late_s = at_s + 1, at_s + supervision.PROBATION_S + 1
    life = now.incarnation

    def ping(
        at_s: float, *, enabled: bool = True, fault: str | None = None
    ) -> list[supervision.Event]:
        return [supervision.Pinged(at_s, enabled, fault, life)]

    yield "good ping", soon_s, ping(soon_s)
    if now.state not in (supervision.State.HEALTHY, supervision.State.OFFLINE):
        yield "good ping after 10 s", late_s, ping(late_s)
    yield "ping names a fault", soon_s, ping(soon_s, fault="no space left")
    yield "ping says disabled", soon_s, ping(soon_s, enabled=False)
    yield "10 s of silence", late_s, [supervision.Looked(late_s)]
    if now.state is supervision.State.HEALTHY:
        failed = supervision.Ended(soon_s, supervision.Outcome.SYSTEM_ERROR)
        late = supervision.Ended(soon_s, supervision.Outcome.TIMEOUT)
        yield "4 of 10 outcomes are our errors", soon_s, [failed] * 4
        yield "4 of 10 outcomes are timeouts", soon_s, [late] * 4


def walk_arrows() -> set[Arrow]:
    """Walk a sequence of two, and a composition through each kind of answer."""
    begin = steps.Begin(b"{}")
    walks = [
        steps.Walk(namespace="ns", components=("a", "b"), limit=2),
        steps.Walk(namespace="ns", conductor="c", limit=1),
    ]
    arrows: set[Arrow] = set()
    seen, todo = set(walks), deque(walks)
    while todo:
        now = todo.popleft()
        events = [begin] if now.state is steps.State.READY else _step_events(now)
        for event in events:
            if (now.state, type(event)) not in steps.TRANSITIONS:
                continue
            after, _ = steps.step(now, event)
            arrows.add((now.state, type(event).__name__, after.state))
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return arrows


def _step_events(now: steps.Walk) -> Iterator[steps.Event]:
    step = ActivationId(str(now.index))
    for outcome, result in (
        (Outcome.SUCCESS, b"{}"),
        (Outcome.SUCCESS, b'{"action":"a"}'),
        (Outcome.SUCCESS, b'{"action":1}'),
        (Outcome.APPLICATION_ERROR, b'{"error":1}'),
    ):
        yield steps.Answered(step, outcome, result)
    yield from (steps.Missing(), steps.Forbidden(), steps.Late(step), steps.Broken())


def mermaid(arrows: Iterable[Arrow], *, first: str) -> str:
    """Answer the diagram; arrows with the same ends share one line."""
    together: dict[tuple[str, str], list[str]] = {}
    for start, event, end in sorted(arrows):
        if start != end:
            together.setdefault((start, end), []).append(event)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    lines += [
        f"    {start} --> {end}: {', '.join(events)}"
        for (start, end), events in together.items()
    ]
    return "\n".join([*lines, "```"])


def page() -> str:
    """Answer the whole of state-machines.md."""
    life = mermaid(container_arrows(), first=lifecycle.State.UNINITIALIZED)
    health = mermaid(health_arrows(), first="Offline")
    walk = mermaid(walk_arrows(), first=steps.State.READY)
    return TEXT.format(container=life, health=health, walk=walk)


TEXT = """\
# State machines

Printed by `docs/diagrams.py` from the code; a test compares this page with what it
prints. Each machine is a pure function `step(state, event)`: it answers the next state
and what to do, and never waits, asks a clock or touches a socket. A thin shell carries
the effects out and feeds what comes of them back as the next event.

Arrows that lead back to the state they start from are left out.

## The life of a container

`invoker/pool/lifecycle.py`, driven by `invoker/pool/proxy.py`.

{container}

- *Start*, *Run* and *Remove* come from the pool; *Done* and *Failed* tell how the task
  on the container (create, suspend, resume, destroy) ended; *TimedOut* is the timer set
  last: the pause grace in `ready`, the idle timeout in `paused`, the pause before the
  next attempt in `removing`.
- *Finished* leads to `ready` if the container may run another job, else it is removed
  once no job is inside. *Bounced* means that the container did not take the job:
  nothing ran, and the job goes back to the pool.
- A job that comes while the container is `pausing` waits in the state. A container that
  is told to go while a task is under way goes when the task ends.
- A pair of state and event that is in neither table raises `InvalidTransition`.

## The health of an invoker

In `controller/loadbalancer/`: `supervision.py`, driven by `balancer.py`.
`/invokers` on the operator port shows the states as `up` (Healthy), `unhealthy`,
`unresponsive` and `down` (Offline). Only a Healthy invoker gets work.

{health}

- A ping comes each second and carries the invoker's verdict on itself, found by its own
  self-test every ten seconds. No test action is sent.
- Whoever is out for its outcomes gets a new chance, with an empty slate, after ten
  seconds of good pings, or at once when its process was started anew.

## The steps of a sequence or a composition

`controller/invocation/steps.py`, driven by `composite.py`.

{walk}

- `component` is a component of a sequence; `conductor` asks the conductor what to run,
  `chosen` is what it chose. Each of the three waits for one step.
- *Answered* carries the step's outcome, however it became known: by an ack, or by the
  record that an earlier walk left. *Late* means that nobody told in time, *Broken* that
  the step could not be sent. *Missing* ends a sequence; a conductor is told
  of it, as of *Forbidden*, and goes on.
- A walk has at most 50 components, nested ones counted, and asks its conductor at most
  101 times.
"""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(PAGE)
