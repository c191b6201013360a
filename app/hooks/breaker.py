"""The circuit breaker of one hook: takes a hook that fails or costs too much out of the path, for a while.

The states are those of M. Nygard's circuit breaker ("Release It!", 2nd edition, chapter 5). What is ours is
the budget: a hook may spend `floor_s`, and beyond that a share of the time that passes in what it wraps.
After a trip it comes back for a try only when that time has grown so far that what was spent is
`repaid_share` of it; so over a long time even a hook that is always too slow stays far below the limit.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

# What lies this far back weighs half: a hook that was quick for hours has no hours of credit.
_HALF_LIFE_S: Final = 60.0


class BreakerState(StrEnum):
    """closed: the hook runs; open: it does not; half_open: its next run decides."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens, and for how long.

    Args:
        failures: failures in a row; a time-out is enough by itself.
        share: greatest share of the wrapped time.
        floor_s: seconds that a hook may spend whatever the share.
        cooldown_s: seconds that it stays open at least; doubles with each trip in a row.
        longest_s: longest of those waits in seconds.
        repaid_share: share of the wrapped time at which what was spent counts as repaid.
    """

    failures: int = 3
    share: float = 0.05
    floor_s: float = 0.05
    cooldown_s: float = 5.0
    longest_s: float = 300.0
    repaid_share: float = 0.01


class Breaker:
    """Decides whether a hook runs. Pure: the caller tells the time.

    Args:
        limits: see `BreakerLimits`.
        wrapped: seconds that what the hook wraps has taken so far.
    """

    def __init__(self, limits: BreakerLimits, wrapped: float = 0.0) -> None:
        self.state = BreakerState.CLOSED
        self.reason = ""
        self.open_until = 0.0
        """Clock time before which an open breaker lets nothing through."""
        self._limits = limits
        self._failures = 0
        self._trips = 0
        self.spent = 0.0
        """Seconds that the hook took; whoever runs it adds to them."""
        self._since = wrapped
        self._repaid_at = 0.0

    def share(self, wrapped: float) -> float:
        """Return the hook's share of the wrapped time, 0 to 1, over about the last minute of it."""
        passed = wrapped - self._since
        return min(1.0, self.spent / passed) if passed > 0 else 0.0

    def fail(self, now: float, wrapped: float, reason: str, *, at_once: bool = False) -> bool:
        """Note a failed run; return whether that opened the breaker.

        Args:
            now: the clock, in seconds.
            wrapped: seconds of what the hook wraps.
            reason: what went wrong, for people.
            at_once: this one is enough.
        """
        self._failures += self._limits.failures if at_once else 1
        if self.state is BreakerState.OPEN:
            return False
        if self.state is BreakerState.CLOSED and self._failures < self._limits.failures:
            return False
        self._open(now, wrapped, reason)
        return True

    def succeed(self) -> bool:
        """Note a run without a failure; return whether that closed the breaker."""
        self._failures = 0
        if self.state is not BreakerState.HALF_OPEN:
            return False
        self.state = BreakerState.CLOSED
        self.reason = ""
        return True

    def judge(self, now: float, wrapped: float) -> bool:
        """Compare what was spent with the budget; return whether that opened the breaker."""
        passed = wrapped - self._since
        if self.state is BreakerState.OPEN:
            return False
        spent = self.spent
        if spent > self._limits.floor_s and spent > self._limits.share * passed:
            share = min(100.0, 100 * spent / passed) if passed > 0 else 100.0
            self._open(now, wrapped, f"it took {spent * 1000:,.0f} ms, {share:.0f} % of what it wraps")
            return True
        if passed > _HALF_LIFE_S:
            self.spent /= 2
            self._since = wrapped - passed / 2
            # Good for so long: an older trip no longer makes the next wait longer.
            self._trips = 0
        return False

    def is_due(self, now: float, wrapped: float) -> bool:
        """Tell whether an open breaker may let one run through."""
        return self.state is BreakerState.OPEN and now >= self.open_until and wrapped >= self._repaid_at

    def probe(self, wrapped: float) -> None:
        """Let the next run decide."""
        self.state = BreakerState.HALF_OPEN
        self._failures = 0
        self.spent = 0.0
        self._since = wrapped

    def reset(self, wrapped: float) -> None:
        """Close it and forget what was."""
        self.__init__(self._limits, wrapped)  # type: ignore[misc]

    def _open(self, now: float, wrapped: float, reason: str) -> None:
        limits = self._limits
        wait = min(limits.longest_s, limits.cooldown_s * 2.0 ** min(self._trips, 16))
        self._trips += 1
        self.state = BreakerState.OPEN
        self.reason = reason
        self.open_until = now + wait
        self._repaid_at = self._since + self.spent / limits.repaid_share
        # A try must wait at least as long as the hook has just cost, also where little time is wrapped.
        self._repaid_at = max(self._repaid_at, wrapped)
