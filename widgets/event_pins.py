"""The events that a reader keeps in view."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from workbench.app.events.event import Event
from workbench.widgets.event_paint import EVENT_CSS, EVENT_STYLES, EventPainter, local_now

MOST_PINS: Final = 32
_MOST_LINES: Final = 4


class EventPins(Widget):
    """Pinned events in their order, above the list; hidden while there are none. A click goes to one.

    Args:
        now: gives the present time.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(EVENT_STYLES)
    DEFAULT_CSS = f"""
    EventPins {{
        height: auto;
        display: none;
        padding: 0 1 0 0;
        background: $raised;
        &:ansi {{ background: transparent; }}
        &.-some {{ display: block; }}
        {EVENT_CSS}
    }}
    """

    class Chosen(Message):
        """The reader wants to go to a pinned event."""

        def __init__(self, seq: int) -> None:
            super().__init__()
            self.seq = seq

    def __init__(self, now: Callable[[], datetime] = local_now) -> None:
        super().__init__()
        self._events: dict[int, Event] = {}
        self._painter = EventPainter(self, now)

    @property
    def seqs(self) -> list[int]:
        """Numbers of the pinned events, the oldest first."""
        return sorted(self._events)

    def toggle(self, event: Event) -> bool:
        """Pin an event, or pin it no more; beyond the most that can be, the oldest pin goes.

        Returns:
            Whether it is pinned now.
        """
        if self._events.pop(event.seq, None) is None:
            self._events[event.seq] = event
            while len(self._events) > MOST_PINS:
                del self._events[next(iter(self._events))]
        self.set_class(bool(self._events), "-some")
        self.refresh(layout=True)
        return event.seq in self._events

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are."""
        return min(len(self._events), _MOST_LINES)

    def render(self) -> Content:
        return Content("")

    def render_line(self, y: int) -> Strip:
        self._painter.resize(self.content_size.width)
        seqs = self.seqs
        if y >= min(len(seqs), _MOST_LINES):
            return self._painter.blank()
        if y == _MOST_LINES - 1 and len(seqs) > _MOST_LINES:
            return self._painter.note(f" ▪ {len(seqs) - y} more, P shows them all")
        return self._painter.event(self._events[seqs[y]], pinned=True)

    def notify_style_update(self) -> None:
        """Forget the colours of the old theme; see `Widget`."""
        self._painter.forget_looks()
        super().notify_style_update()

    def on_click(self, event: events.Click) -> None:
        if event.y < len(self._events):
            self.post_message(self.Chosen(self.seqs[event.y]))
