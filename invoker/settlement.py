"""Where an activation ends, once: journal, ack, record, and then the bus.

Every activation that reaches this invoker is *taken*, *finished* exactly once, and
settled on the bus when its record is stored.  A destination hooks in here.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

from chasen import faults
from chasen.entities import (
    Activation,
    ActivationId,
    Outcome,
    decode_activation,
    encode_activation,
)
from chasen.messages import AckKind, ActivationMessage, Delivery
from chasen.ports.clock import Clock
from invoker import activation
from invoker.acks import Acks
from invoker.journal import Journal, JournalBroken, Past
from invoker.records import Entry, RecordWriter

log = logging.getLogger(__name__)

Settle = Callable[[], None]
REMEMBERED_IDS = 20_000  # per generation; a re-opened consumer repeats far fewer


class Settlement:
    """Owns what is in hand: every id that was taken and has no stored record."""

    def __init__(
        self, journal: Journal, acks: Acks, clock: Clock, records: RecordWriter
    ) -> None:
        self._journal = journal
        self._acks = acks
        self._clock = clock
        self._records = records
        self._in_hand: dict[ActivationId, list[Settle]] = {}
        self._settled: set[ActivationId] = set()
        self._settled_before: set[ActivationId] = set()

    @property
    def in_hand(self) -> int:
        return len(self._in_hand)

    def take(self, identifier: ActivationId, settle: Settle) -> bool:
        """Answer whether this is new here.

        A second delivery is settled together with the first, a late one at once.
        """
        deliveries = self._in_hand.get(identifier)
        if deliveries is not None:
            deliveries.append(settle)
            return False
        if identifier in self._settled or identifier in self._settled_before:
            settle()
            return False
        self._in_hand[identifier] = [settle]
        return True

    def release(self, identifier: ActivationId) -> None:
        """Forget a taken activation without settling it: it will come again."""
        self._in_hand.pop(identifier, None)

    def settle(self, identifiers: Sequence[ActivationId]) -> None:
        """These have a record: their messages need not come again."""
        if len(self._settled) >= REMEMBERED_IDS:
            self._settled_before, self._settled = self._settled, set()
        for identifier in identifiers:
            self._settled.add(identifier)
            for settle in self._in_hand.pop(identifier, ()):
                settle()

    def answer(
        self, message: ActivationMessage, record: Activation, doubtful: Activation
    ) -> bool:
        """The result is there, logs will follow: let a waiting caller go.

        ``doubtful`` says that its logs are missing; if we die now, it stands.  Answers
        whether the caller will hear of it.
        """
        encoded = encode_activation(record)

        def send() -> None:
            self._acks.send(AckKind.RESULT, message.controller, record, encoded)
            faults.point("I7")

        faults.point("I6")
        try:
            self._journal.finish(message, encode_activation(doubtful), send)
        except JournalBroken:
            log.error("the journal cannot be written", exc_info=True)
            return False
        return True

    def finish(
        self, message: ActivationMessage, record: Activation, kind: AckKind
    ) -> None:
        """The slot is free and the record whole."""
        encoded = encode_activation(record)
        waited_for = encoded if kind is AckKind.COMBINED and message.blocking else b""

        def send() -> None:
            self._acks.send(kind, message.controller, record, waited_for)

        def go_on() -> None:
            faults.point("I8")
            self._records.put(Entry(record, len(encoded), message.controller))
            send()
            faults.point("I7")

        faults.point("I6")
        try:
            self._journal.finish(message, encoded, go_on)
        except JournalBroken:
            # The ack may not outrun the record, so it waits for the store.
            log.error("the journal cannot be written", exc_info=True)
            late = Entry(record, len(encoded), message.controller, after=send)
            self._records.put(late)

    def refuse(
        self,
        message: ActivationMessage,
        outcome: Outcome,
        text: str,
        *,
        placeholder: bool = False,
    ) -> None:
        """End an activation that did not run, or whose outcome nobody knows."""
        record = activation.fallback_record(
            message,
            outcome,
            text,
            now_ms=self._clock.now_ms(),
            placeholder=placeholder,
        )
        self.finish(message, record, AckKind.COMBINED)

    def lose(self, message: ActivationMessage) -> None:
        """End an activation whose invoker went away while it may have run."""
        record = activation.lost_record(message, now_ms=self._clock.now_ms())
        self.finish(message, record, AckKind.COMBINED)

    def replay(self, past: Past) -> None:
        """Do what earlier lives left undone."""
        self._settled_before |= past.stored
        for identifier, finished in past.finished.items():
            record = decode_activation(finished.record)
            encoded = finished.record
            self._in_hand[identifier] = []
            self._records.put(Entry(record, len(encoded), finished.controller))
            waited_for = encoded if finished.blocking else b""
            self._acks.send(AckKind.COMBINED, finished.controller, record, waited_for)
        lost = 0
        for identifier, message in past.noted.items():
            if message.delivery == Delivery.AT_LEAST_ONCE:
                continue  # its message comes again, and then it runs again
            self._in_hand[identifier] = []
            self.lose(message)
            lost += 1
        if past.finished or past.noted:
            log.warning(
                "an earlier life left activations",
                extra={"finished": len(past.finished), "lost": lost},
            )

    def stored(self, batch: Sequence[Entry]) -> None:
        """Their records are stored; called by the record writer."""
        faults.point("I10")
        ids = [entry.record.activation_id for entry in batch]
        self._journal.stored(ids)
        by_controller: dict[str, list[ActivationId]] = defaultdict(list)
        for entry in batch:
            by_controller[entry.controller].append(entry.record.activation_id)
        for controller, stored in by_controller.items():
            self._acks.stored(controller, stored)
        faults.point("I11")
        self.settle(ids)
