"""What the invoker runs: a message with its action, and how the container answered.

Values only.  A ``Plan`` holds all that is the same for every activation of one
revision, so that the hot path looks nothing up twice.
Source: ContainerPool.scala, its ``Run``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from chasen.entities import Action, Parameter
from chasen.messages import ActivationMessage
from invoker.ports import ContainerSpec


class Key(NamedTuple):
    """Only activations with an equal key may share a container."""

    namespace_uuid: str
    action: str
    revision: str


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One revision of an action, resolved.

    ``annotations`` are those of each record that never change; ``init_names`` the
    parameters that go to the environment; ``wants_key`` says that the code gets the
    caller's API key; ``sentinelled`` that its log ends with the sentinel; ``is_web``
    that its result may become an HTTP response.
    """

    action: Action
    fqn: str
    revision: str
    spec: ContainerSpec
    sentinelled: bool
    path: Parameter
    kind: Parameter
    limits: Parameter
    init_names: frozenset[str]
    wants_key: bool
    timeout_s: float
    log_limit_bytes: int
    is_web: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One activation to run.

    ``head`` is the message on the wire without its arguments; ``unlocked`` are the
    locked parameters, opened for this run; ``attempt`` counts the containers that gave
    the job back.
    """

    message: ActivationMessage
    head: bytes
    plan: Plan
    key: Key
    api_key: str | None = field(default=None, repr=False)
    unlocked: Mapping[str, Any] = field(default_factory=dict, repr=False)
    attempt: int = 0

    @classmethod
    def of(
        cls,
        message: ActivationMessage,
        head: bytes,
        plan: Plan,
        api_key: str | None = None,
        unlocked: Mapping[str, Any] = MappingProxyType({}),
    ) -> Job:
        revision = plan.revision
        if message.package_marks is not None:
            revision = f"{revision} {message.package_marks}"
        key = Key(message.namespace_uuid, plan.fqn, revision)
        return cls(message, head, plan, key, api_key, unlocked)

    @property
    def init_names(self) -> frozenset[str]:
        """Which parameters go to the environment; packages may name some, too."""
        named = self.message.init
        return self.plan.init_names if named is None else frozenset(named)


class Failure(StrEnum):
    """Why there is no reply."""

    NO_CONNECTION = "no connection"
    NO_RESPONSE = "no response"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the container answered to ``/init`` or ``/run``.

    ``body`` holds at most the limit, ``length`` what the container announced; ``logs``
    are lines as in a record, joined by newlines, when they came with the reply.
    """

    status: int
    body: bytes
    length: int
    logs: bytes = b""
    logs_truncated: bool = False

    @property
    def is_cut(self) -> bool:
        return len(self.body) < self.length


Answer = Reply | Failure


@dataclass(frozen=True, slots=True)
class RunResult:
    """How one run went.  ``init_ms`` is None on a warm container; an ``answer`` of an
    init is one that failed."""

    answer: Answer
    start_ms: int
    end_ms: int
    init_ms: int | None = None
    failed_in_init: bool = False
