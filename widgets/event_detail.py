"""One event in full."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from workbench.app.events.event import Event
from workbench.widgets.component_style import component_style
from workbench.widgets.event_lines import detail_lines


class EventDetail(VerticalScroll):
    """Shows an event's ids and payload below the list; it takes the focus to be scrolled."""

    DEFAULT_CSS = """
    EventDetail {
        height: 45%;
        border-top: solid $rule;
        padding: 0 2;
        scrollbar-size-vertical: 1;
        display: none;
        & > Static { width: 1fr; height: auto; }
    }
    EventDetail.-open { display: block; }
    EventDetail > .detail--title { text-style: bold; }
    EventDetail > .detail--key { color: $faint; }
    EventDetail > .detail--value { color: $foreground; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"detail--title", "detail--key", "detail--value"}

    def __init__(self) -> None:
        super().__init__()
        self._text = Static(markup=False)
        self._event: Event | None = None

    def compose(self) -> ComposeResult:
        yield self._text

    @property
    def is_open(self) -> bool:
        """Whether it is there."""
        return self.has_class("-open")

    def show(self, event: Event) -> None:
        """Show an event."""
        if event is self._event and self.is_open:
            return
        self._event = event
        self.add_class("-open")
        lines = [
            Content.assemble(*[(run.text, component_style(self, f"detail--{run.style}")) for run in line])
            for line in detail_lines(event)
        ]
        self._text.update(Content("\n").join(lines))
        self.scroll_home(animate=False)

    def close(self) -> None:
        """Take it away."""
        self.remove_class("-open")
