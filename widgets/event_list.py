"""Events as a list of lines that draws only what is on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from workbench.app.events.event import Event
from workbench.widgets.component_style import component_style
from workbench.widgets.event_index import EventIndex, Row
from workbench.widgets.event_lines import columns_for, event_line
from workbench.widgets.text_lines import Line, Run, fit

_MOST_STRIPS: Final = 1_024
_AREAS: Final = ("chat", "session", "model", "worker", "store", "system", "event", "command", "other")
_STYLES: Final = (
    *("cursor", "time", "name", "source", "key", "value", "note", "error", "warning"),
    *(f"area-{name}" for name in _AREAS),
)


class EventList(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows of events with a cursor. At the end it follows; elsewhere nothing moves until the reader does.

    Args:
        index: the rows.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"events--{name}" for name in _STYLES}
    DEFAULT_CSS = """
    EventList {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        & > .events--cursor { background: $selected; text-style: $selected-style; }
        & > .events--time { color: $faint; }
        & > .events--name { color: $foreground; }
        & > .events--source { color: $faint; }
        & > .events--key { color: $faint; }
        & > .events--value { color: $muted; text-style: $muted-style; }
        & > .events--note { color: $faint; text-style: italic; }
        & > .events--error { color: $error; }
        & > .events--warning { color: $warning; }
        & > .events--area-chat { color: $accent; }
        & > .events--area-session { color: $accent; }
        & > .events--area-model { color: $success; }
        & > .events--area-worker { color: $success; }
        & > .events--area-command { color: $warning; }
        & > .events--area-store { color: $muted; }
        & > .events--area-system { color: $muted; }
        & > .events--area-event { color: $muted; }
        & > .events--area-other { color: $foreground; }
    }
    """

    following: reactive[bool] = reactive(True)
    cursor: reactive[int | None] = reactive(None)

    class NearTop(Message):
        """The reader comes near the first row that is held."""

    class Opened(Message):
        """The reader wants to see an event in full."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    def __init__(self, index: EventIndex) -> None:
        super().__init__()
        self._index = index
        self._strips: LRUCache[tuple[int, bool], Strip] = LRUCache(_MOST_STRIPS)
        self._looks: dict[str, Style] = {}
        self._width = 0
        self._columns = columns_for(0)
        self._settled = True

    @property
    def current(self) -> Event | None:
        """The event under the cursor."""
        row = self._index.row(self.cursor) if self.cursor is not None else None
        return row if isinstance(row, Event) else None

    def clear(self) -> None:
        """Forget all rows, and follow."""
        self._index.clear()
        self._strips.clear()
        self.follow()
        self._to_end()

    def take(self, batch: Sequence[Event]) -> None:
        """Show newer events, if the reader is at the end."""
        self._index.add(batch)
        if not self._index.paused:
            self._to_end()

    def take_older(self, rows: Sequence[Row]) -> None:
        """Put older rows above; what is on the screen stays where it is."""
        place = self.scroll_offset.y + self._index.prepend(rows)
        self._set_height()
        self._scroll(place)
        self.refresh()

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.cursor = None
        self.following = True

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width, self._columns = width, columns_for(width)
            self._strips.clear()
        number = self._index.first + self.scroll_offset.y + y
        row = self._index.row(number)
        if row is None:
            return Strip.blank(width, self._look(""))
        chosen = number == self.cursor
        strip = self._strips.get((number, chosen))
        if strip is None:
            strip = self._strips[number, chosen] = self._draw(row, chosen=chosen)
        return strip

    def notify_style_update(self) -> None:
        """Forget the colours of the old theme; see `Widget`."""
        self._looks.clear()
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self, event: events.Resize) -> None:
        self._set_height()
        if self.following:
            self._to_end()
        elif self.cursor is not None:
            self._reveal(self.cursor)

    def on_click(self, event: events.Click) -> None:
        number = self._index.first + self.scroll_offset.y + event.y
        if self._index.row(number) is None:
            return
        again = number == self.cursor
        self.cursor = number
        if again:
            self.open_current()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._settled:
            return
        self.following = self.cursor is None and new_value >= self.max_scroll_y
        if new_value < old_value and new_value <= self.size.height:
            self.post_message(self.NearTop())

    def watch_following(self, following: bool) -> None:
        if following:
            self._index.resume()
            self._to_end()
        else:
            self._index.paused = True

    def watch_cursor(self, before: int | None, cursor: int | None) -> None:
        if cursor is not None:
            self.following = False
            self._reveal(cursor)
        self.refresh()

    def move(self, rows: int) -> None:
        """Move the cursor; beyond the last row the list follows again."""
        index = self._index
        if not len(index):
            return
        if self.cursor is None:
            at = index.first + self.scroll_offset.y + min(self.size.height, len(index)) - 1
            self.cursor = max(index.first, min(at, index.end - 1))
            return
        if rows > 0 and self.cursor >= index.end - 1:
            self.follow()
        else:
            self.cursor = max(index.first, min(self.cursor + rows, index.end - 1))

    def go_first(self) -> None:
        """Go to the first row that is held."""
        if len(self._index):
            self.cursor = self._index.first

    def open_current(self) -> None:
        """Ask for the event under the cursor, or the newest, to be shown in full."""
        if self.cursor is None:
            self.move(0)
        event = self.current
        if event is not None:
            self.post_message(self.Opened(event))

    def _draw(self, row: Row, *, chosen: bool) -> Strip:
        width = self._width
        line = self._line(row)
        if not chosen:
            segments = [Segment(run.text, self._look(run.style)) for run in line]
            return Strip(segments).adjust_cell_length(width, self._look(""))
        # A theme that marks the cursor by exchanging colours would turn each run into a patch of its own.
        plain_cursor = bool(component_style(self, "events--cursor").reverse)
        segments = [
            Segment(run.text, self._look("cursor" if plain_cursor else f"cursor {run.style}")) for run in line
        ]
        return Strip(segments).adjust_cell_length(width, self._look("cursor"))

    def _line(self, row: Row) -> Line:
        if isinstance(row, Event):
            return event_line(row, self._columns)
        return (Run(fit(f"  ─ {row.text}", self._width), "note"),)

    def _look(self, names: str) -> Style:
        """Return the looks of some style names, one over the other, on the list's own."""
        found = self._looks.get(names)
        if found is None:
            look = self.visual_style
            for name in names.split():
                known = f"events--{name}" in self.COMPONENT_CLASSES
                look += component_style(self, f"events--{name}" if known else "events--area-other")
            found = self._looks[names] = look.rich_style
        return found

    def _to_end(self) -> None:
        self._set_height()
        self._scroll(self.max_scroll_y)
        self.refresh()

    def _reveal(self, number: int) -> None:
        at = number - self._index.first
        top = self.scroll_offset.y
        if at < top:
            self.scroll_to(y=at, animate=False, force=True)
        elif at >= top + self.size.height:
            self.scroll_to(y=at - self.size.height + 1, animate=False, force=True)

    def _scroll(self, y: int) -> None:
        """Scroll without taking it for something that the reader did."""
        self._settled = False
        self.scroll_to(y=y, animate=False, force=True)
        self._settled = True

    def _set_height(self) -> None:
        """Tell the scroll bar how many rows there are; no layout, as the list's own size stays."""
        size = Size(0, len(self._index))
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.vertical_scrollbar.window_size = self.size.height
