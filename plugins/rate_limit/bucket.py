"""A token bucket: so much may be taken in a minute, at once or spread.

The meter is J. Turner's ("New directions in communications", 1986); RFC 2697 describes it.
"""

from __future__ import annotations

from typing import Final

_ROUNDING: Final = 1e-9


class Bucket:
    """Holds what may still be taken; it fills evenly, up to a minute's worth. The caller tells the time.

    Args:
        now: the clock in seconds.
        per_minute: how much there is in a minute, more than 0.
    """

    __slots__ = ("_level", "_per_minute", "_seen")

    def __init__(self, now: float, per_minute: float) -> None:
        self._per_minute = per_minute
        self._level = per_minute
        self._seen = now

    def wait_for(self, now: float, amount: float, per_minute: float) -> float:
        """Return the seconds until so much can be taken, 0 when it can be now.

        Args:
            now: the clock in seconds.
            amount: how much is wanted, at most a minute's worth.
            per_minute: how much there is in a minute; it may have changed since.
        """
        self._fill(now, per_minute)
        missing = min(amount, per_minute) - self._level
        # What is missing by a rounding is not missing.
        return missing * 60 / per_minute if missing > _ROUNDING else 0.0

    def take(self, now: float, amount: float, per_minute: float) -> None:
        """Take something; what was not known before may be more than there is, and is owed then."""
        self._fill(now, per_minute)
        self._level -= amount

    def _fill(self, now: float, per_minute: float) -> None:
        if per_minute != self._per_minute:
            # What has been taken stays taken under another limit.
            self._level += per_minute - self._per_minute
            self._per_minute = per_minute
        passed = max(0.0, now - self._seen)
        self._seen = now
        self._level = min(per_minute, self._level + passed * per_minute / 60)
