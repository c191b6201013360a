"""UUIDv7 identifiers: unique, and sorted by the time they were made.

Source: RFC 9562, section 5.7, with the random bits used as a counter inside one millisecond
(section 6.2, method 2), so that ids of one process never go backwards.
"""

from __future__ import annotations

import itertools
import os
import time
from typing import Final

_COUNTER_BITS: Final = 74
_LOW_BITS: Final = 62
_LOW_MASK: Final = (1 << _LOW_BITS) - 1
_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
# A random start leaves room to count upwards: the top bit of the counter begins as zero.
_START_MASK: Final = (1 << (_COUNTER_BITS - 1)) - 1


class _State:
    """The last millisecond seen and the counter that runs through it."""

    __slots__ = ("counter", "millisecond")

    def __init__(self) -> None:
        self.millisecond = 0
        self.counter = itertools.count(0)


_state = _State()


def new_id() -> str:
    """Return a new UUIDv7 as 36 characters of text.

    Ids made later in this process compare greater as text. Safe to call from several threads: a race can
    only cost the order inside one millisecond, never uniqueness, since each fresh counter starts at random.
    """
    now = time.time_ns() // 1_000_000
    if now > _state.millisecond:
        _state.counter = itertools.count(int.from_bytes(os.urandom(10)) & _START_MASK)
        _state.millisecond = now
    count = next(_state.counter)
    value = (
        (_state.millisecond << 80) | _VERSION | ((count >> _LOW_BITS) << 64) | _VARIANT | (count & _LOW_MASK)
    )
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
