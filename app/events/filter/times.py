"""Times as people write them: a date, a clock's time, or a span back from now."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_SPAN: Final = re.compile(r"([0-9]{1,9})([smhd])")
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DAY: Final = timedelta(days=1)

TIME_HINT: Final = (
    "Write a time such as 2026-05-01T12:00 or 12:30, or a span back from now such as 10m, 2h or 3d."
)
"""What to tell a person who wrote something else."""


def resolve_time(value: str, now: datetime) -> datetime:
    """Return the moment that a text stands for, in UTC.

    Args:
        value: a span back from `now` (`30s`, `10m`, `2h`, `3d`), an ISO date or date and time, in local time
            where it names no zone, or a time of day (`12:30`), which is the last time the clock showed it.
        now: the present moment, with its zone.

    Raises:
        ValueError: it is no time, or one that no calendar has.
    """
    try:
        if span := _SPAN.fullmatch(value):
            return _back(now, timedelta(**{_UNITS[span.group(2)]: int(span.group(1))}))
        if clock := _CLOCK.fullmatch(value):
            return _last(now, int(clock.group(1)), int(clock.group(2)), int(clock.group(3) or 0))
        return datetime.fromisoformat(value).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"no calendar has the time {value!r}") from error


def _back(now: datetime, span: timedelta) -> datetime:
    """Return the moment that long ago, or the first of all where there were not so many years."""
    first = datetime.min.replace(tzinfo=UTC)
    present = now.astimezone(UTC)
    return present - span if span <= present - first else first


def _last(now: datetime, hour: int, minute: int, second: int) -> datetime:
    """Return the last moment up to `now` at which the local clock showed the time."""
    # Without its zone the local time keeps its figures over a change of the clock.
    today = now.astimezone().replace(tzinfo=None, hour=hour, minute=minute, second=second, microsecond=0)
    moment = today.astimezone(UTC)
    return moment if moment <= now else (today - _DAY).astimezone(UTC)
