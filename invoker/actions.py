"""Actions by revision, resolved into plans, and the secrets some of them want.

A plan never goes stale: the message names the revision it wants.  A revision that is
not here is fetched, and the one in the store is run.  Source: reactive invoker's cache.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import orjson

from chasen.entities import (
    Action,
    BlackBoxExec,
    Executable,
    FullyQualifiedEntityName,
    Parameter,
    RuntimesManifest,
)
from chasen.entities.limits import MIB
from chasen.errors import NoDocument
from chasen.messages import ActivationMessage
from chasen.ports.clock import Clock
from chasen.ports.stores import AuthStore, EntityStore
from chasen.seal import Seal, SealBroken
from invoker.job import Plan
from invoker.ports import ContainerSpec

PLANS_MAX = 5_000
KEY_LIFE_S = 2.0  # a revoked key is out of use within two seconds
PROVIDE_API_KEY = "provide-api-key"
WEB_EXPORT = "web-export"


class ActionCache:
    """Plans by (fqn, revision), the least recently used dropped first."""

    def __init__(
        self,
        store: EntityStore,
        manifest: RuntimesManifest,
        environment: Mapping[str, str],
    ) -> None:
        self._store = store
        self._manifest = manifest
        self._environment = dict(environment)
        self._plans: OrderedDict[tuple[str, str], Plan] = OrderedDict()

    def known(self, fqn: str, revision: str) -> Plan | None:
        """Answer the plan of this very revision, if it is here."""
        return self._plans.get((fqn, revision))

    async def fetch(self, fqn: str) -> Plan:
        """Answer the plan of the action as it stands.

        Raises NoDocument, WrongCollection, CorruptDocument, StoreUnavailable.
        """
        action = await self._store.get(Action, FullyQualifiedEntityName.parse(fqn))
        plan = self.plan_of(action)
        self._plans[fqn, plan.revision] = plan
        while len(self._plans) > PLANS_MAX:
            self._plans.popitem(last=False)
        return plan

    def plan_of(self, action: Action) -> Plan:
        """Answer the plan of this action."""
        executable, limits, fqn = action.exec, action.limits, str(action.fqn)
        foreign = isinstance(executable, BlackBoxExec)
        spec = ContainerSpec(
            kind=executable.kind,
            image=self._image_of(executable),
            memory_mb=limits.memory_mb,
            ours=not foreign,
            environment=self._environment,
        )
        wants = action.annotations
        return Plan(
            action=action,
            fqn=fqn,
            revision=action.revision or "",
            spec=spec,
            sentinelled=not foreign,
            path=Parameter("path", fqn),
            kind=Parameter("kind", executable.kind),
            limits=Parameter("limits", limits.to_json()),
            init_names=frozenset(
                each.key for each in action.parameters.items if each.init
            ),
            wants_key=PROVIDE_API_KEY not in wants or wants.is_truthy(PROVIDE_API_KEY),
            timeout_s=limits.timeout_ms / 1000,
            log_limit_bytes=limits.logs_mb * MIB,
            is_web=wants.get(WEB_EXPORT) is True,
        )

    def _image_of(self, executable: Executable) -> str:
        if isinstance(executable, BlackBoxExec):
            return executable.image
        runtime = self._manifest.runtimes.get(executable.kind)
        return runtime.image if runtime is not None else ""


class Keyring:
    """Unseals: locked parameters, and API keys for the actions annotated so."""

    def __init__(self, store: AuthStore, seal: Seal | None, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seal = seal
        self._keys: dict[tuple[str, str], tuple[float, str | None]] = {}

    def unlock(self, message: ActivationMessage) -> dict[str, Any]:
        """Answer the message's locked parameters, opened; raises SealBroken."""
        if not message.locked:
            return {}
        if self._seal is None:
            raise SealBroken
        return {
            name: orjson.loads(self._seal.open(sealed, namespace))
            for name, (namespace, sealed) in message.locked.items()
        }

    async def key_of(self, subject: str, namespace_uuid: str) -> str | None:
        """Answer "uuid:key", None when the caller has none any more.

        Raises StoreUnavailable.
        """
        name = (subject, namespace_uuid)
        now_s = self._clock.monotonic_s()
        until_s, key = self._keys.get(name, (now_s, None))
        if until_s > now_s:
            return key
        key = await self._unsealed(subject, namespace_uuid)
        if len(self._keys) >= PLANS_MAX:
            self._keys.clear()
        self._keys[name] = (now_s + KEY_LIFE_S, key)
        return key

    async def _unsealed(self, subject: str, namespace_uuid: str) -> str | None:
        if self._seal is None:
            return None
        try:
            owner = await self._store.subject(subject)
            for namespace in owner.namespaces:
                if namespace.uuid == namespace_uuid and not owner.blocked:
                    key = self._seal.open(namespace.sealed_key)
                    return f"{namespace.uuid}:{key}"
        except (NoDocument, SealBroken):
            pass
        return None
