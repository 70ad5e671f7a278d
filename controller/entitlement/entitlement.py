"""May this identity do this to that, and may it do so now?

Rights first, then the throttles of activations; both raise what the caller shall read.
Source: Entitlement.scala.  Existence is never told to strangers.
"""

from __future__ import annotations

from chasen import metrics
from chasen.entities import FullyQualifiedEntityName, Identity, Privilege
from chasen.errors import NotAuthorized, Throttled
from chasen.ports.clock import Clock
from controller.entitlement.throttle import RateWindow, admit_concurrent, share
from controller.ports import LoadBalancer


class Entitlement:
    """The gate that every request passes."""

    def __init__(self, balancer: LoadBalancer, clock: Clock, controllers: int) -> None:
        self._balancer = balancer
        self._clock = clock
        self._controllers = controllers
        self._invocations = RateWindow()
        self._fires = RateWindow()

    def check_namespace(
        self, identity: Identity, privilege: Privilege, namespace: str
    ) -> None:
        """Raises NotAuthorized unless it is the caller's own namespace."""
        if namespace != identity.namespace or privilege not in identity.rights:
            raise NotAuthorized

    def check(
        self, identity: Identity, privilege: Privilege, fqn: FullyQualifiedEntityName
    ) -> None:
        """Raises NotAuthorized, naming the resource that the caller named."""
        if fqn.namespace != identity.namespace or privilege not in identity.rights:
            raise NotAuthorized(
                f"The supplied authentication is not authorized to access '{fqn}'."
            )

    def check_kind(self, identity: Identity, kind: str) -> None:
        """Raises NotAuthorized when the namespace is restricted to other kinds."""
        allowed = identity.limits.allowed_kinds
        if allowed and kind not in allowed:
            raise NotAuthorized(
                "The supplied authentication is not authorized to access actions of "
                f"kind '{kind}'."
            )

    def admit_invocation(self, identity: Identity) -> None:
        """Charge one invocation; raises Throttled."""
        limits, uuid = identity.limits, identity.namespace_uuid
        try:
            self._invocations.admit(
                uuid,
                share(limits.invocations_per_minute, self._controllers),
                now_ms=self._clock.now_ms(),
            )
            admit_concurrent(
                self._balancer.in_flight(uuid),
                share(limits.concurrent_invocations, self._controllers),
            )
        except Throttled:
            _refused_invocation.inc()
            raise

    def admit_fire(self, identity: Identity) -> None:
        """Charge one fire; raises Throttled."""
        try:
            self._fires.admit(
                identity.namespace_uuid,
                share(identity.limits.fires_per_minute, self._controllers),
                now_ms=self._clock.now_ms(),
            )
        except Throttled:
            _refused_fire.inc()
            raise


_refused_invocation = metrics.requests_refused.labels("invocation throttled")
_refused_fire = metrics.requests_refused.labels("fire throttled")
