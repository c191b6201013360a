"""Events as a list of lines that draws only what is on the screen."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from workbench.app.events.event import Event
from workbench.widgets.event_feed import EventFeed
from workbench.widgets.event_index import AllRows, Rows
from workbench.widgets.event_paint import EVENT_CSS, EVENT_STYLES, EventPainter, local_now

_MOST_STRIPS: Final = 1_024


class EventList(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows of events with a cursor. At the end it follows; elsewhere nothing moves until the reader does.

    The cursor is an event's number and not a place, so it stays on its event whatever comes above or below.

    Args:
        now: gives the present time.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(EVENT_STYLES)
    DEFAULT_CSS = f"""
    EventList {{
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        {EVENT_CSS}
    }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Previous event", id="events.previous", show=False),
        Binding("down,j", "move(1)", "Next event", id="events.next", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", id="events.page_up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", id="events.page_down", show=False),
        Binding("home,g", "first", "Oldest event", id="events.first", show=False),
        Binding("end,G", "last", "Newest event, and follow", id="events.last"),
        Binding("space", "pause", "Pause, or follow again", id="events.pause"),
        Binding("enter", "open", "Details", id="events.detail"),
    ]

    following: reactive[bool] = reactive(True)
    cursor: reactive[int | None] = reactive(None)

    class Opened(Message):
        """The reader wants to see the event under the cursor in full, or no more."""

    def __init__(self, now: Callable[[], datetime] = local_now) -> None:
        super().__init__()
        self._feed: EventFeed | None = None
        self._rows: Rows = AllRows()
        self._count = 0
        self._pinned: Collection[int] = ()
        self._painter = EventPainter(self, now)
        self._strips: LRUCache[tuple[int, bool], Strip] = LRUCache(_MOST_STRIPS)
        self._settled = True
        self._top = 0
        self._seen = 0
        self._goal: int | None = None
        self._aim: int | None = None

    # --- what it shows ----------------------------------------------------------------------------

    def attach(self, feed: EventFeed | None) -> None:
        """Show a feed's events from now on, and follow."""
        self._feed = feed
        self._strips.clear()
        self.follow()
        self.update()

    @property
    def current(self) -> Event | None:
        """The event under the cursor; None also while it is being read."""
        if self.cursor is None or self._feed is None:
            return None
        return self._feed.cache.get(self.cursor)

    @property
    def unseen(self) -> int:
        """Rows that came after the reader stopped following."""
        return 0 if self.following else len(self._rows) - self._rows.place(self._seen + 1)

    def pin(self, seqs: Collection[int]) -> None:
        """Mark these events and no others."""
        self._pinned = seqs
        self._strips.clear()
        self.refresh()

    def update(self) -> None:
        """Take the feed's rows as they are now; a reader's place stays as it is."""
        before, count = self._rows, self._count
        self._rows = self._feed.rows if self._feed is not None else AllRows()
        self._count = len(self._rows)
        self._set_height()
        if self._rows is not before:
            self._goal, self._aim = self._aim, None
        if self._goal is not None:
            self._approach(self._goal)
        elif self.following:
            self._scroll(self.max_scroll_y)
        else:
            self._scroll(self._rows.place(self._top))
        had_room = count < self.scroll_offset.y + self.size.height
        if self.following or had_room or self._rows is not before:
            self.refresh()
        self._ask()

    def keep_place(self) -> None:
        """Stay near the reader's event when other rows take the place of these; they come by `update`."""
        place = None if self.following else self.cursor if self.cursor is not None else self._top
        self._aim = self._goal if self._goal is not None else place

    # --- where the reader is ----------------------------------------------------------------------

    def follow(self) -> None:
        """Go to the end and stay there."""
        self._goal = None
        self.cursor = None
        self.following = True

    def go_to(self, seq: int) -> None:
        """Put the cursor on an event or the next one after it, as soon as the search has come so far."""
        self.following = False
        self._goal = self._aim = seq
        self._approach(seq)

    def action_move(self, rows: int) -> None:
        """Move the cursor; beyond the last row the list follows again."""
        shown, self._goal = self._rows, None
        if not len(shown):
            return
        last = len(shown) - 1
        if self.cursor is None:
            self.cursor = shown.seq(max(0, min(self.scroll_offset.y + self.size.height - 1, last)))
            return
        place = shown.place(self.cursor)
        if rows > 0 and place >= last:
            self.follow()
        else:
            self.cursor = shown.seq(max(0, min(place + rows, last)))

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screen."""
        self.action_move(direction * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """Go to the oldest event."""
        self.go_to(0)

    def action_last(self) -> None:
        """Go to the newest event and follow."""
        self.follow()

    def action_pause(self) -> None:
        """Stop following, or follow again."""
        if self.following:
            self.following = False
        else:
            self.follow()

    def action_open(self) -> None:
        """Ask for the event under the cursor, or the newest, to be shown in full."""
        if self.cursor is None:
            self.action_move(0)
        if self.cursor is not None:
            self.post_message(self.Opened())

    # --- what Textual asks and tells --------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        if self._painter.resize(self.scrollable_content_region.width):
            self._strips.clear()
        place = self.scroll_offset.y + y
        if not 0 <= place < len(self._rows):
            return self._painter.blank()
        seq = self._rows.seq(place)
        chosen = seq == self.cursor
        strip = self._strips.get((seq, chosen))
        if strip is None:
            strip = self._draw(seq, chosen=chosen)
        return strip

    def notify_style_update(self) -> None:
        """Forget the colours of the old theme; see `Widget`."""
        self._painter.forget_looks()
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self, event: events.Resize) -> None:
        self._set_height()
        if self.following:
            self._scroll(self.max_scroll_y)
        elif self.cursor is not None:
            self._reveal(self.cursor)
        self._ask()

    def on_click(self, event: events.Click) -> None:
        place = self.scroll_offset.y + event.y
        if place >= len(self._rows):
            return
        seq = self._rows.seq(place)
        again, self._goal, self.cursor = seq == self.cursor, None, seq
        if again:
            self.post_message(self.Opened())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._settled:
            return
        self._goal = None
        self.following = self.cursor is None and new_value >= self.max_scroll_y
        self._note_top()
        self._ask()

    def watch_following(self, following: bool) -> None:
        if following:
            self._scroll(self.max_scroll_y)
            self._ask()
            self.refresh()
        else:
            self._seen = self._rows.last
            self._note_top()

    def watch_cursor(self, before: int | None, cursor: int | None) -> None:
        if cursor is not None:
            self.following = False
            self._reveal(cursor)
        self.refresh()

    # --- steps ------------------------------------------------------------------------------------

    def _draw(self, seq: int, *, chosen: bool) -> Strip:
        event = self._feed.cache.get(seq) if self._feed is not None else None
        if event is not None:
            strip = self._painter.event(event, chosen=chosen, pinned=seq in self._pinned)
        elif self._feed is not None and seq in self._feed.cache:
            strip = self._painter.missing(seq, chosen=chosen)
        else:
            return self._painter.unread(chosen=chosen)
        self._strips[seq, chosen] = strip
        return strip

    def _approach(self, goal: int) -> None:
        """Put the cursor as near to the goal as the rows reach by now."""
        if not len(self._rows):
            return
        if self._rows.reaches(goal):
            self._goal = None
        self.cursor = self._rows.seq(min(self._rows.place(goal), len(self._rows) - 1))

    def _reveal(self, seq: int) -> None:
        """Scroll as little as needed; to what is far away so that a third of the screen stands above it."""
        at, top, height = self._rows.place(seq), self.scroll_offset.y, self.size.height
        if top <= at < top + height:
            self._scroll(top)
        elif top - height <= at < top + 2 * height:
            self._scroll(at if at < top else at - height + 1)
        else:
            self._scroll(max(0, min(at - height // 3, self.max_scroll_y)))
        self._ask()

    def _scroll(self, y: int) -> None:
        """Scroll without taking it for something that the reader did."""
        self._settled = False
        if y != self.scroll_y or y != self.scroll_target_y:
            self.scroll_to(y=y, animate=False, force=True)
        self._settled = True
        self._note_top()

    def _note_top(self) -> None:
        top = self.scroll_offset.y
        self._top = self._rows.seq(top) if top < len(self._rows) else self._rows.last

    def _ask(self) -> None:
        """Have the events read that are on the screen, and a screen before and after."""
        if self._feed is None:
            return
        top, height, rows, cache = self.scroll_offset.y, self.size.height, self._rows, self._feed.cache
        places = range(max(0, top - height), min(len(rows), top + 2 * height))
        missing = [seq for seq in map(rows.seq, places) if seq not in cache]
        if missing:
            self._feed.want(missing)

    def _set_height(self) -> None:
        """Tell the scroll bar how many rows there are; no layout, as the list's own size stays."""
        size = Size(0, len(self._rows))
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.vertical_scrollbar.window_size = self.size.height
