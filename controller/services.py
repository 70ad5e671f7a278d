"""All that a request may use, made once at start-up."""

from __future__ import annotations

from dataclasses import dataclass

from chasen.entities import RuntimesManifest
from chasen.ports.bus import MessageBus
from chasen.ports.clock import Clock
from chasen.ports.stores import Stores
from chasen.seal import Seal
from controller.catalog.actions import Actions
from controller.catalog.common import Announcer
from controller.catalog.packages import Packages
from controller.catalog.rules import Rules
from controller.catalog.triggers import Triggers
from controller.entitlement.entitlement import Entitlement
from controller.entitlement.identities import Identities
from controller.invocation.fire import Fires
from controller.invocation.invoke import Invocations
from controller.invocation.primaries import Primaries
from controller.invocation.resolve import Resolver
from controller.ports import LoadBalancer
from controller.webactions.address import Hosts


@dataclass(frozen=True, slots=True)
class Services:
    """The rooms behind the doors."""

    name: str
    stores: Stores
    bus: MessageBus
    clock: Clock
    manifest: RuntimesManifest
    balancer: LoadBalancer
    identities: Identities
    entitlement: Entitlement
    resolver: Resolver
    invocations: Invocations
    primaries: Primaries
    fires: Fires
    actions: Actions
    packages: Packages
    triggers: Triggers
    rules: Rules
    hosts: Hosts


def make_services(
    *,
    name: str,
    controllers: int,
    stores: Stores,
    bus: MessageBus,
    clock: Clock,
    manifest: RuntimesManifest,
    balancer: LoadBalancer,
    hosts: Hosts | None = None,
    seal: Seal | None = None,
) -> Services:
    """Join the rooms to each other."""
    entitlement = Entitlement(balancer, clock, controllers)
    resolver = Resolver(stores.entities, clock, manifest)
    announcer = Announcer(bus, name, resolver.forget)
    primaries = Primaries(
        bus=bus,
        balancer=balancer,
        resolver=resolver,
        activations=stores.activations,
        clock=clock,
        controller=name,
    )
    invocations = Invocations(
        primaries=primaries,
        balancer=balancer,
        bus=bus,
        activations=stores.activations,
        clock=clock,
        controller=name,
    )
    identities = Identities(stores.auth, clock)
    return Services(
        name=name,
        hosts=hosts or Hosts(),
        stores=stores,
        bus=bus,
        clock=clock,
        manifest=manifest,
        balancer=balancer,
        identities=identities,
        entitlement=entitlement,
        resolver=resolver,
        invocations=invocations,
        primaries=primaries,
        fires=Fires(
            bus=bus,
            clock=clock,
            resolver=resolver,
            entitlement=entitlement,
            invocations=invocations,
            activations=stores.activations,
            identities=identities,
        ),
        actions=Actions(
            entities=stores.entities,
            code=stores.code,
            clock=clock,
            entitlement=entitlement,
            announcer=announcer,
            manifest=manifest,
            seal=seal,
        ),
        packages=Packages(
            entities=stores.entities, clock=clock, announcer=announcer, seal=seal
        ),
        triggers=Triggers(entities=stores.entities, clock=clock, announcer=announcer),
        rules=Rules(
            entities=stores.entities,
            clock=clock,
            entitlement=entitlement,
            announcer=announcer,
        ),
    )
