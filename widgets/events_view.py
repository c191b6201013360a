"""What the events pane shows: the list, what stands around it, and where the events come from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.containers import Container
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from workbench.app.errors import StoreError
from workbench.app.events.event import Event
from workbench.widgets.event_detail import EventDetail
from workbench.widgets.event_head import Told, filter_line, head_line
from workbench.widgets.event_lines import columns_for
from workbench.widgets.event_list import EventList
from workbench.widgets.event_paint import local_now
from workbench.widgets.event_pins import EventPins
from workbench.widgets.new_marker import marker_text

if TYPE_CHECKING:
    from workbench.app.workbench import Workbench
    from workbench.widgets.event_feed import EventFeed
    from workbench.widgets.event_filters import Filters
    from workbench.widgets.event_index import Rows

_TOLD_SECONDS: Final = 0.25
# On fewer lines the details take more than half, as half would show nearly nothing of them.
_SHORT: Final = 28


class EventsView(Widget):
    """Shows the log and what comes, newest at the bottom; `EventsPane` adds the keys.

    Args:
        id: see `Widget`.
        now: gives the present time.
    """

    DEFAULT_CSS = """
    EventsView {
        width: 1fr;
        height: 1fr;
        & > .line { height: 1; padding: 0 2 0 3; text-wrap: nowrap; text-overflow: ellipsis; color: $faint; }
        & > #events-filter { display: none; }
        & > #events-job { display: none; color: $accent; }
        &.-working > #events-job { display: block; }
        &.-filtered > #events-filter { display: block; }
        &.-asking > #events-filter { display: none; }
        & > #events-rows { layers: base over; height: 1fr; }
        & #events-new {
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
        &.-unseen #events-new { display: block; }
    }
    """

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002
        now: Callable[[], datetime] = local_now,
    ) -> None:
        super().__init__(id=id)
        self._now = now
        self._list, self._pins, self._detail = EventList(now), EventPins(now), EventDetail()
        self._head = Static(Content("Events"), id="events-head", classes="line", markup=False)
        self._filter_line = Static(Content(""), id="events-filter", classes="line", markup=False)
        self._job_line = Static(Content(""), id="events-job", classes="line", markup=False)
        self._marker = Static(Content(""), id="events-new", markup=False)
        self._feed: EventFeed | None = None
        self._filters: Filters | None = None
        self._problem = ""
        self._telling: Timer | None = None
        self._told_of: tuple[Rows | None, bool] = None, False
        self._told = 0.0

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._filter_line
        yield self._pins
        with Container(id="events-rows"):
            yield self._list
            yield self._marker
        yield self._detail
        yield self._job_line

    def on_mount(self) -> None:
        self.watch(self._list, "following", self._tell, init=False)
        self.watch(self._list, "cursor", self._show_current, init=False)

    def focus(self, scroll_visible: bool = True) -> EventsView:
        """Focus the list; see `Widget`."""
        self._list.focus(scroll_visible)
        return self

    def attach(self, workbench: Workbench) -> None:
        """Show a workbench's events: its log, and what comes."""
        from workbench.widgets.event_feed import EventFeed
        from workbench.widgets.event_filters import Filters

        self.detach()
        self._filters = Filters()
        self._feed = EventFeed(workbench, self.run_worker, self._rows_came, self._events_came, self._fault)
        self._list.attach(self._feed)
        self._tell_soon()

    def detach(self) -> AwaitComplete:
        """Take no further events; awaiting it waits until the pane uses the workbench no more."""
        feed, self._feed = self._feed, None
        for worker in [worker for worker in self.workers if worker.node is self]:
            worker.cancel()
        return AwaitComplete(feed.close() if feed is not None else _nothing())

    async def on_unmount(self) -> None:
        await self.detach()

    # --- details ----------------------------------------------------------------------------------

    def _show_detail(self, event: Event) -> None:
        if self._feed is not None:
            self._detail.show(event, self._feed.family)
            self.refresh_bindings()

    def _show_current(self) -> None:
        current = self._list.current
        if self._detail.is_open and current is not None and current is not self._detail.shown:
            self._show_detail(current)
        self.refresh_bindings()

    # --- what the feed tells ----------------------------------------------------------------------

    def _rows_came(self) -> None:
        self._list.update()
        # What a filter found first, and that it has found all, is told at once.
        if self._feed is not None and self._told_of != (self._feed.rows, self._feed.searching):
            self._tell()
        else:
            self._tell_soon()

    def _events_came(self) -> None:
        self._list.refresh()
        self._show_current()

    def _fault(self, error: StoreError | None) -> None:
        problem = f"the log cannot be read: {error.message}" if error is not None else ""
        if problem != self._problem:
            self._problem = problem
            self._tell_soon()

    # --- what the lines above say -----------------------------------------------------------------

    def _tell_job(self, text: str) -> None:
        self.set_class(bool(text), "-working")
        self._job_line.update(Content(text))

    def _tell_soon(self) -> None:
        """Say it with rows that have just come, at most so often, so that it needs no frame of its own."""
        if monotonic() - self._told >= _TOLD_SECONDS:
            self._tell()
        elif self._telling is None:
            self._telling = self.set_timer(2 * _TOLD_SECONDS, self._tell)

    def _tell(self) -> None:
        self._told = monotonic()
        if self._telling is not None:
            self._telling.stop()
            self._telling = None
        feed, following, unseen = self._feed, self._list.following, self._list.unseen
        told = Told(problem=self._problem)
        if feed is not None:
            told = Told(len(feed.rows), following, *feed.counters, problem=self._problem)
            self._told_of = feed.rows, feed.searching
        self._head.update(head_line(told, self._head.content_size.width), layout=False)
        if feed is not None and self._filters is not None and self._filters.text:
            width = self._filter_line.content_size.width or self._head.content_size.width
            found = len(feed.rows) if feed.has_found else None
            line = filter_line(self._filters.text, found, width, searching=feed.searching)
            self._filter_line.update(line, layout=False)
        self.set_class(unseen > 0, "-unseen")
        if unseen:
            self._marker.update(Content(self._new_text(unseen)))

    def _new_text(self, unseen: int) -> str:
        columns = columns_for(self._list.scrollable_content_region.width)
        return marker_text(unseen, (columns.time, columns.name_end))

    def on_resize(self, event: events.Resize) -> None:
        self._detail.set_class(event.size.height < _SHORT, "-short")
        self._tell()

    @on(events.Click, "#events-new")
    def _marker_clicked(self, event: events.Click) -> None:
        event.stop()
        self._list.follow()


async def _nothing() -> None:
    """Do nothing, for a pane that shows no profile."""
