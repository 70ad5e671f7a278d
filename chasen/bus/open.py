"""From an address to a message bus; the only place that knows which there are.

memory:            in this process, gone with it
memory:PATH        the same, but durable messages lie in the file PATH
                   (PATH?sync=full: they survive a power cut too)
kafka://HOST:PORT[,HOST:PORT...]    (?replication=N for topics it makes)
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from urllib.parse import parse_qs

from chasen.errors import BadInput
from chasen.ports.bus import MessageBus


def open_bus(url: str) -> AbstractAsyncContextManager[MessageBus]:
    """Open the bus behind this address.

    Entering raises BusUnavailable when the spool file cannot be used; a broker that
    is away is no reason to fail: `fault` tells, and it is tried for ever.

    Raises:
        BadInput: the address is none.
    """
    address, _, query = url.partition("?")
    options = {name: values[-1] for name, values in parse_qs(query).items()}
    scheme, colon, rest = address.partition(":")
    if scheme == "memory" and colon:
        return _memory(rest, options)
    if scheme == "kafka" and rest.startswith("//") and rest != "//":
        return _kafka(rest[2:], options)
    raise BadInput(
        f"'{url}' is no address of a message bus."
        " Use memory:, memory:PATH or kafka://HOST:PORT."
    )


def _memory(
    path: str, options: dict[str, str]
) -> AbstractAsyncContextManager[MessageBus]:
    from chasen.bus.memory import open_memory, open_spooled

    if not path:
        return open_memory()
    full = options.get("sync") == "full"
    return open_spooled(path, synchronous="FULL" if full else "NORMAL")


def _kafka(
    servers: str, options: dict[str, str]
) -> AbstractAsyncContextManager[MessageBus]:
    from chasen.bus.kafka import KafkaBus

    replication = options.get("replication", "1")
    if not replication.isdecimal() or replication == "0":
        raise BadInput(f"'{replication}' is no number of copies of a topic.")
    return KafkaBus(servers.rstrip("/"), replication=int(replication))
