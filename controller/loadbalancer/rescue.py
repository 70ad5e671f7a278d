"""Records that nobody named as stored: look, and write what is missing.

An accepted activation ends with one record, also when the invoker that had it is gone:
what an ack carried is written as it is, an unknown outcome as a placeholder that a real
record may still replace.
"""

from __future__ import annotations

import logging

from chasen import metrics
from chasen.entities import Activation, decode_activation
from chasen.errors import StoreUnavailable
from chasen.ports.clock import Clock
from chasen.ports.stores import ActivationStore
from controller.loadbalancer.balancer import Balancer, placeholder
from controller.loadbalancer.ledger import Overdue

log = logging.getLogger("controller.rescue")

BATCH = 200


async def rescue(
    balancer: Balancer, activations: ActivationStore, clock: Clock
) -> None:
    """One look; call it each second.  A store that is down leaves all for later."""
    overdue = balancer.look()
    for start in range(0, len(overdue), BATCH):
        try:
            await _rescue_batch(
                overdue[start : start + BATCH], balancer, activations, clock
            )
        except StoreUnavailable:
            return


async def _rescue_batch(
    batch: list[Overdue],
    balancer: Balancer,
    activations: ActivationStore,
    clock: Clock,
) -> None:
    known = await activations.known(
        (each.entry.namespace, each.entry.activation_id) for each in batch
    )
    missing = [each for each in batch if each.entry.activation_id not in known]
    records = [
        record for each in missing if (record := _record(each, clock)) is not None
    ]
    if records:
        await activations.store(records)
        log.warning("records rescued", extra={"count": len(records)})
    written = {record.activation_id for record in records}
    for each in batch:
        if each.entry.activation_id in known | written:
            balancer.settled(each.entry.activation_id)


def _record(overdue: Overdue, clock: Clock) -> Activation | None:
    entry = overdue.entry
    if entry.record:
        metrics.records_rescued.labels("from ack").inc()
        return decode_activation(entry.record)
    if overdue.lost or entry.deadline_s < clock.monotonic_s():
        metrics.records_rescued.labels("placeholder").inc()
        return placeholder(entry, clock.now_ms())
    return None  # its record was too big for the ack; its invoker will store it
