"""Telling every controller that a namespace's keys, rights or limits have changed."""

from __future__ import annotations

from chasen.bus import topics
from chasen.errors import BusUnavailable
from chasen.messages import Invalidation
from chasen.ports.bus import MessageBus
from controller.administration.subjects import Announce
from controller.entitlement.identities import Identities


def announcer(bus: MessageBus, controller: str, identities: Identities) -> Announce:
    """Answer what makes this controller forget, and tells the others."""

    async def announce(*namespaces: str) -> None:
        identities.forget(namespaces)
        news = Invalidation(controller=controller, namespaces=list(namespaces))
        try:
            await bus.post(topics.CACHE_INVALIDATION, news.encode(), durable=False)
        except BusUnavailable:
            return  # what they remember of identities ages out in 1.5 s

    return announce
