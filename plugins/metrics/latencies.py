"""Latencies in buckets whose width grows with what they hold.

So a quantile is right to 1.6 per cent from nanoseconds to days, in little room: G. Tene's HDR histogram
(hdrhistogram.org).
"""

from __future__ import annotations

import math
from typing import Any, Final

# Buckets for each doubling.
_STEPS: Final = 32


class Latencies:
    """Counts durations and tells their quantiles."""

    __slots__ = ("_buckets", "count", "longest", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.longest = 0.0
        self._buckets: dict[int, int] = {}

    def add(self, duration: float) -> None:
        """Count a duration, in any unit; what is not above 0 counts as nothing."""
        self.count += 1
        if duration <= 0:
            self._buckets[_NOTHING] = self._buckets.get(_NOTHING, 0) + 1
            return
        self.total += duration
        self.longest = max(self.longest, duration)
        part, power = math.frexp(duration)
        place = power * _STEPS + int((part - 0.5) * 2 * _STEPS)
        self._buckets[place] = self._buckets.get(place, 0) + 1

    def quantile(self, share: float) -> float:
        """Return the duration that a share of all (0 to 1) does not exceed, 0 when there is none."""
        wanted = math.ceil(share * self.count)
        seen = 0
        for place in sorted(self._buckets):
            seen += self._buckets[place]
            if seen >= wanted:
                return min(self.longest, _middle(place))
        return 0.0

    def facts(self) -> dict[str, Any]:
        """Return count, mean, quantiles and the longest."""
        return {
            "count": self.count,
            "mean": _short(self.total / self.count) if self.count else 0.0,
            "p50": _short(self.quantile(0.5)),
            "p90": _short(self.quantile(0.9)),
            "p99": _short(self.quantile(0.99)),
            "max": _short(self.longest),
        }


_NOTHING: Final = -(10**6)


def _middle(place: int) -> float:
    """Return the middle of a bucket."""
    if place == _NOTHING:
        return 0.0
    power, step = divmod(place, _STEPS)
    return math.ldexp(0.5 + (step + 0.5) / (2 * _STEPS), power)


def _short(number: float) -> float:
    return float(f"{number:.4g}")
