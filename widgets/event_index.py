"""Which events a list shows, oldest first: their numbers in the log, and nothing of the events themselves."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from operator import neg
from typing import Final, TypeAlias

CAPACITY: Final = 1_500_000


class AllRows:
    """A row for every number from the first to the last, so that their count costs nothing.

    Args:
        first: number of the oldest event.
        last: number of the newest, one less than `first` when there is none.
    """

    def __init__(self, first: int = 1, last: int = 0) -> None:
        self._first = first
        self._last = max(last, first - 1)

    def __len__(self) -> int:
        return self._last - self._first + 1

    @property
    def last(self) -> int:
        """Number of the newest event, 0 when there is none."""
        return self._last if len(self) else 0

    def seq(self, place: int) -> int:
        """Return the number of the event in a row; `place` must be one."""
        return self._first + place

    def place(self, seq: int) -> int:
        """Return how many rows stand before the event with a number."""
        return max(0, min(seq - self._first, len(self)))

    def reaches(self, seq: int) -> bool:
        """Tell whether every event from a number on that belongs here is here."""
        return True

    def add(self, seqs: Sequence[int]) -> None:
        """Take numbers, rising or falling; what lies between is part of the log too."""
        if seqs:
            self._last = max(self._last, seqs[0], seqs[-1])

    def forget_before(self, first: int) -> None:
        """Drop the rows of older events than `first`."""
        self._first = max(self._first, min(first, self._last + 1))


class FoundRows:
    """The events that a search finds: chunks that come newest first, live ones, and what fills a gap.

    The older part is kept falling and the newer part rising, so that both grow at their ends.

    Args:
        capacity: most rows; beyond it the oldest go.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._older = array("q")
        self._newer = array("q")
        self._reached: float = float("inf")

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    @property
    def last(self) -> int:
        """Number of the newest event, 0 when there is none."""
        if self._newer:
            return self._newer[-1]
        return self._older[0] if self._older else 0

    def seq(self, place: int) -> int:
        """Return the number of the event in a row; `place` must be one."""
        older = len(self._older)
        return self._older[older - 1 - place] if place < older else self._newer[place - older]

    def place(self, seq: int) -> int:
        """Return how many rows stand before the event with a number."""
        if not self._older or seq > self._older[0]:
            return len(self._older) + bisect_left(self._newer, seq)
        return len(self._older) - bisect_left(self._older, 1 - seq, key=neg)

    def reaches(self, seq: int) -> bool:
        """Tell whether every event from a number on that belongs here is here."""
        return self._reached <= seq

    def reached(self, seq: int) -> None:
        """Note that the log has been searched from its end down to a number."""
        self._reached = min(self._reached, seq)

    def add(self, seqs: Sequence[int]) -> None:
        """Take numbers, rising or falling; those that are here already stay once."""
        if not seqs:
            return
        low, high = min(seqs[0], seqs[-1]), max(seqs[0], seqs[-1])
        if not len(self) or low > self.last:
            self._newer.extend(seqs if seqs[0] == low else reversed(seqs))
        elif high < self.seq(0):
            self._older.extend(seqs if seqs[0] == high else reversed(seqs))
        else:
            self._merge(seqs)
        self._trim()

    def forget_before(self, first: int) -> None:
        """Drop the rows of older events than `first`."""
        self._drop(self.place(first))

    def _merge(self, seqs: Sequence[int]) -> None:
        """Put numbers between those that are here; only the part between their ends is made again."""
        border = self._older[0] if self._older else 0
        newer = sorted(seq for seq in seqs if seq > border)
        if newer:
            low, high = bisect_left(self._newer, newer[0]), bisect_left(self._newer, newer[-1] + 1)
            self._newer[low:high] = array("q", sorted({*self._newer[low:high], *newer}))
        older = sorted((seq for seq in seqs if seq <= border), reverse=True)
        if older:
            low = bisect_left(self._older, -older[0], key=neg)
            high = bisect_left(self._older, 1 - older[-1], key=neg)
            both = sorted({*self._older[low:high], *older}, reverse=True)
            self._older[low:high] = array("q", both)

    def _trim(self) -> None:
        # An eighth more now and then, as cutting the newer part moves all of it.
        if len(self) > self._capacity + self._capacity // 8:
            self._drop(len(self) - self._capacity)

    def _drop(self, count: int) -> None:
        from_older = min(count, len(self._older))
        if from_older:
            del self._older[len(self._older) - from_older :]
        if count > from_older:
            del self._newer[: count - from_older]


Rows: TypeAlias = AllRows | FoundRows
