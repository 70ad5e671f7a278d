"""The bodies of ``/init`` and ``/run``.  Pure.

Arguments go through as the bytes they came in, unless some of them belong into the
environment.  Source: Container.scala, initialize and run.
"""

from __future__ import annotations

from typing import Any

import orjson

from chasen.entities import BlackBoxExec
from invoker.job import Job

DEFAULT_MAIN = "main"


def run_body(job: Job, *, deadline_ms: int) -> bytes:
    """Body of ``/run``: ``{"value": {...}, "namespace": ..., "deadline": "1735..."}``.

    Every member but ``value`` is a string: launchers put them into the environment.
    """
    value = run_arguments(job)
    context = orjson.dumps(_context(job, deadline_ms))
    return b'{"value":%b,%b' % (value, context[1:])


def run_arguments(job: Job) -> bytes:
    """Answer the arguments without those that were given at ``/init``."""
    names = job.init_names
    if not names and not job.unlocked:
        return job.message.body or b"{}"
    arguments = _all_arguments(job)
    if arguments is None:
        return job.message.body
    left = {key: value for key, value in arguments.items() if key not in names}
    return orjson.dumps(left)


def _all_arguments(job: Job) -> dict[str, Any] | None:
    """Answer what came with the message over what was locked; None for an array."""
    arguments = orjson.loads(job.message.body or b"{}")
    return {**job.unlocked, **arguments} if isinstance(arguments, dict) else None


def init_body(job: Job, code: str | None, *, deadline_ms: int) -> bytes:
    """Body of ``/init``: ``{"value": {"name", "main", "code"?, "binary", "env"}}``."""
    executable = job.plan.action.exec
    value: dict[str, Any] = {
        "name": job.plan.action.fqn.name,
        "main": executable.main or DEFAULT_MAIN,
        "binary": executable.binary,
        "env": _environment(job, deadline_ms),
    }
    if code is not None:
        value["code"] = code
    return orjson.dumps({"value": value})


def code_digest_of(job: Job) -> str | None:
    """Answer which code the container gets, None for a plain image."""
    executable = job.plan.action.exec
    if isinstance(executable, BlackBoxExec) and executable.digest is None:
        return None
    return executable.digest


def _context(job: Job, deadline_ms: int) -> dict[str, str]:
    message = job.message
    context = {
        "namespace": message.namespace,
        "action_name": "/" + job.plan.fqn,
        "action_version": message.version,
        "activation_id": message.activation_id,
        "transaction_id": message.transid,
        "deadline": str(deadline_ms),
    }
    if job.api_key is not None:
        context["api_key"] = job.api_key
    return context


def _environment(job: Job, deadline_ms: int) -> dict[str, str]:
    environment: dict[str, str] = {}
    if job.init_names:
        arguments = _all_arguments(job) or {}
        environment = {
            name: _as_text(arguments[name])
            for name in sorted(job.init_names & arguments.keys())
        }
    for name, value in _context(job, deadline_ms).items():
        environment[f"__OW_{name.upper()}"] = value
    return environment


def _as_text(value: Any) -> str:
    """A string as it is, null as nothing, anything else as its JSON text."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()
