"""Finds the numbers of the events that fit a filter, from the newest back, while new ones come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from workbench.app.events.filter.syntax import Filter
from workbench.widgets.event_index import FoundRows

if TYPE_CHECKING:
    from workbench.app.events.reader import EventReader

_GAP_PAGE: Final = 20_000
_TOLD_SECONDS: Final = 0.05
# A screen of rows is told at once; fewer wait for more, as each telling costs a frame.
_FIRST_ROWS: Final = 64
# After each piece it rests as long as the piece took, so that reading a whole log leaves room for the keys.
_LONGEST_REST: Final = 0.05


class EventSearch:
    """One search; `run` goes through the log once and then fills the gaps that are told to it.

    Args:
        reader: the log.
        wanted: what is looked for.
        now: from which moment spans of time count back.
        flush: waits until what was published is in the log.
        on_found: called when more has been found, and at the end; not for every piece.
    """

    def __init__(
        self,
        reader: EventReader,
        wanted: Filter,
        now: datetime,
        flush: Callable[[], Awaitable[None]],
        on_found: Callable[[], None],
    ) -> None:
        self.rows = FoundRows()
        self.complete = False
        self._reader = reader
        self._wanted = wanted
        self._now = now
        self._flush = flush
        self._on_found = on_found
        self._told = self._began = monotonic()
        self._gap: tuple[int, int] | None = None
        self._wake = asyncio.Event()

    def missed(self, first: int, last: int) -> None:
        """Have numbers from `first` to `last` looked up in the log, as they did not come by the bus."""
        if first <= last:
            before = self._gap or (first, last)
            self._gap = min(first, before[0]), max(last, before[1])
            self._wake.set()

    async def run(self, newest: int) -> None:
        """Search until cancelled.

        Args:
            newest: number of the last event that was published; later ones come by the bus.

        Raises:
            StoreError: the log cannot be read.
        """
        last = (await self._reader.bounds())[1]
        self.missed(last + 1, newest)
        began = monotonic()
        async with aclosing(self._reader.search(self._wanted, below=last + 1, now=self._now)) as pieces:
            async for piece in pieces:
                self.rows.add(piece.seqs)
                self.rows.reached(piece.reached)
                await self._fill_gap()
                self._tell()
                await asyncio.sleep(min(monotonic() - began, _LONGEST_REST))
                began = monotonic()
        self.complete = True
        self.rows.reached(0)
        self._on_found()
        while True:
            await self._fill_gap()
            await self._wake.wait()

    def _tell(self) -> None:
        now = monotonic()
        first = self._told == self._began and len(self.rows) >= _FIRST_ROWS
        if len(self.rows) and (first or now - self._told >= _TOLD_SECONDS):
            self._told = now
            self._on_found()

    async def _fill_gap(self) -> None:
        self._wake.clear()
        if self._gap is None:
            return
        (first, last), self._gap = self._gap, None
        await self._flush()
        below = last + 1
        while below > first:
            found = await self._reader.seqs(
                self._wanted, below=below, above=first - 1, limit=_GAP_PAGE, now=self._now
            )
            self.rows.add(found)
            below = found[-1] if len(found) == _GAP_PAGE else 0
        self._on_found()
