"""Reading what the bus tells a controller: acks, pings, invalidations."""

from __future__ import annotations

from collections.abc import Callable

from chasen.bus import topics
from chasen.bus.feed import Delivery, MessageFeed
from chasen.messages import Ack, Invalidation, Ping, decode_completed
from chasen.ports.bus import MessageBus
from controller.loadbalancer.balancer import Balancer

AT_ONCE = 128  # OpenWhisk's figure; nothing here waits, so it only bounds a batch


def completed_feed(bus: MessageBus, name: str, balancer: Balancer) -> MessageFeed:
    """Acks and stored ids for this controller."""

    def handle(delivery: Delivery) -> None:
        message = decode_completed(delivery.received.body)
        if isinstance(message, Ack):
            balancer.on_ack(message)
        else:
            balancer.on_stored(message)
        delivery.settle()

    topic = topics.completed(name)
    return MessageFeed(bus, topic, topic, handle, capacity=AT_ONCE)


def health_feed(bus: MessageBus, name: str, balancer: Balancer) -> MessageFeed:
    """Pings, read by every controller for itself."""

    def handle(delivery: Delivery) -> None:
        balancer.on_ping(Ping.decode(delivery.received.body))
        delivery.settle()

    return MessageFeed(
        bus,
        topics.HEALTH,
        f"{topics.HEALTH}-controller{name}",
        handle,
        capacity=AT_ONCE,
    )


def invalidation_feed(
    bus: MessageBus,
    name: str,
    *,
    forget: Callable[[list[str]], None],
    forget_namespaces: Callable[[list[str]], None],
) -> MessageFeed:
    """What other controllers wrote."""

    def handle(delivery: Delivery) -> None:
        message = Invalidation.decode(delivery.received.body)
        if message.controller != name:
            forget(message.names)
            forget_namespaces(message.namespaces)
        delivery.settle()

    return MessageFeed(
        bus,
        topics.CACHE_INVALIDATION,
        f"{topics.CACHE_INVALIDATION}-controller{name}",
        handle,
        capacity=AT_ONCE,
    )
