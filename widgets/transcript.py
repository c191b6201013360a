"""The messages of a branch, of which only those around the reader are mounted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final

from textual.await_complete import AwaitComplete
from textual.geometry import Size
from textual.layout import DockArrangeResult

from workbench.widgets.chat_entry import ChatEntry
from workbench.widgets.chat_window import MOST_MOUNTED, Window, earlier, later, newest, oldest
from workbench.widgets.message_palette import PALETTE_CLASSES, PALETTE_CSS, MessagePalette
from workbench.widgets.message_view import MessageView
from workbench.widgets.steady_scroll import SteadyScroll

# Longer texts are worked out in a thread before they are mounted.
_LONG: Final = 8_000


class Transcript(SteadyScroll):
    """Shows entries, oldest first, one widget each; mounts more when the reader comes near an end."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(PALETTE_CLASSES)
    DEFAULT_CSS = f"""
    Transcript {{
        layout: stream;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        {PALETTE_CSS}
    }}
    """

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[ChatEntry] = []
        self._palette = MessagePalette(self)
        self._views: dict[str, MessageView] = {}
        self._window = Window(0, 0)
        self._changing = asyncio.Lock()
        self._at_end = True
        self._asked = False
        self._selected: str | None = None

    @property
    def selected(self) -> str | None:
        """The key of the message that is marked as chosen."""
        return self._selected

    def select(self, key: str | None) -> None:
        """Mark a message as chosen, in place of the one before; None marks none."""
        for chosen, marked in ((self._selected, False), (key, True)):
            view = self._views.get(chosen) if chosen else None
            if view is not None:
                view.set_class(marked, "-selected")
                view.refresh()
        self._selected = key

    async def show(self, entries: Sequence[ChatEntry]) -> None:
        """Show other entries, from their end."""
        async with self._changing:
            self.entries = list(entries)
            self._selected = None
            with self.app.batch_update():
                await self.remove_children()
                self._views.clear()
                self._window = Window(0, 0)
                self.follow()
                await self._move(newest(len(self.entries)))

    def add(self, entry: ChatEntry) -> AwaitComplete:
        """Add an entry at the end; it is mounted when the end is. Awaiting it waits for that."""
        self.entries.append(entry)
        return AwaitComplete(self._mount_new())

    async def _mount_new(self) -> None:
        async with self._changing:
            count = len(self.entries)
            if not self._at_end or self._window.end == count:
                return
            if self.following:
                await self._move(later(self._window, count))
            else:
                # Nothing goes at the top while somebody reads there.
                await self._move(Window(self._window.start, count))

    def view_of(self, key: str) -> MessageView | None:
        """Return the widget of an entry, None when it is not mounted."""
        return self._views.get(key)

    def entry_of(self, key: str) -> ChatEntry | None:
        """Return an entry, None when there is none; looks at the newest first."""
        return next((entry for entry in reversed(self.entries) if entry.key == key), None)

    async def go_first(self) -> None:
        """Show the first entry."""
        async with self._changing:
            self.hold_top()
            await self._move(oldest(len(self.entries)))
            self.hold_top()

    async def go_last(self) -> None:
        """Show the end and follow what is added."""
        async with self._changing:
            count = len(self.entries)
            if self._window.end < count:
                await self._move(newest(count))
            self.follow()

    async def mount_near(self, index: int) -> MessageView:
        """Return the widget of the entry at `index`, mounted with those around it."""
        async with self._changing:
            while index < self._window.start:
                await self._move(earlier(self._window))
            while index >= self._window.end:
                await self._move(later(self._window, len(self.entries)))
        return self._views[self.entries[index].key]

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        """Arrange the messages, and mount more while there is too little to scroll; see `Widget`."""
        result = super().arrange(size, optimal)
        window = self._window
        few = result.total_region.bottom < 2 * size.height and window.end - window.start < MOST_MOUNTED
        if few and window.start > 0 and not self._asked:
            self._asked = True
            self.call_next(self._extend, True)
        return result

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._asked:
            return
        screen = self.size.height
        near_top = new_value < old_value and new_value <= screen and self._window.start > 0
        near_bottom = (
            new_value > old_value
            and new_value >= self.max_scroll_y - screen
            and self._window.end < len(self.entries)
        )
        if near_top or near_bottom:
            self._asked = True
            self.call_next(self._extend, near_top)

    def notify_style_update(self) -> None:
        """Forget the colours of the old theme; see `Widget`."""
        self._palette.forget()
        super().notify_style_update()

    async def _extend(self, upwards: bool) -> None:
        try:
            async with self._changing:
                before = self._window
                window = earlier(before) if upwards else later(before, len(self.entries))
                if not upwards:
                    # The bottom of what is mounted is not the end: the reader has come here by scrolling.
                    self.following = False
                first, last = self._near_screen()
                await self._move(Window(min(window.start, first), max(window.end, last)))
        finally:
            self._asked = False

    def _near_screen(self) -> tuple[int, int]:
        """Return from where to where messages must stay mounted, as they are on the screen or next to it."""
        height = self.size.height
        top, bottom = self.scroll_y - height, self.scroll_y + 2 * height
        window = self._window
        places = [self.place_of(self._views[entry.key]) for entry in self.entries[window.start : window.end]]
        near = [at for at, place in enumerate(places) if place and place[1] > top and place[0] < bottom]
        return (window.start + near[0], window.start + near[-1] + 1) if near else window

    async def _move(self, window: Window) -> None:
        """Mount what a window has more than the present one, remove what it has less."""
        before, self._window = self._window, window
        self._at_end = window.end == len(self.entries)
        wanted = self.entries[window.start : window.end]
        keys = {entry.key for entry in wanted}
        gone = [view for key, view in self._views.items() if key not in keys]
        overlap = before.start < before.end
        above = self._make(window.start, min(before.start, window.end) if overlap else window.start)
        below = self._make(max(before.end, window.start) if overlap else window.start, window.end)
        await self._prepare(above + below)
        for view in gone:
            del self._views[view.entry.key]
        self._views.update({view.entry.key: view for view in above + below})
        with self.app.batch_update():
            if above:
                await self.mount_all(above, before=0 if self.children else None)
            if below:
                await self.mount_all(below)
            if gone:
                await self.remove_children(gone)

    def _make(self, start: int, end: int) -> list[MessageView]:
        views = [MessageView(entry, self._palette) for entry in self.entries[start:end]]
        for view in views:
            view.set_class(view.entry.key == self._selected, "-selected")
        return views

    async def _prepare(self, views: Sequence[MessageView]) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        for view in views:
            if len(view.entry.text) > _LONG:
                await asyncio.to_thread(view.prepare, width)
