"""Times of hooks in few cells: as text, and as bars on a logarithmic scale from a microsecond to a second."""

from __future__ import annotations

import math
from typing import Final

from workbench.app.events.waterfall import duration_text

_WHOLE: Final = "━"
_HALF: Final = "╸"
_SHORTEST_MS: Final = 0.001
_DECADES: Final = 6
_SLOW_MS: Final = 10.0


def time_text(ms: float) -> str:
    """Return a time with three digits or so, nine cells at most: `3.10 µs`, `0`, `12.3 ms`."""
    if ms <= 0:
        return "0"
    if ms >= 0.9995:
        return duration_text(ms)
    value = ms * 1000
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} µs"


def bar(ms: float, width: int) -> str:
    """Return a bar of `width` cells: a sixth of it for each power of ten above a microsecond."""
    share = math.log10(ms / _SHORTEST_MS) / _DECADES if ms > _SHORTEST_MS else 0.0
    halves = max(1, round(min(1.0, share) * width * 2)) if ms > 0 else 0
    return (_WHOLE * (halves // 2) + _HALF * (halves % 2)).ljust(width)


def bar_style(ms: float) -> str:
    """Return how a bar looks: what is slow for a hook stands out."""
    return "warning" if ms >= _SLOW_MS else "quiet"


def percent_text(share: float) -> str:
    """Return per cent in six cells at most: `0.04 %`, `12.3 %`."""
    digits = 2 if share < 9.995 else 1 if share < 99.95 else 0
    return f"{share:.{digits}f} %"
