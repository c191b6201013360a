"""UUIDv7 identifiers: unique, and sorted by the time they were made.

Source: RFC 9562, section 5.7, with the random bits used as a counter inside one millisecond
(section 6.2, method 2), so that ids of one process never go backwards.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

_COUNTER_BITS: Final = 48
# A random start below half of the range: no millisecond is long enough to count through the rest.
_START_MASK: Final = (1 << (_COUNTER_BITS - 1)) - 1


class _Series(NamedTuple):
    """The ids of one millisecond: they begin alike and end with a counter."""

    millisecond: int
    head: str
    counter: Iterator[int]


def _series(millisecond: int) -> _Series:
    noise = int.from_bytes(os.urandom(10))
    fixed = noise >> _COUNTER_BITS
    stamp = f"{millisecond:012x}"
    # 12 random bits behind the version, 14 behind the variant (binary 10).
    head = f"{stamp[:8]}-{stamp[8:]}-7{fixed & 0xFFF:03x}-{0x8000 | (fixed >> 12) & 0x3FFF:04x}-"
    return _Series(millisecond, head, itertools.count(noise & _START_MASK))


_current = _series(0)


def new_id() -> str:
    """Return a new UUIDv7 as 36 characters of text.

    Ids made later in this process compare greater as text. Safe to call from several threads: the series is
    replaced as a whole, so a race can only cost the order inside one millisecond.
    """
    global _current
    now = time.time_ns() // 1_000_000
    if now > _current.millisecond:
        _current = _series(now)
    series = _current
    return f"{series.head}{next(series.counter):012x}"
