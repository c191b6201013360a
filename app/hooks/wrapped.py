"""Measures the time of what hooks wrap: turns, commands, or simply the time that passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from workbench.app.hooks.point import Wraps


class WrappedTime:
    """Sums the seconds of operations of each kind, also of those that still run.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._ended: dict[Wraps, float] = {"turn": 0.0, "command": 0.0}
        self._running: dict[Wraps, list[float]] = {"turn": [], "command": []}

    def seconds(self, kind: Wraps) -> float:
        """Return the seconds of all operations of a kind so far; for `time`, the clock."""
        now = self._clock()
        if kind == "time":
            return now
        return self._ended[kind] + sum(now - began for began in self._running[kind])

    @contextmanager
    def operation(self, kind: Wraps) -> Iterator[None]:
        """Count the block's time."""
        began = self._clock()
        self._running[kind].append(began)
        try:
            yield
        finally:
            self._running[kind].remove(began)
            self._ended[kind] += self._clock() - began
