"""`wsk action invoke --repeat N`: the same invocation many times, and how long it took.

Latencies are the client's, over kept connections; figures go to stderr.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from wsk.errors import APPLICATION_ERROR, ApplicationError, doing
from wsk.names import QualifiedName
from wsk.session import Session

CONCURRENCY_LIMIT = 256


def percentile(sorted_values: list[float], share: float) -> float:
    """The value below which this share of them lies."""
    index = min(len(sorted_values) - 1, int(share * len(sorted_values)))
    return sorted_values[index]


def invoke_many(session: Session, name: QualifiedName, body: Any) -> int:
    """Invoke, blocking, and summarise; exit 246 if any failed."""
    call, out = session.call, session.out
    count = max(1, call.number("repeat"))
    workers = min(count, max(1, call.number("concurrency")), CONCURRENCY_LIMIT)
    shares = [count // workers + (n < count % workers) for n in range(workers)]
    started = time.perf_counter()
    with (
        doing(f"Unable to invoke action '{name.path}': ", usage=True),
        ThreadPoolExecutor(workers) as pool,
    ):
        jobs = [pool.submit(_many, session, name, body, share) for share in shares]
        parts = [job.result() for job in jobs]
    took_s = time.perf_counter() - started
    latencies = sorted(x for part, _ in parts for x in part)
    failed = sum(failures for _, failures in parts)
    shown = " ".join(
        f"p{int(share * 100)} {percentile(latencies, share):.1f}ms"
        for share in (0.5, 0.9, 0.99)
    )
    out.error_line(
        f"{count} invocations, {failed} failed, {count / took_s:.0f} a second: "
        f"min {latencies[0]:.1f}ms {shown} max {latencies[-1]:.1f}ms"
    )
    return APPLICATION_ERROR if failed else 0


def _many(
    session: Session, name: QualifiedName, body: Any, count: int
) -> tuple[list[float], int]:
    """One worker: latencies in milliseconds, and how many failed."""
    from wsk.names import encode

    client = session.new_client()
    where = f"namespaces/{encode(name.namespace)}/actions/{encode(name.path)}"
    query = (("blocking", "true"), ("result", "true"))
    latencies, failed = [], 0
    for _ in range(count):
        before = time.perf_counter()
        try:
            client.send("POST", client.url(where), query, body, large=True)
        except ApplicationError:
            failed += 1
        latencies.append((time.perf_counter() - before) * 1000)
    client.close()
    return latencies, failed
