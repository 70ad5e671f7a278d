"""The load balancer as the rest of the controller knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chasen.entities import ActivationId
from chasen.messages import Ack, ActivationMessage, Compose


@dataclass(frozen=True, slots=True)
class PendingActivation:
    """An activation on its way.

    ``posted`` is done when the bus has the message.  ``answer`` is done with the result
    ack, or with None when nobody will tell any more (late, not lost).
    """

    message: ActivationMessage | Compose
    posted: asyncio.Future[None]
    answer: asyncio.Future[Ack | None]


@dataclass(frozen=True, slots=True)
class Among:
    """The usable invokers at one moment, and those of them that had no room."""

    invokers: Sequence[int]
    full: Sequence[int] = ()


class LoadBalancer(Protocol):
    """Chooses an invoker and keeps the books."""

    def publish(
        self,
        message: ActivationMessage,
        *,
        memory_mb: int,
        timeout_ms: int,
        is_blackbox: bool,
        among: Among | None = None,
    ) -> PendingActivation:
        """Send the message on its way.

        With ``among`` it goes where this leads, however full or ill that invoker is.

        Raises:
            NoInvokers: none is usable, or all are overbooked; nothing was sent.
        """
        ...

    def among(self) -> Among:
        """Answer between which invokers a choice would be made now.

        Raises NoInvokers.
        """
        ...

    def expect(self, activation_id: ActivationId) -> asyncio.Future[Ack | None]:
        """Answer what will be done when ``tell``, or an ack from elsewhere, comes."""
        ...

    def tell(self, ack: Ack) -> None:
        """Wake who expects this."""
        ...

    def stop_waiting(self, activation_id: ActivationId) -> None:
        """The caller went away or was answered; the activation goes on."""
        ...

    def not_posted(self, activation_id: ActivationId) -> None:
        """The bus did not confirm the message; it may have it all the same."""
        ...

    def post_again(self, message: ActivationMessage) -> asyncio.Future[None] | None:
        """Post a blocking activation durably; None when that is not needed.

        Not where the bus keeps everything anyway, nor for what has ended meanwhile.
        """
        ...

    def in_flight(self, namespace_uuid: str) -> int:
        """Answer how many activations of the namespace this controller has open."""
        ...

    def invoker_states(self) -> Mapping[int, str]:
        """Answer number -> state, as ``/invokers`` shows it."""
        ...
