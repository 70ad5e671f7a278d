"""Jobs that wait for a container: a queue for each key, and a fair order of keys.

One long queue would make everybody wait for the job at its head; here a namespace that
uses little goes before one that uses much.  Pure: time is handed in.
Source: runBuffer in ContainerPool.scala, which is one FIFO.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping

from invoker.job import Job, Key


class Backlog:
    """Queues by key; each job with the time of its coming."""

    def __init__(self) -> None:
        self._queues: dict[Key, deque[tuple[float, Job]]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset(self._queues)

    def waiting(self, key: Key) -> int:
        queue = self._queues.get(key)
        return len(queue) if queue is not None else 0

    def since_s(self, key: Key) -> float:
        """Answer when the first job of this key came."""
        return self._queues[key][0][0]

    def head(self, key: Key) -> Job:
        return self._queues[key][0][1]

    def add(self, job: Job, now_s: float) -> None:
        self._queues.setdefault(job.key, deque()).append((now_s, job))
        self._length += 1

    def add_first(self, job: Job, now_s: float) -> None:
        """A job that was given back does not queue again."""
        self._queues.setdefault(job.key, deque()).appendleft((now_s, job))
        self._length += 1

    def take(self, key: Key) -> Job | None:
        queue = self._queues.get(key)
        if queue is None:
            return None
        _, job = queue.popleft()
        self._length -= 1
        if not queue:
            del self._queues[key]
        return job

    def in_turn(
        self, used_mb: Mapping[str, int], served_s: Mapping[str, float]
    ) -> list[Key]:
        """Answer the keys, those of the namespace that uses least first, then of the
        one that was served longest ago; within one, who has waited longest."""

        def turn(key: Key) -> tuple[int, float, float]:
            uuid = key.namespace_uuid
            served = served_s.get(uuid, 0.0)
            return used_mb.get(uuid, 0), served, self.since_s(key)

        return sorted(self._queues, key=turn)

    def take_if(self, is_over: Callable[[Job], bool]) -> Iterator[Job]:
        """Take out every job for which this holds."""
        for key in tuple(self._queues):
            kept: deque[tuple[float, Job]] = deque()
            for entry in self._queues[key]:
                if is_over(entry[1]):
                    self._length -= 1
                    yield entry[1]
                else:
                    kept.append(entry)
            if kept:
                self._queues[key] = kept
            else:
                del self._queues[key]
