"""Draws events as terminal lines, in the colours of the theme; for the widgets that show some."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from workbench.app.events.event import Event
from workbench.widgets.component_style import component_style
from workbench.widgets.event_lines import columns_for, event_line, missing_line, unread_line
from workbench.widgets.text_lines import Line, Run, fit

_AREAS: Final = (
    *("chat", "session", "model", "worker", "store", "system", "event", "command", "hook", "tool"),
    "other",
)
_NAMES: Final = (
    *("cursor", "time", "name", "source", "key", "value", "note", "unread", "pin", "error", "warning"),
    *(f"area-{name}" for name in _AREAS),
)

EVENT_STYLES: Final = frozenset(f"events--{name}" for name in _NAMES)
"""The component classes of a widget that draws events."""

EVENT_CSS: Final = """
    & > .events--cursor { background: $selected; text-style: $selected-style; }
    & > .events--time { color: $faint; }
    & > .events--name { color: $foreground; }
    & > .events--source { color: $faint; }
    & > .events--key { color: $faint; }
    & > .events--value { color: $muted; text-style: $muted-style; }
    & > .events--note { color: $faint; text-style: italic; }
    & > .events--unread { color: $rule; }
    & > .events--pin { color: $accent; }
    & > .events--error { color: $error; }
    & > .events--warning { color: $warning; }
    & > .events--area-chat { color: $accent; }
    & > .events--area-session { color: $accent; }
    & > .events--area-model { color: $success; }
    & > .events--area-worker { color: $success; }
    & > .events--area-command { color: $warning; }
    & > .events--area-hook { color: $warning; }
    & > .events--area-tool { color: $warning; }
    & > .events--area-store { color: $muted; }
    & > .events--area-system { color: $muted; }
    & > .events--area-event { color: $muted; }
    & > .events--area-other { color: $foreground; }
"""
"""Their looks, to stand within the rules of that widget."""


def local_now() -> datetime:
    """Return the present time where the person is."""
    return datetime.now().astimezone()


class EventPainter:
    """Draws for one widget; keeps the looks and the columns for its width.

    Args:
        widget: has `EVENT_STYLES` and `EVENT_CSS`.
        now: gives the present time: events of other days show their date.
    """

    def __init__(self, widget: Widget, now: Callable[[], datetime] = local_now) -> None:
        self._widget = widget
        self._now = now
        self._looks: dict[str, Style] = {}
        self._width = 0
        self._columns = columns_for(0)
        self._today: date = date.min

    def resize(self, width: int) -> bool:
        """Draw lines of so many cells from now on; tell whether earlier ones are of no use any more."""
        today = self._now().date()
        if (width, today) == (self._width, self._today):
            return False
        self._width, self._today, self._columns = width, today, columns_for(width)
        return True

    def forget_looks(self) -> None:
        """Take the colours of another theme."""
        self._looks.clear()

    def event(self, event: Event, *, chosen: bool = False, pinned: bool = False) -> Strip:
        """Return the line of an event."""
        return self._strip(event_line(event, self._columns, today=self._today, pinned=pinned), chosen=chosen)

    def unread(self, *, chosen: bool = False) -> Strip:
        """Return what stands for an event that is being read."""
        return self._strip(unread_line(self._columns), chosen=chosen)

    def missing(self, seq: int, *, chosen: bool = False) -> Strip:
        """Return what stands for an event that is in no log."""
        return self._strip(missing_line(seq, self._width), chosen=chosen)

    def note(self, text: str) -> Strip:
        """Return a line that is no event."""
        return self._strip((Run(fit(text, self._width), "note"),), chosen=False)

    def blank(self) -> Strip:
        """Return an empty line."""
        return Strip.blank(self._width, self._look(""))

    def _strip(self, line: Line, *, chosen: bool) -> Strip:
        if not chosen:
            segments = [Segment(run.text, self._look(run.style)) for run in line]
            return Strip(segments).adjust_cell_length(self._width, self._look(""))
        # A theme that marks the cursor by exchanging colours would turn each run into a patch of its own.
        plain_cursor = bool(component_style(self._widget, "events--cursor").reverse)
        segments = [
            Segment(run.text, self._look("cursor" if plain_cursor else f"cursor {run.style}")) for run in line
        ]
        return Strip(segments).adjust_cell_length(self._width, self._look("cursor"))

    def _look(self, names: str) -> Style:
        """Return the looks of some style names, one over the other, on the widget's own."""
        found = self._looks.get(names)
        if found is None:
            look = self._widget.visual_style
            for name in names.split():
                known = f"events--{name}" in EVENT_STYLES
                look += component_style(self._widget, f"events--{name}" if known else "events--area-other")
            found = self._looks[names] = look.rich_style
        return found
