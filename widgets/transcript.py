"""The messages of a branch, of which only those around the reader are mounted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final

from textual.await_complete import AwaitComplete

from workbench.widgets.chat_entry import ChatEntry
from workbench.widgets.chat_window import Window, earlier, later, newest, oldest
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

    async def show(self, entries: Sequence[ChatEntry]) -> None:
        """Show other entries, from their end."""
        async with self._changing:
            self.entries = list(entries)
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
                if upwards:
                    await self._move(earlier(self._window))
                else:
                    # The bottom of what is mounted is not the end: the reader has come here by scrolling.
                    self.following = False
                    await self._move(later(self._window, len(self.entries)))
        finally:
            self._asked = False

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
        return [MessageView(entry, self._palette) for entry in self.entries[start:end]]

    async def _prepare(self, views: Sequence[MessageView]) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        for view in views:
            if len(view.entry.text) > _LONG:
                await asyncio.to_thread(view.prepare, width)
