"""One activation in one container: /init, /run, logs, then the settlement.

A warm run is two callbacks and no task: the request is written by whoever hands the
job in, and the reply's reader does all the rest.  A task exists only where something
has to be awaited.  Source: ContainerProxy.initializeAndRun.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chasen import faults, metrics
from chasen.entities import ActivationResponse, Outcome
from chasen.errors import ChasenError, NoDocument, StoreUnavailable
from chasen.messages import AckKind
from chasen.ports.clock import Clock
from invoker import activation
from invoker.codes import CodeCache
from invoker.job import Answer, Failure, Job, Reply, RunResult
from invoker.journal import Journal, JournalBroken
from invoker.pool import requests
from invoker.pool.lifecycle import Bounced, Finished
from invoker.pool.proxy import ContainerProxy, Workshop
from invoker.settlement import Settlement

log = logging.getLogger(__name__)

STORE_RETRY_S = 0.25


@dataclass(frozen=True, slots=True)
class Logs:
    """What is known of an activation's log."""

    lines: Sequence[str] = ()
    truncated: bool = False
    complete: bool = True


class Executor:
    """Implements ``proxy.Runner``: every job ends in Finished or Bounced, once."""

    def __init__(
        self,
        settlement: Settlement,
        journal: Journal,
        codes: CodeCache,
        clock: Clock,
    ) -> None:
        self._settlement = settlement
        self._journal = journal
        self._codes = codes
        self._clock = clock
        self.workshop: Workshop | None = None

    def execute(self, proxy: ContainerProxy, job: Job, *, cold: bool) -> None:
        """Begin; on the warm path the request is sent before this returns."""
        door = proxy.door
        assert door is not None
        if not cold and door.has_connection:
            self._run(proxy, job, None)
        else:
            work = self._initialize(proxy, job) if cold else self._reach(proxy, job)
            self._spawn(proxy, job, work)

    def _spawn(self, proxy: ContainerProxy, job: Job, work) -> None:
        assert self.workshop is not None
        guarded = self._guarded(proxy, job, work)
        self.workshop.spawn(guarded, f"run:{job.message.activation_id}")

    async def _guarded(self, proxy: ContainerProxy, job: Job, work) -> None:
        try:
            await work
        except Exception:
            self._broke(proxy, job)

    def _broke(self, proxy: ContainerProxy, job: Job) -> None:
        """A fault of ours must end the activation all the same."""
        log.exception(
            "activation broke", extra={"activation": job.message.activation_id}
        )
        if job not in proxy.running:
            return  # it had ended already
        outcome = Outcome.WHISK_ERROR
        self._settlement.refuse(job.message, outcome, activation.ABNORMAL)
        proxy.tell(Finished(job, fit=False))

    async def _initialize(self, proxy: ContainerProxy, job: Job) -> None:
        """Code, /init, and then the run."""
        assert proxy.door is not None
        plan = job.plan
        try:
            code = await self._code(job)
        except NoDocument:
            self._refuse(proxy, job, Outcome.APPLICATION_ERROR, activation.GONE)
            return
        except ChasenError as error:
            log.warning("code cannot be fetched", extra={"why": str(error)})
            self._refuse(proxy, job, Outcome.WHISK_ERROR, activation.UNREADABLE)
            return
        began_ms = self._clock.now_ms()
        deadline_ms = began_ms + plan.action.limits.timeout_ms
        answer = await proxy.door.initialize(
            requests.init_body(job, code, deadline_ms=deadline_ms),
            log_limit=plan.log_limit_bytes,
            timeout_s=plan.timeout_s,
        )
        ended_ms = self._clock.now_ms()
        init_ms = ended_ms - began_ms
        proxy.start_cost_ms += init_ms
        faults.point("I4")
        if activation.initialized(answer):
            if await proxy.door.connect(timeout_s=plan.timeout_s):
                self._run(proxy, job, init_ms)
                return
            answer, in_init = Failure.NO_CONNECTION, False
        else:
            in_init = True
        result = RunResult(answer, ended_ms, ended_ms, init_ms, failed_in_init=in_init)
        await self._explain(proxy, job, result)

    async def _code(self, job: Job) -> str | None:
        """Wait for a store that is away as long as the job may wait."""
        digest = requests.code_digest_of(job)
        while digest is not None:
            try:
                return await self._codes.get(digest)
            except StoreUnavailable:
                if self._clock.now_ms() > job.message.start_before_ms:
                    raise
            await asyncio.sleep(STORE_RETRY_S)
        return None

    async def _reach(self, proxy: ContainerProxy, job: Job) -> None:
        """Connect to a warm container, or give the job back: nothing ran."""
        assert proxy.door is not None
        if await proxy.door.connect(timeout_s=job.plan.timeout_s):
            self._run(proxy, job, None)
        else:
            proxy.tell(Bounced(job))

    def _run(self, proxy: ContainerProxy, job: Job, init_ms: int | None) -> None:
        """Note, then send; the rest happens when the reply comes."""

        def go() -> None:
            self._send(proxy, job, init_ms)

        try:
            self._journal.note(job.message.activation_id, job.head, go)
        except JournalBroken:
            log.error("not run without a journal", exc_info=True)
            self._refuse(proxy, job, Outcome.WHISK_ERROR, activation.ABNORMAL)

    def _send(self, proxy: ContainerProxy, job: Job, init_ms: int | None) -> None:
        door = proxy.door
        assert door is not None
        if not door.has_connection:  # it closed while the journal was synced
            self._spawn(proxy, job, self._reach(proxy, job))
            return
        plan = job.plan
        start_ms = self._clock.now_ms()
        deadline_ms = start_ms + plan.action.limits.timeout_ms

        def answered(answer: Answer) -> None:
            try:
                end_ms = self._clock.now_ms()
                self._answered(proxy, job, RunResult(answer, start_ms, end_ms, init_ms))
            except Exception:
                self._broke(proxy, job)

        door.run_at_once(
            requests.run_body(job, deadline_ms=deadline_ms),
            log_limit=plan.log_limit_bytes,
            timeout_s=plan.timeout_s,
            then=answered,
        )
        faults.point("I5")

    def _answered(self, proxy: ContainerProxy, job: Job, result: RunResult) -> None:
        answer = result.answer
        if isinstance(answer, Reply):
            if answer.status == 503:
                proxy.tell(Bounced(job))  # it says that it did not run
            else:
                self._respond(proxy, job, result)
        else:
            self._spawn(proxy, job, self._explain(proxy, job, result))

    async def _explain(
        self, proxy: ContainerProxy, job: Job, result: RunResult
    ) -> None:
        """A connection that broke may mean that memory ran out."""
        if result.answer in (Failure.NO_RESPONSE, Failure.NO_CONNECTION):
            assert proxy.container is not None
            if await proxy.container.was_oom_killed():
                result = RunResult(
                    Failure.OUT_OF_MEMORY,
                    result.start_ms,
                    result.end_ms,
                    result.init_ms,
                    result.failed_in_init,
                )
        self._respond(proxy, job, result)

    def _respond(self, proxy: ContainerProxy, job: Job, result: RunResult) -> None:
        """The outcome is known; the log may not be."""
        assert proxy.container is not None
        response = activation.response_of(job, result)
        limit_bytes = job.plan.log_limit_bytes
        if limit_bytes == 0:
            self._conclude(proxy, job, result, response, None)
        elif proxy.container.address.inband_logs:
            answer = result.answer
            if isinstance(answer, Reply):
                lines = activation.log_lines(answer.logs)
                logs = Logs(lines, truncated=answer.logs_truncated)
            else:
                logs = Logs(complete=False)
            self._conclude(proxy, job, result, response, logs)
        else:
            answered = job.message.blocking and self._answer(job, result, response)
            collecting = self._collect(proxy, job, result, response, answered)
            self._spawn(proxy, job, collecting)

    def _answer(
        self, job: Job, result: RunResult, response: ActivationResponse
    ) -> bool:
        record = activation.record(job, response, result)
        lines = self._notices(job, response, Logs(complete=False))
        doubtful = replace(record, logs=tuple(lines))
        return self._settlement.answer(job.message, record, doubtful)

    async def _collect(
        self,
        proxy: ContainerProxy,
        job: Job,
        result: RunResult,
        response: ActivationResponse,
        answered: bool,
    ) -> None:
        """A dead container writes no sentinel, so a developer error waits for none."""
        assert proxy.container is not None
        wait = job.plan.sentinelled and response.outcome is not Outcome.DEVELOPER_ERROR
        try:
            collected = await proxy.container.logs(
                limit_bytes=job.plan.log_limit_bytes, wait_for_sentinel=wait
            )
            logs = Logs(collected.lines, collected.truncated, collected.complete)
        except ChasenError as error:
            log.warning("logs cannot be collected", extra={"why": str(error)})
            logs = Logs(complete=False)
        self._conclude(proxy, job, result, response, logs, answered)

    def _conclude(
        self,
        proxy: ContainerProxy,
        job: Job,
        result: RunResult,
        response: ActivationResponse,
        logs: Logs | None,
        answered: bool = False,
    ) -> None:
        """Record, acks, and the container is free."""
        lines: Sequence[str] = ()
        if logs is not None:
            lines = [*logs.lines, *self._notices(job, response, logs)]
        record = activation.record(job, response, result, lines)
        hidden = answered or not job.message.blocking
        kind = AckKind.COMPLETION if hidden else AckKind.COMBINED
        self._settlement.finish(job.message, record, kind)
        metrics.runs.observe((result.end_ms - result.start_ms) / 1000)
        proxy.tell(Finished(job, _is_fit(result, response, logs)))

    def _notices(
        self, job: Job, response: ActivationResponse, logs: Logs
    ) -> Sequence[str]:
        if (
            logs.complete
            and not logs.truncated
            and response.outcome is not Outcome.DEVELOPER_ERROR
        ):
            return ()
        return activation.notices(
            response,
            limit_bytes=job.plan.log_limit_bytes,
            truncated=logs.truncated,
            complete=logs.complete,
            now_ms=self._clock.now_ms(),
        )

    def _refuse(
        self, proxy: ContainerProxy, job: Job, outcome: Outcome, text: str
    ) -> None:
        self._settlement.refuse(job.message, outcome, text)
        proxy.tell(Finished(job, fit=False))


def _is_fit(result: RunResult, response: ActivationResponse, logs: Logs | None) -> bool:
    """Answer whether the container may run another activation."""
    if response.outcome > Outcome.APPLICATION_ERROR:
        return False
    if isinstance(result.answer, Reply) and result.answer.is_cut:
        return False
    return logs is None or (logs.complete and not logs.truncated)
