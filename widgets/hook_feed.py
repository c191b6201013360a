"""Brings traces of hooks to their view: those of the log in pages, and what happens now."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from workbench.app.errors import StoreError
from workbench.app.events.event import Event
from workbench.app.events.timeline_bars import FAILED, FINISHED, RECEIVED
from workbench.app.hooks.recorder import RAN
from workbench.widgets.hook_runs import WANTED, RunLog

if TYPE_CHECKING:
    from workbench.app.events.subscription import Subscription
    from workbench.app.workbench import Workbench
    from workbench.widgets.event_feed import Start

_FRAME_SECONDS: Final = 1 / 30
# As many traces at once change every line of a screen; nobody reads them, and fewer frames will do.
_FLOOD: Final = 64
_FLOOD_FRAMES: Final = 4
_BUFFER: Final = 4_096
_PAGE: Final = 500
_FLUSH_SECONDS: Final = 2.0
_RECENT: Final = 64
_TURNS: Final = frozenset({RECEIVED, FINISHED, FAILED})


class HookFeed:
    """Keeps a `RunLog` growing.

    While the reader looks at older runs and no more fit in, newer ones are left in the log: nothing that is
    looked at goes away. `catch_up` brings them.

    Args:
        workbench: the open profile.
        start: runs the feed's work.
        on_runs: called when there are other runs.
        on_problem: gets an error of the log.
        holds: tells whether the reader looks at older runs.
    """

    def __init__(
        self,
        workbench: Workbench,
        start: Start,
        on_runs: Callable[[], None],
        on_problem: Callable[[StoreError], None],
        holds: Callable[[], bool],
    ) -> None:
        from workbench.app.events.filter.parse import parse_filter
        from workbench.app.events.reader import EventReader

        self.log = RunLog()
        self.behind = 0
        """Traces that came and are left in the log."""
        self._workbench, self._start = workbench, start
        self._on_runs, self._on_problem, self._holds = on_runs, on_problem, holds
        self._reader = EventReader(workbench.store)
        self._wanted = parse_filter(WANTED)
        self._recent: dict[int, Event] = {}
        self._first: int | None = None
        self._last = 0
        self._lost = 0
        self._paging = False
        start(self._follow(), name="hooks, traces")
        start(self._follow_turns(), name="hooks, turns")

    async def event(self, seq: int) -> Event | None:
        """Return a trace in full, None when the log has it no more.

        Raises:
            StoreError: the log cannot be read.
        """
        if (event := self._recent.get(seq)) is not None:
            return event
        await self._flush()
        found = await self._reader.events((seq,))
        return found[0] if found else None

    def older(self) -> None:
        """Bring older runs, if there are some and there is room."""
        if self._first is not None and not self._paging and not self.log.is_full:
            self._paging = True
            self._start(self._read_older(self._first), name="hooks, older traces")

    def catch_up(self) -> None:
        """Bring what was left in the log."""
        if self.behind:
            self.behind = 0
            self._start(self._read_newest(), name="hooks, newest traces")

    # --- work that goes on ------------------------------------------------------------------------

    async def _follow(self) -> None:
        bus = self._workbench.bus
        with bus.subscribe(RAN, "drop_oldest", capacity=_BUFFER, name="hooks screen") as arriving:
            await self._read_newest()
            while batch := await arriving.next_batch():
                await self._take(batch, arriving)
                await asyncio.sleep(_FRAME_SECONDS * (_FLOOD_FRAMES if len(batch) > _FLOOD else 1))

    async def _take(self, batch: list[Event], arriving: Subscription) -> None:
        lost, self._lost = arriving.dropped - self._lost, arriving.dropped
        holds = self._holds()
        if lost and not holds:
            # Which ones were lost is not worth finding out: the log has them all.
            await self._read_newest()
            return
        new = [event for event in batch if event.seq > self._last]
        if not new:
            return
        self._last = new[-1].seq
        if lost or self.behind or (self.log.is_full and holds):
            self.behind += len(new) + lost
        else:
            self._keep(new)
            self.log.add(new)
        self._on_runs()

    async def _follow_turns(self) -> None:
        with self._workbench.bus.subscribe(
            "core:chat:*", "drop_oldest", name="hooks screen, turns"
        ) as arriving:
            while batch := await arriving.next_batch():
                if any(event.name in _TURNS for event in batch):
                    self.log.add(event for event in batch if event.name in _TURNS)
                    self._on_runs()
                await asyncio.sleep(_FRAME_SECONDS)

    async def _read_newest(self) -> None:
        try:
            await self._flush()
            found = await self._reader.newest(self._wanted, _PAGE)
        except StoreError as error:
            self._on_problem(error)
            return
        self.log.clear()
        self.log.add(found)
        self._keep(found[-_RECENT:])
        self._first = found[0].seq if len(found) == _PAGE else None
        self._last = max((event.seq for event in found if event.name == RAN), default=self._last)
        self._on_runs()

    async def _read_older(self, first: int) -> None:
        try:
            seqs = await self._reader.seqs(self._wanted, below=first, limit=_PAGE)
            found = (await self._reader.events(seqs))[::-1]
        except StoreError as error:
            self._on_problem(error)
            return
        finally:
            self._paging = False
        if self._first != first:
            return
        self._first = found[0].seq if len(seqs) == _PAGE and found else None
        self.log.add_before(found)
        self._on_runs()

    def _keep(self, events: list[Event]) -> None:
        """Keep the newest traces whole: the log has them only a moment later."""
        self._recent.update((event.seq, event) for event in events[-_RECENT:] if event.name == RAN)
        for seq in list(self._recent)[: max(0, len(self._recent) - _RECENT)]:
            del self._recent[seq]

    async def _flush(self) -> None:
        # Where the disk takes no events for now, the log's are still worth showing.
        if self._workbench.store.writable:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._workbench.log.flush(), _FLUSH_SECONDS)
