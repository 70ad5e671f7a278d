"""Action code by its digest, kept within a bound of bytes.

Code is never overwritten in place, so what is here never goes stale.
"""

from __future__ import annotations

from collections import OrderedDict

from chasen.ports.stores import CodeStore

CACHE_BYTES_MAX = 128 * 1024 * 1024  # a handful of the biggest actions


class CodeCache:
    """Reads through to the code store; the least recently used go first."""

    def __init__(self, store: CodeStore, *, limit_bytes: int = CACHE_BYTES_MAX) -> None:
        self._store = store
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._codes: OrderedDict[str, str] = OrderedDict()

    async def get(self, digest: str) -> str:
        """Raises NoDocument, StoreUnavailable."""
        code = self._codes.get(digest)
        if code is not None:
            self._codes.move_to_end(digest)
            return code
        code = await self._store.get(digest)
        if digest not in self._codes and len(code) <= self._limit_bytes // 2:
            self._codes[digest] = code
            self._size_bytes += len(code)
            while self._size_bytes > self._limit_bytes:
                _, dropped = self._codes.popitem(last=False)
                self._size_bytes -= len(dropped)
        return code
