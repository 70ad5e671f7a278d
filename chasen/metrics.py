"""Every metric name, once.  Children are bound here, so that a count is an addition.

The text is served on the operator port only.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_LATENCY_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 60)

activations_accepted = Counter(
    "chasen_controller_activations_total", "Activations accepted.", ["blocking"]
)
accepted_blocking = activations_accepted.labels("true")
accepted_async = activations_accepted.labels("false")
requests_refused = Counter(
    "chasen_controller_refused_total", "Invocations refused.", ["reason"]
)
completions = Counter(
    "chasen_loadbalancer_completions_total", "Completions by how they came.", ["how"]
)
completed_regular = completions.labels("regular")
completed_forced = completions.labels("forced")
completed_late = completions.labels("regularAfterForced")
in_flight = Gauge("chasen_loadbalancer_in_flight", "Activations in flight.")
invoker_states = Gauge(
    "chasen_loadbalancer_invokers", "Invokers by their state.", ["state"]
)
overloads = Counter(
    "chasen_loadbalancer_overload_total", "Activations sent to a full invoker."
)
waits = Histogram(
    "chasen_controller_blocking_seconds", "Blocking calls.", buckets=_LATENCY_S
)
records_rescued = Counter(
    "chasen_controller_records_rescued_total",
    "Records that a controller wrote because no invoker did.",
    ["kind"],
)
container_starts = Counter(
    "chasen_invoker_container_start_total", "How jobs got their container.", ["how"]
)
containers = Gauge("chasen_invoker_containers", "Containers by state.", ["state"])
memory_mb = Gauge("chasen_invoker_memory_mb", "Memory booked for containers.")
queue_length = Gauge("chasen_invoker_queue", "Jobs waiting for a container.")
runs = Histogram("chasen_invoker_run_seconds", "Runs.", buckets=_LATENCY_S)
records_stored = Counter("chasen_invoker_records_total", "Records stored.")
records_waiting = Gauge("chasen_invoker_records_waiting", "Records not yet stored.")
