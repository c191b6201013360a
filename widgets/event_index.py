"""Which events the pane holds: a bounded list that grows at the end, pauses for a reader, and pages back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from workbench.app.events.event import Event

CAPACITY: Final = 10_000


class Note(NamedTuple):
    """A row that is no event but says something about those around it."""

    text: str


Row = Event | Note


class EventIndex:
    """Rows by number. A row keeps its number while it is held, so that drawn lines can be kept by it.

    Args:
        capacity: most rows that are held, and most that wait while it is paused. Now and then an eighth more.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._slack = max(1, capacity // 8)
        self._rows: list[Row] = []
        self._first = 0
        self._waiting: deque[Event] = deque(maxlen=capacity)
        self._missed = 0
        self.paused = False

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def first(self) -> int:
        """Number of the first row."""
        return self._first

    @property
    def end(self) -> int:
        """Number after that of the last row."""
        return self._first + len(self._rows)

    @property
    def unseen(self) -> int:
        """Events that came while it was paused."""
        return len(self._waiting) + self._missed

    @property
    def oldest(self) -> Event | None:
        """The first event that is held."""
        return next((row for row in self._rows if isinstance(row, Event)), None)

    @property
    def full(self) -> bool:
        """Whether nothing more can be put before the first row."""
        return len(self._rows) >= self._capacity

    def row(self, number: int) -> Row | None:
        """Return a row, None when it is not held."""
        at = number - self._first
        return self._rows[at] if 0 <= at < len(self._rows) else None

    def add(self, events: Sequence[Event]) -> None:
        """Take newer events; while paused they wait, and the rows stay as they are."""
        if self.paused:
            lost = len(self._waiting) + len(events) - self._capacity
            self._missed += max(0, lost)
            self._waiting.extend(events)
            return
        self._rows.extend(events)
        self._trim()

    def resume(self) -> None:
        """End the pause: what waits becomes rows; a note stands for what there was no room for."""
        self.paused = False
        if self._missed:
            self._rows.append(Note(f"{self._missed:,} events passed by here; they are in the log"))
        self._missed = 0
        self._rows.extend(self._waiting)
        self._waiting.clear()
        self._trim()

    def prepend(self, rows: Iterable[Row]) -> int:
        """Put older rows before the first; return how many."""
        older = list(rows)
        self._rows[:0] = older
        self._first -= len(older)
        return len(older)

    def clear(self) -> None:
        """Forget all rows."""
        self._first = self.end
        self._rows.clear()
        self._waiting.clear()
        self._missed = 0

    def _trim(self) -> None:
        over = len(self._rows) - self._capacity
        if over > self._slack:
            del self._rows[:over]
            self._first += over
