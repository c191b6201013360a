"""Sums of what replies took: of each session, of each day, and of all."""

from __future__ import annotations

from collections import OrderedDict
from datetime import date
from typing import Final, TypeVar

import msgspec

_MOST_SESSIONS: Final = 4_096
_MOST_DAYS: Final = 400
_Key = TypeVar("_Key")


class Taken(msgspec.Struct, frozen=True):
    """What one or more replies took.

    Args:
        replies: how many.
        read: tokens of their prompts.
        written: tokens of the replies.
        seconds: how long they took.
        money: in the currency of the prices.
    """

    replies: int = 0
    read: int = 0
    written: int = 0
    seconds: float = 0.0
    money: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.read + self.written

    def plus(self, other: Taken) -> Taken:
        """Return both together."""
        return Taken(
            self.replies + other.replies,
            self.read + other.read,
            self.written + other.written,
            self.seconds + other.seconds,
            self.money + other.money,
        )


NOTHING: Final = Taken()


class Ledger:
    """Keeps the sums; the sessions and days that were used last, so that it stays small."""

    def __init__(self) -> None:
        self.total = NOTHING
        self.models: dict[str, Taken] = {}
        self._sessions: OrderedDict[str, Taken] = OrderedDict()
        self._days: OrderedDict[date, Taken] = OrderedDict()

    def add(self, taken: Taken, *, session_id: str | None, day: date, model: str) -> None:
        """Add what a reply took."""
        self.total = self.total.plus(taken)
        self.models[model] = self.models.get(model, NOTHING).plus(taken)
        _add(self._days, day, taken, _MOST_DAYS)
        if session_id is not None:
            _add(self._sessions, session_id, taken, _MOST_SESSIONS)

    def session(self, session_id: str | None) -> Taken:
        """Return the sum of a session."""
        return self._sessions.get(session_id or "", NOTHING)

    def day(self, day: date) -> Taken:
        """Return the sum of a day."""
        return self._days.get(day, NOTHING)


def _add(sums: OrderedDict[_Key, Taken], key: _Key, taken: Taken, most: int) -> None:
    sums[key] = sums.get(key, NOTHING).plus(taken)
    sums.move_to_end(key)
    if len(sums) > most:
        sums.popitem(last=False)
