"""The events that were on the screen last, and what reads those that are wanted there."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from workbench.app.errors import StoreError
from workbench.app.events.event import Event

if TYPE_CHECKING:
    from workbench.app.events.reader import EventReader

CAPACITY: Final = 2_048
# Events on the bus are in the log some milliseconds later; a disk that takes nothing makes them wait longer.
_AGAIN_SECONDS: Final = 0.05
_LONGEST_SECONDS: Final = 1.0


class EventCache:
    """Keeps the events that were used last, and remembers which are in no log.

    Args:
        capacity: most events.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._events: OrderedDict[int, Event | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._events)

    def __contains__(self, seq: int) -> bool:
        return seq in self._events

    def get(self, seq: int) -> Event | None:
        """Return an event; None when it has not been read or is in no log."""
        event = self._events.get(seq)
        if event is not None:
            self._events.move_to_end(seq)
        return event

    def put(self, events: Iterable[Event]) -> None:
        """Keep events."""
        for event in events:
            self._events[event.seq] = event
            self._events.move_to_end(event.seq)
        while len(self._events) > self._capacity:
            self._events.popitem(last=False)

    def put_missing(self, seqs: Iterable[int]) -> None:
        """Remember that these numbers are in no log."""
        for seq in seqs:
            self._events.setdefault(seq, None)
        self.put(())

    def events(self) -> list[Event]:
        """Return all events that are held."""
        return [event for event in self._events.values() if event is not None]


class EventPages:
    """Reads what is wanted into a cache: one reading at a time, and of several wishes only the last.

    Args:
        reader: the log.
        cache: where the events go.
        on_read: called when some have come; its argument tells whether some are in no log any more.
        on_problem: gets an error that kept it from reading; it is tried again.
    """

    def __init__(
        self,
        reader: EventReader,
        cache: EventCache,
        on_read: Callable[[bool], None],
        on_problem: Callable[[StoreError], None],
    ) -> None:
        self._reader = reader
        self._cache = cache
        self._on_read = on_read
        self._on_problem = on_problem
        self._wish: list[int] = []
        self._wake = asyncio.Event()
        self._written = 0

    def want(self, seqs: Sequence[int]) -> None:
        """Ask for events that are on the screen or near it; earlier wishes count no more."""
        self._wish = [seq for seq in seqs if seq not in self._cache]
        if self._wish:
            self._wake.set()

    async def run(self) -> None:
        """Read until cancelled."""
        pause: float | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
            again = min(2 * pause, _LONGEST_SECONDS) if pause and not self._wake.is_set() else _AGAIN_SECONDS
            self._wake.clear()
            try:
                pause = again if await self._read() else None
            except StoreError as error:
                self._on_problem(error)
                pause = _LONGEST_SECONDS

    async def _read(self) -> bool:
        """Read what is missing of the wish; tell whether some of it is not in the log yet."""
        missing = [seq for seq in self._wish if seq not in self._cache]
        if not missing:
            return False
        if max(missing) > self._written:
            # Before the events: one that is written in between must not count as lost.
            self._written = (await self._reader.bounds())[1]
        events = await self._reader.events(missing)
        self._cache.put(events)
        found = {event.seq for event in events}
        lost = [seq for seq in missing if seq not in found and seq <= self._written]
        self._cache.put_missing(lost)
        if events or lost:
            self._on_read(bool(lost))
        return any(seq > self._written and seq not in found for seq in missing)
