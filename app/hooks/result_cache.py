"""Keeps results that hooks asked to keep: bounded in number and size, each for its time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple

import msgspec

_MOST_ENTRIES: Final = 512
_MOST_BYTES: Final = 16 * 1024 * 1024


class _Kept(NamedTuple):
    items: tuple[Any, ...]
    until: float
    size: int


class ResultCache:
    """A least-recently-used cache of results, each a sequence of items.

    Args:
        most_entries: most results.
        most_bytes: most bytes of them all, measured as MessagePack.
        clock: seconds.
    """

    def __init__(
        self,
        most_entries: int = _MOST_ENTRIES,
        most_bytes: int = _MOST_BYTES,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """Size of what is kept."""
        return self._bytes

    def get(self, point: str, key: str) -> tuple[Any, ...] | None:
        """Return a result, None when there is none or its time is over."""
        kept = self._kept.get((point, key))
        if kept is None:
            return None
        if kept.until <= self._clock():
            self._drop((point, key))
            return None
        self._kept.move_to_end((point, key))
        return kept.items

    def put(self, point: str, key: str, items: Sequence[Any], ttl: float) -> bool:
        """Keep a result for `ttl` seconds; return whether it could be kept."""
        try:
            size = len(msgspec.msgpack.encode(items)) + len(key)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return False
        if size > self._most_bytes or ttl <= 0:
            return False
        self._drop((point, key))
        self._kept[point, key] = _Kept(tuple(items), self._clock() + ttl, size)
        self._bytes += size
        while self._bytes > self._most_bytes or len(self._kept) > self._most_entries:
            self._drop(next(iter(self._kept)))
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0

    def _drop(self, key: tuple[str, str]) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size
