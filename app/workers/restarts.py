"""When a lost worker may be started again, and when it is given up."""

from __future__ import annotations

from collections import deque

from workbench.app.workers.limits import WorkerLimits


class RestartBudget:
    """Remembers a worker's recent losses; pure arithmetic on times that the caller brings.

    Args:
        limits: supplies the restart limit and window and the back-off.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._losses: deque[float] = deque(maxlen=limits.restart_limit + 1)

    def record(self, now: float) -> None:
        """Note a loss at `now` (seconds of a monotonic clock)."""
        self._losses.append(now)

    def clear(self) -> None:
        """Forget all losses."""
        self._losses.clear()

    def exhausted(self, now: float) -> bool:
        """Tell whether more than `restart_limit` losses lie within the window before `now`."""
        return self._recent(now) > self._limits.restart_limit

    def delay(self, now: float) -> float:
        """Return how many seconds from `now` a restart has to wait; 0.0 without a recent loss."""
        recent = self._recent(now)
        if recent == 0:
            return 0.0
        pause = min(self._limits.backoff_first_s * 2.0 ** (recent - 1), self._limits.backoff_max_s)
        return max(0.0, self._losses[-1] + pause - now)

    def _recent(self, now: float) -> int:
        start = now - self._limits.restart_window_s
        return sum(1 for loss in self._losses if loss > start)
