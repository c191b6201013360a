"""The events pane: what happens, as it happens."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker, WorkerError

from workbench.app.events.event import Event, to_json
from workbench.widgets.event_detail import EventDetail
from workbench.widgets.event_index import CAPACITY, EventIndex, Note
from workbench.widgets.event_list import EventList

if TYPE_CHECKING:
    from workbench.app.events.subscription import Subscription
    from workbench.app.workbench import Workbench

_FRAME_SECONDS: Final = 1 / 30
_TOLD_SECONDS: Final = 0.25
_FIRST_LOAD: Final = 1_000
_PAGE: Final = 500
_BUFFER: Final = 8_192
_FLUSH_SECONDS: Final = 2.0


class EventsPane(Widget):
    """Shows the log's newest events and those that come, newest at the bottom."""

    DEFAULT_CSS = """
    EventsPane {
        layers: base over;
        width: 1fr;
        height: 1fr;
        & > #events-head {
            height: 1;
            padding: 0 2;
            color: $faint;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
        & > #events-new {
            layer: over;
            dock: bottom;
            width: auto;
            height: 1;
            margin: 0 2;
            padding: 0 1;
            background: $background;
            color: $accent;
            text-style: bold reverse;
            display: none;
        }
        &.-unseen > #events-new { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "previous event", id="events.previous", show=False),
        Binding("down,j", "move(1)", "next event", id="events.next", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "page up", id="events.page_up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "page down", id="events.page_down", show=False),
        Binding("home,g", "first", "oldest event", id="events.first", show=False),
        Binding("end,G", "last", "newest event, follow", id="events.last"),
        Binding("space", "pause", "pause or follow", id="events.pause"),
        Binding("enter", "detail", "details", id="events.detail"),
        Binding("c,y", "copy", "copy as JSON", id="events.copy"),
        Binding("escape", "close", "close details", id="events.close", show=False),
    ]

    class Copy(Message):
        """An event is wanted on the clipboard; `what` says what it is."""

        def __init__(self, text: str, what: str) -> None:
            super().__init__()
            self.text = text
            self.what = what

    def __init__(self, *, id: str | None = None, capacity: int = CAPACITY) -> None:  # noqa: A002
        super().__init__(id=id)
        self._index = EventIndex(capacity)
        self._list = EventList(self._index)
        self._detail = EventDetail()
        self._head = Static(Content("Events"), id="events-head", markup=False)
        self._marker = Static(Content(""), id="events-new", markup=False)
        self._workbench: Workbench | None = None
        self._subscription: Subscription | None = None
        self._pump: Worker[None] | None = None
        self._paging: Worker[None] | None = None
        self._telling = False
        self._complete = False

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._list
        yield self._detail
        yield self._marker

    def on_mount(self) -> None:
        self.watch(self._list, "following", self._follow_changed, init=False)
        self.watch(self._list, "cursor", self._cursor_changed, init=False)

    def focus(self, scroll_visible: bool = True) -> EventsPane:
        """Focus the list; see `Widget`."""
        self._list.focus(scroll_visible)
        return self

    # --- where the events come from ---------------------------------------------------------------

    def attach(self, workbench: Workbench) -> None:
        """Show a workbench's events: the newest of its log, then what comes."""
        self.detach()
        self._workbench = workbench
        self._complete = False
        self._list.clear()
        self._subscription = workbench.bus.subscribe("*", capacity=_BUFFER, name="events pane")
        self._pump = self.run_worker(self._run(workbench, self._subscription), name="events pane")

    def detach(self) -> AwaitComplete:
        """Take no further events; awaiting it waits until the pane uses the workbench no more."""
        if self._subscription is not None:
            self._subscription.close()
        workers = [worker for worker in (self._pump, self._paging) if worker is not None]
        for worker in workers:
            worker.cancel()
        self._workbench = self._subscription = self._pump = self._paging = None
        return AwaitComplete(_ended(workers))

    async def on_unmount(self) -> None:
        await self.detach()

    async def _run(self, workbench: Workbench, subscription: Subscription) -> None:
        last = await self._load_newest(workbench)
        while batch := await subscription.next_batch():
            self._list.take([event for event in batch if event.seq > last] if batch[0].seq <= last else batch)
            self._tell_soon()
            # When every line of the screen changes each time, nobody reads them: half the frames will do.
            flood = len(batch) > self._list.size.height
            await asyncio.sleep(_FRAME_SECONDS * (2 if flood else 1))

    async def _load_newest(self, workbench: Workbench) -> int:
        """Show the end of the log; return the number of its last event."""
        from workbench.app.errors import StoreError
        from workbench.app.events.log import EventQuery, find_events

        query = EventQuery(newest=True, limit=_FIRST_LOAD)
        # Where the disk takes no events for now, the log's newest are still worth showing.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(workbench.log.flush(), _FLUSH_SECONDS)
        try:
            found = [event async for event in find_events(workbench.store, query)]
        except StoreError as error:
            self._list.take_older([Note(f"the log cannot be read: {error.message}")])
            return 0
        self._list.take(found)
        self._tell_soon()
        return found[-1].seq if found else 0

    @on(EventList.NearTop)
    def _load_older(self, event: EventList.NearTop) -> None:
        event.stop()
        workbench, busy = self._workbench, self._paging is not None and not self._paging.is_finished
        if workbench is not None and not busy and not self._complete:
            self._paging = self.run_worker(self._page_back(workbench), name="events pane, older")

    async def _page_back(self, workbench: Workbench) -> None:
        """Put the events before the first one that is held above it."""
        from workbench.app.errors import StoreError
        from workbench.app.events.log import EventQuery, find_events

        oldest = self._index.oldest
        before = oldest.seq if oldest else 0
        if self._index.full:
            self._end_of_list("older events are in the log: workbench events query")
            return
        query = EventQuery(after_seq=max(0, before - 1 - _PAGE), limit=_PAGE)
        try:
            found = [event async for event in find_events(workbench.store, query) if event.seq < before]
        except StoreError as error:
            self._end_of_list(f"the log cannot be read: {error.message}")
            return
        self._list.take_older(found)
        self._tell_soon()
        if before - 1 <= _PAGE:
            self._end_of_list("the log begins here")
        elif not found:
            self._end_of_list("older events have been forgotten")

    def _end_of_list(self, text: str) -> None:
        self._complete = True
        self._list.take_older([Note(text)])

    # --- what the head says -----------------------------------------------------------------------

    def _tell_soon(self) -> None:
        if not self._telling:
            self._telling = True
            self.set_timer(_TOLD_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = False
        self._head.update(Content(self._head_text(self._head.content_size.width)), layout=False)
        unseen = self._index.unseen
        self.set_class(unseen > 0 and not self._list.following, "-unseen")
        if unseen:
            self._marker.update(Content(f"{unseen:,} new ↓"))

    def _head_text(self, room: int) -> str:
        """Return what fits of: whether it follows, and the counters."""
        paused = [] if self._list.following else ["paused"]
        state = paused or ["following"]
        held = f"{len(self._index):,} held"
        counts: list[str] = []
        if (told := self._subscription) is not None:
            counts = [f"delivered {told.delivered:,}", f"dropped {told.dropped:,}", f"lag {told.lag:,}"]
        forms = ([*state, held, *counts], [*paused, *counts], [*paused, *counts[1:]], paused)
        texts = [f"Events  {' · '.join(form)}".rstrip() for form in forms]
        return next((text for text in texts if len(text) <= room), texts[-1])

    def _follow_changed(self, following: bool) -> None:
        self._tell()

    # --- what the keys do -------------------------------------------------------------------------

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._list.move(rows)

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screen."""
        self._list.move(direction * max(1, self._list.size.height - 1))

    def action_first(self) -> None:
        """Go to the oldest event that is held."""
        self._list.go_first()

    def action_last(self) -> None:
        """Go to the newest event and follow."""
        self._list.follow()

    def action_pause(self) -> None:
        """Stop following, or follow again."""
        if self._list.following:
            self._list.following = False
        else:
            self._list.follow()

    def action_detail(self) -> None:
        """Show the event under the cursor in full, or stop that."""
        if self._detail.is_open:
            self.action_close()
        else:
            self._list.open_current()

    def action_close(self) -> None:
        """Close the details."""
        if self._detail.has_focus:
            self._list.focus()
        self._detail.close()
        self.refresh_bindings()

    def action_copy(self) -> None:
        """Ask for the event under the cursor to be copied as JSON."""
        event = self._list.current
        if event is not None:
            self.post_message(self.Copy(to_json(event).decode(), "the event"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say which keys have something to do; see `DOMNode`."""
        if action == "close":
            return self._detail.is_open
        if action == "copy":
            return True if self._list.current is not None else None
        return True

    @on(EventList.Opened)
    def _open_detail(self, event: EventList.Opened) -> None:
        event.stop()
        self._detail.show(event.event)
        self.refresh_bindings()

    def _cursor_changed(self, cursor: int | None) -> None:
        current: Event | None = self._list.current
        if self._detail.is_open and current is not None:
            self._detail.show(current)
        self.refresh_bindings()

    @on(events.Click, "#events-new")
    def _marker_clicked(self, event: events.Click) -> None:
        event.stop()
        self._list.follow()


async def _ended(workers: list[Worker[None]]) -> None:
    """Wait until cancelled workers have ended."""
    for worker in workers:
        with contextlib.suppress(WorkerError):
            await worker.wait()
