"""The pool with simulated containers, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from doubles.clock import LoopClock
from doubles.containers import Faults, SimulatedContainers
from doubles.jobs import KIND, a_job, an_action
from doubles.loop import run_virtually
from doubles.runner import SimulatedRunner

from chasen.entities import ActionLimits, Outcome
from chasen.messages import ActivationMessage
from invoker.job import Job
from invoker.pool.pool import ContainerPool
from invoker.pool.prewarm import StemCells
from invoker.ports import ContainerSpec


@dataclass
class Refusals:
    """Stands where the settlement is, for the one thing that the pool says to it."""

    said: list[tuple[str, Outcome, str]] = field(default_factory=list)

    def refuse(self, message: ActivationMessage, outcome: Outcome, text: str) -> None:
        self.said.append((message.activation_id, outcome, text))


@dataclass
class Bench:
    """A pool and all its doubles."""

    pool: ContainerPool
    factory: SimulatedContainers
    runner: SimulatedRunner
    refusals: Refusals

    def run(self, *jobs: Job) -> None:
        for job in jobs:
            self.pool.run(job)

    @property
    def ended(self) -> list[Job]:
        return [job for _, job, _ in self.runner.ended]

    async def until_idle(self, limit_s: float = 600) -> None:
        async with asyncio.timeout(limit_s):
            while self.pool.waiting or not self.pool.is_idle:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@asynccontextmanager
async def a_bench(
    *,
    memory_mb: int = 1024,
    factory: SimulatedContainers | None = None,
    runner: SimulatedRunner | None = None,
    stem_cells: list[StemCells] | None = None,
) -> AsyncIterator[Bench]:
    factory = factory or SimulatedContainers()
    runner = runner or SimulatedRunner()
    refusals = Refusals()
    async with asyncio.TaskGroup() as tasks:

        def spawn(work, name: str) -> None:
            tasks.create_task(work, name=name)

        pool = ContainerPool(
            factory,
            runner,
            refusals,  # pyright: ignore[reportArgumentType]
            LoopClock(),
            spawn,
            memory_mb=memory_mb,
            grace_s=factory.pause_grace_s,
            idle_s=600,
            starts=2,
            stem_cells=stem_cells or [],
        )

        async def tick() -> None:
            while True:
                await asyncio.sleep(1)
                pool.tick()

        ticking = tasks.create_task(tick())
        try:
            yield Bench(pool, factory, runner, refusals)
        finally:
            ticking.cancel()
            async with asyncio.timeout(600):
                await pool.close()
            assert factory.living == [], "containers outlive the pool"
            assert pool.booked_mb == 0


def a_spec(memory_mb: int = 256) -> ContainerSpec:
    return ContainerSpec(KIND, "python", memory_mb)


def of(namespace: str, number: int, memory_mb: int = 256) -> Job:
    limits = ActionLimits(memory_mb=memory_mb)
    action = an_action(f"{namespace}/act", limits=limits)
    return a_job(number, action, namespace=namespace, namespace_uuid=namespace)


def test_a_warm_container_is_used_again() -> None:
    async def scene() -> None:
        async with a_bench() as bench:
            bench.run(a_job(1))
            await bench.until_idle()
            bench.run(a_job(2))
            await bench.until_idle()

            assert [cold for _, _, cold in bench.runner.ended] == [True, False]
            assert bench.factory.made == 1

    run_virtually(scene())


@pytest.mark.parametrize(
    "other",
    [
        a_job(2, name="guest/other"),
        a_job(2, an_action(revision="2-b")),
        a_job(2, namespace_uuid="uuid-other"),
    ],
    ids=["name", "revision", "namespace"],
)
def test_another_name_revision_or_namespace_gets_another_container(other: Job) -> None:
    async def scene() -> None:
        async with a_bench() as bench:
            bench.run(a_job(1))
            await bench.until_idle()
            bench.run(other)
            await bench.until_idle()

            assert bench.factory.made == 2
            assert all(len(keys) == 1 for keys in bench.runner.used_by.values())

    run_virtually(scene())


def test_a_container_rests_then_pauses_then_goes() -> None:
    async def scene() -> None:
        async with a_bench() as bench:
            bench.run(a_job(1))
            await bench.until_idle()
            await asyncio.sleep(1)
            assert bench.factory.living[0].suspended

            bench.run(a_job(2))
            await bench.until_idle()
            assert not bench.factory.living[0].suspended

            await asyncio.sleep(602)
            assert bench.factory.living == []

    run_virtually(scene())


def test_memory_is_never_overbooked_and_all_jobs_end() -> None:
    """Memory counts until the removal is confirmed."""

    async def scene() -> None:
        async with a_bench(memory_mb=1024) as bench:
            chance = random.Random(3)
            jobs = [
                of(chance.choice("abcdef"), number, chance.choice([128, 256, 512]))
                for number in range(200)
            ]
            for job in jobs:
                bench.run(job)
                await asyncio.sleep(chance.expovariate(50))
            await bench.until_idle()

            assert Counter(bench.ended) == Counter(jobs)
            assert bench.factory.most_mb <= 1024
            assert bench.factory.most_starting <= 2

    run_virtually(scene())


@pytest.mark.parametrize("seed", range(6))
def test_no_job_is_lost_whatever_breaks(seed: int) -> None:
    """Creates, pauses, resumes, removals and runs fail; each job ends exactly once."""

    async def scene() -> None:
        chance = random.Random(seed)
        factory = SimulatedContainers(seed, faults=Faults(0.1, 0.2, 0.2, 0.2))
        runner = SimulatedRunner(
            run_s=lambda job: chance.expovariate(20),
            ending=lambda job: chance.choice(["fit", "fit", "fit", "unfit", "bounce"]),
        )
        async with a_bench(factory=factory, runner=runner) as bench:
            for number in range(300):
                bench.run(of(chance.choice("abcd"), number))
                await asyncio.sleep(chance.expovariate(30))
            await bench.until_idle()

            ended = [job.message.activation_id for job in bench.ended]
            refused = [said[0] for said in bench.refusals.said]
            assert len(ended) > 200
            assert sorted(ended + refused) == [f"{n:032x}" for n in range(300)]
            assert bench.factory.most_mb <= 1024

    run_virtually(scene())


def test_a_job_that_every_container_gives_back_is_our_error() -> None:
    async def scene() -> None:
        runner = SimulatedRunner(ending=lambda job: "bounce")
        async with a_bench(runner=runner) as bench:
            bench.run(a_job(1))
            await bench.until_idle()

            assert [said[1] for said in bench.refusals.said] == [Outcome.WHISK_ERROR]
            assert bench.factory.made == 4  # the first, and three more

    run_virtually(scene())


def test_a_job_bigger_than_the_invoker_ends_at_once() -> None:
    async def scene() -> None:
        async with a_bench(memory_mb=256) as bench:
            bench.run(of("a", 1, 512))

            assert [said[1] for said in bench.refusals.said] == [Outcome.WHISK_ERROR]

    run_virtually(scene())


def test_a_namespace_with_a_flood_does_not_starve_another() -> None:
    """P11: four containers, hundreds of jobs of one, a few of the other."""

    async def scene() -> None:
        runner = SimulatedRunner(run_s=lambda job: 0.1)
        async with a_bench(runner=runner) as bench:
            bench.run(*(of("flood", number) for number in range(400)))
            await asyncio.sleep(5)
            began_s = asyncio.get_running_loop().time()
            bench.run(*(of("calm", 1000 + number) for number in range(10)))
            await bench.until_idle()

            calm = [
                when - began_s
                for when, job, _ in bench.runner.ended
                if job.message.namespace == "calm"
            ]
            assert len(calm) == 10
            assert max(calm) < 2.0, "the calm one waits for the flood"

    run_virtually(scene())


def test_shares_settle_instead_of_swinging() -> None:
    """Two floods share the memory; containers are not swapped for every job."""

    async def scene() -> None:
        runner = SimulatedRunner(run_s=lambda job: 0.05)
        async with a_bench(runner=runner) as bench:
            bench.run(*(of("a", number) for number in range(500)))
            await asyncio.sleep(2)
            bench.run(*(of("b", 1000 + number) for number in range(500)))
            await bench.until_idle()

            assert bench.factory.made < 20

    run_virtually(scene())


def test_two_actions_of_one_namespace_share_a_single_place() -> None:
    """The busy one always has a next job for its warm container."""

    async def scene() -> None:
        async with a_bench(memory_mb=256) as bench:
            bench.run(*(a_job(number, name="guest/a") for number in range(20)))
            bench.run(a_job(1000, name="guest/b"))
            for number in range(100, 400):
                bench.run(a_job(number, name="guest/a"))
                await asyncio.sleep(0.005)
            await bench.until_idle()

            position = [job.plan.fqn for job in bench.ended].index("guest/b")
            assert position < 60, "the second action waits for all of the first"
            assert bench.factory.made == 3

    run_virtually(scene())


def test_a_single_place_is_shared_with_another_namespace() -> None:
    async def scene() -> None:
        async with a_bench(memory_mb=256) as bench:
            bench.run(*(of("flood", number) for number in range(200)))
            bench.run(of("calm", 1000))
            await bench.until_idle()

            namespaces = [job.message.namespace for job in bench.ended]
            assert namespaces.index("calm") < 60

    run_virtually(scene())


def test_stem_cells_are_kept_ready_used_and_replaced() -> None:
    async def scene() -> None:
        cells = [StemCells(a_spec(), 2)]
        async with a_bench(stem_cells=cells) as bench:
            await asyncio.sleep(3)
            assert bench.factory.made == 2

            began_s = asyncio.get_running_loop().time()
            bench.run(a_job(1))
            await asyncio.sleep(0.08)
            ended_s, _, cold = bench.runner.ended[0]
            assert cold
            assert ended_s - began_s < 0.1, "it waited for a container's start"

            await asyncio.sleep(3)
            assert bench.factory.made == 3

    run_virtually(scene())


def test_stem_cells_give_way_to_jobs_that_need_the_memory() -> None:
    """OpenWhisk never evicts them: a pool full of the wrong kind stands still."""

    async def scene() -> None:
        cells = [StemCells(a_spec(512), 2)]
        async with a_bench(stem_cells=cells) as bench:
            await asyncio.sleep(3)
            bench.run(*(of("a", number, 256) for number in range(4)))
            await bench.until_idle()

            assert len(bench.ended) == 4

    run_virtually(scene())


def test_failing_stem_cells_do_not_keep_the_engine_busy() -> None:
    async def scene() -> None:
        factory = SimulatedContainers(faults=Faults(create=1.0), start_s=0.01)
        async with a_bench(factory=factory, stem_cells=[StemCells(a_spec(), 1)]):
            await asyncio.sleep(60)

            assert factory.made == 0
            assert factory.attempts <= 15

    run_virtually(scene())


def test_a_job_that_waited_too_long_is_not_run() -> None:
    async def scene() -> None:
        runner = SimulatedRunner(run_s=lambda job: 30.0)
        async with a_bench(memory_mb=256, runner=runner) as bench:
            now_ms = LoopClock().now_ms()
            late = a_job(2, accepted_ms=now_ms, start_before_ms=now_ms + 5000)
            bench.run(a_job(1), late)
            await bench.until_idle()

            assert [said[2] for said in bench.refusals.said] == [
                "The activation waited longer than 5 s and was not run."
            ]
            assert len(bench.ended) == 1

    run_virtually(scene())


def test_draining_gives_back_what_has_not_begun() -> None:
    async def scene() -> None:
        runner = SimulatedRunner(run_s=lambda job: 5.0)
        async with a_bench(memory_mb=256, runner=runner) as bench:
            bench.run(a_job(1), a_job(2), a_job(3))
            await asyncio.sleep(1)

            assert len(bench.pool.give_back()) == 2
            async with asyncio.timeout(10):
                await bench.pool.idle()
            assert len(bench.ended) == 1

    run_virtually(scene())
