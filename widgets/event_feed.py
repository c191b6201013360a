"""Brings the log and what happens now to the rows of the events pane."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from workbench.app.errors import StoreError
from workbench.app.events.event import Event
from workbench.app.events.filter.syntax import Everything, Filter
from workbench.widgets.event_cache import EventCache, EventPages
from workbench.widgets.event_index import AllRows, Rows
from workbench.widgets.event_search import EventSearch

if TYPE_CHECKING:
    from textual.worker import Worker

    from workbench.app.events.reader import Family
    from workbench.app.workbench import Workbench

_FRAME_SECONDS: Final = 1 / 30
_BUFFER: Final = 8_192
_FLUSH_SECONDS: Final = 2.0
# As many events at once change every line of a screen: nobody reads them, and fewer frames will do.
_FLOOD: Final = 64
_FLOOD_SECONDS: Final = 1 / 10
# A search that takes longer shows that it has found nothing yet, instead of what was there before it.
_PATIENCE_SECONDS: Final = 0.2


class Start(Protocol):
    """Runs work that belongs to a widget and ends with it: its `run_worker`."""

    def __call__(self, work: Coroutine[Any, Any, None], *, name: str) -> Worker[None]:
        """Start the work."""


class Counters(NamedTuple):
    """What became of the events that were published to the pane."""

    delivered: int
    dropped: int
    lag: int


class EventFeed:
    """Holds the rows of the present filter and keeps them growing.

    Args:
        workbench: whose events.
        start: runs the feed's work.
        on_rows: called when there are other rows, or more of them.
        on_read: called when events that were wanted have come.
        on_problem: gets an error of the log, None when it can be read again.

    Attributes:
        reader: the log.
        cache: the events that were shown last.
        rows: what there is to show; another object when the filter is another.
        since: when the filter was put in force, from which its spans of time count back.
    """

    def __init__(
        self,
        workbench: Workbench,
        start: Start,
        on_rows: Callable[[], None],
        on_read: Callable[[], None],
        on_problem: Callable[[StoreError | None], None],
    ) -> None:
        from workbench.app.events.reader import EventReader

        self._workbench = workbench
        self._start, self._on_rows, self._on_read, self._on_problem = start, on_rows, on_read, on_problem
        self.reader = EventReader(workbench.store)
        self.cache = EventCache()
        self.since = datetime.now(UTC)
        self._everything = AllRows()
        self.rows: Rows = self._everything
        self._pages = EventPages(self.reader, self.cache, self._read, on_problem)
        self._subscription = workbench.bus.subscribe("*", capacity=_BUFFER, name="events pane")
        self._newest = workbench.bus.last_seq
        self._matches: Callable[[Event], bool] | None = None
        self._search: EventSearch | None = None
        self._workers = [
            start(self._pages.run(), name="events pane, pages"),
            start(self._follow(), name="events pane, live"),
            start(self._begin(), name="events pane, beginning"),
        ]
        self._finding: Worker[None] | None = None

    @property
    def counters(self) -> Counters:
        """What became of the events since the feed was made."""
        told = self._subscription
        return Counters(told.delivered, told.dropped, told.lag)

    @property
    def searching(self) -> bool:
        """Whether a part of the log has not been searched yet."""
        return self._search is not None and not self._search.complete

    @property
    def has_found(self) -> bool:
        """Whether the rows are those of the present filter, not still those of the one before it."""
        return self._search is None or self.rows is self._search.rows

    @property
    def last(self) -> int:
        """Number of the newest event."""
        return self._everything.last

    def shows(self, event: Event) -> bool:
        """Tell whether the present filter lets an event through."""
        return self._matches is None or self._matches(event)

    async def event(self, seq: int) -> Event | None:
        """Return one event, None when it is in no log."""
        if self.cache.get(seq) is None:
            with contextlib.suppress(StoreError):
                self.cache.put(await self.reader.events((seq,)))
        return self.cache.get(seq)

    async def family(self, event: Event) -> Family | None:
        """Return what caused an event and what it caused; None when the log cannot be read."""
        try:
            return await self.reader.family(event)
        except StoreError as error:
            self._on_problem(error)
            return None

    def want(self, seqs: Sequence[int]) -> None:
        """Ask for events that are to be drawn soon; see `EventPages.want`."""
        self._pages.want(seqs)

    def show(self, wanted: Filter) -> None:
        """Show the events that fit a filter; the search for others ends.

        Raises:
            EventError: the filter cannot be used.
        """
        from workbench.app.events.filter.match import matcher

        now = datetime.now(UTC)
        matches = None if isinstance(wanted, Everything) else matcher(wanted, now)
        self.since = now
        if self._finding is not None:
            self._finding.cancel()
        self._matches = matches
        if matches is None:
            self._search = None
            self.rows = self._everything
            self._on_rows()
        else:
            self._search = EventSearch(self.reader, wanted, now, self.flush, self._found)
            self._finding = self._start(self._find(self._search), name="events pane, search")

    async def close(self) -> None:
        """Take no further events; afterwards the workbench is not used any more. Safe to call twice."""
        from textual.worker import WorkerError

        self._subscription.close()
        workers = [*self._workers, *([self._finding] if self._finding is not None else [])]
        for worker in workers:
            worker.cancel()
        for worker in workers:
            with contextlib.suppress(WorkerError):
                await worker.wait()

    # --- work that goes on ------------------------------------------------------------------------

    async def _follow(self) -> None:
        while batch := await self._subscription.next_batch():
            self._take(batch)
            self._on_rows()
            await asyncio.sleep(_FLOOD_SECONDS if len(batch) > _FLOOD else _FRAME_SECONDS)

    def _take(self, batch: list[Event]) -> None:
        search, matches = self._search, self._matches
        self._everything.add((batch[-1].seq,))
        if search is None or matches is None:
            self.cache.put(batch)
        else:
            found = [event for event in batch if matches(event)]
            self.cache.put(found)
            search.rows.add([event.seq for event in found])
            # The bus numbers without gaps: what is missing was dropped, and is in the log.
            search.missed(self._newest + 1, batch[0].seq - 1)
        self._newest = batch[-1].seq

    async def _begin(self) -> None:
        try:
            first, last = await self.reader.bounds()
        except StoreError as error:
            self._on_problem(error)
            return
        shown = self.rows is self._everything
        self._everything = AllRows(first or 1, max(last, self._newest))
        if shown:
            self.rows = self._everything
            self._on_rows()

    async def _find(self, search: EventSearch) -> None:
        late = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._found)
        try:
            await search.run(self._newest)
        except StoreError as error:
            search.complete = True
            self._found()
            self._on_problem(error)
        finally:
            late.cancel()

    def _found(self) -> None:
        if self._search is not None:
            self.rows = self._search.rows
            self._on_rows()

    def _read(self, lost: bool) -> None:
        self._on_problem(None)
        self._on_read()
        if lost:
            self._start(self._forget(), name="events pane, forgotten")

    async def _forget(self) -> None:
        """Drop the rows of events that the log has forgotten since."""
        with contextlib.suppress(StoreError):
            first = (await self.reader.bounds())[0]
            self._everything.forget_before(first)
            self.rows.forget_before(first)
            self._on_rows()

    async def flush(self) -> None:
        """Wait until what was published is in the log, but not for a disk that takes nothing."""
        # Where the disk takes no events for now, those that it has are still worth showing.
        if self._workbench.store.writable:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._workbench.log.flush(), _FLUSH_SECONDS)
