"""A turn's timeline as lines that are drawn when they are in sight: labels, bars to scale, figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.app.events.timeline import Row, Timeline
from workbench.app.events.timeline_bars import STEPS
from workbench.app.events.waterfall import Columns, Piece, Scale, axis_pieces, columns_for, row_pieces
from workbench.widgets.component_style import component_style

_STYLES: Final = (
    *(
        "cursor",
        "label",
        "quiet-label",
        "detail",
        "figure",
        "axis",
        "grid",
        "mark",
        "whole",
        "error",
        "warning",
    ),
    *("load", "prompt", "prefill", "decode", "store", "worker", "hook", "tool", "command", "span"),
)
# Which rows are shown: all, those that took time, those of the turn's own steps.
_LEVELS: Final[tuple[Callable[[Row], bool], ...]] = (
    lambda _row: True,
    lambda row: row.kind != "mark",
    lambda row: row.depth == 0 or row.kind in STEPS,
)
_AXIS_LINES: Final = 1
_ZOOM: Final = 2.0
_PAN: Final = 0.2
_LEAST_SPAN_MS: Final = 0.02


class TimelineView(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows of a timeline below an axis that stays, with a cursor; the time can be zoomed and moved."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"timeline--{name}" for name in _STYLES}
    DEFAULT_CSS = """
    TimelineView {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .timeline--cursor { background: $selected; text-style: $selected-style; }
        & > .timeline--label { color: $foreground; }
        & > .timeline--quiet-label { color: $muted; text-style: $muted-style; }
        & > .timeline--detail { color: $faint; }
        & > .timeline--figure { color: $muted; text-style: $muted-style; }
        & > .timeline--axis { color: $faint; }
        & > .timeline--grid { color: $rule; }
        & > .timeline--mark { color: $faint; }
        & > .timeline--whole { color: $muted; }
        & > .timeline--load { color: $success; }
        & > .timeline--prompt { color: $foreground; }
        & > .timeline--prefill { color: $accent; text-style: dim; }
        & > .timeline--decode { color: $accent; }
        & > .timeline--store { color: $muted; }
        & > .timeline--worker { color: $faint; }
        & > .timeline--hook { color: $foreground; }
        & > .timeline--tool { color: $warning; }
        & > .timeline--command { color: $warning; }
        & > .timeline--span { color: $muted; }
        & > .timeline--error { color: $error; }
        & > .timeline--warning { color: $warning; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "previous row", id="timeline.up", show=False),
        Binding("down,j", "move(1)", "next row", id="timeline.down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "page up", id="timeline.page_up", show=False),
        Binding("pagedown,ctrl+d,space", "page(1)", "page down", id="timeline.page_down", show=False),
        Binding("home,g", "edge(0)", "first row", id="timeline.first", show=False),
        Binding("end,G", "edge(1)", "last row", id="timeline.last", show=False),
        Binding("plus,equals_sign", "zoom(1)", "zoom in on the row", id="timeline.zoom_in"),
        Binding("minus", "zoom(-1)", "zoom out", id="timeline.zoom_out"),
        Binding("0", "fit", "show the whole time", id="timeline.fit"),
        Binding("left,h", "pan(-1)", "earlier", id="timeline.earlier"),
        Binding("right,l", "pan(1)", "later", id="timeline.later"),
        Binding("m", "less", "only what took time, only steps, all", id="timeline.less"),
        Binding("enter", "open", "the event in full", id="timeline.open"),
    ]

    cursor: reactive[int] = reactive(0)
    level: reactive[int] = reactive(0)

    class Opened(Message):
        """The reader wants to see a row's event in full."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """The cursor came to another row, None when there is none."""

        def __init__(self, row: Row | None) -> None:
            super().__init__()
            self.row = row

    def __init__(self) -> None:
        super().__init__()
        self._timeline = Timeline()
        self._rows: tuple[Row, ...] = ()
        self._window: tuple[float, float] | None = None
        self._looks: dict[str, Style] = {}

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    @property
    def window(self) -> tuple[float, float]:
        """Beginning and length of the time in sight, in ms."""
        return self._window or (0.0, self._timeline.total_ms)

    def show(self, timeline: Timeline, *, afresh: bool = True) -> None:
        """Show a timeline.

        Args:
            timeline: what to show.
            afresh: whether it is another turn's; the same turn keeps the cursor's row and the zoom.
        """
        before = self.row
        self._timeline = timeline
        if afresh:
            self._window = None
        self._take_rows(None if afresh else before)

    def go_to(self, seq: int) -> bool:
        """Put the cursor on the row of an event; False when it has none of its own."""
        places = [place for place, row in enumerate(self._rows) if row.seq == seq]
        if places:
            self.cursor = places[0]
        return bool(places)

    def _take_rows(self, before: Row | None) -> None:
        rows = self._timeline.rows
        self._rows = tuple(row for row in rows if row.level or _LEVELS[self.level](row))
        same = [place for place, row in enumerate(self._rows) if before and _same(row, before)]
        place = same[0] if same else min(self.cursor, max(0, len(self._rows) - 1)) if before else 0
        self.set_reactive(TimelineView.cursor, place)
        self.virtual_size = Size(0, len(self._rows) + _AXIS_LINES)
        self._tell()
        self.refresh()

    def watch_level(self) -> None:
        self._take_rows(self.row)
        self._reveal()

    def watch_cursor(self) -> None:
        self._reveal()
        self._tell()
        self.refresh()

    def watch_has_focus(self, _focused: bool) -> None:
        self.refresh()

    def _tell(self) -> None:
        self.post_message(self.Moved(self.row))

    def _reveal(self) -> None:
        """Scroll so that the cursor's row stands below the axis."""
        if not self.is_attached:
            return
        room = max(1, self.size.height - _AXIS_LINES)
        top = min(max(self.scroll_offset.y, self.cursor - room + 1), self.cursor)
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        self._reveal()

    # --- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        columns = columns_for(width - 1)
        scale = Scale(*self.window, columns.bars)
        if y == 0:
            return self._strip(axis_pieces(columns, scale) if self._rows else [], width)
        place = self.scroll_offset.y + y - _AXIS_LINES
        if place >= len(self._rows):
            return Strip.blank(width, self._look(""))
        return self._row_strip(place, columns, scale, width)

    def _row_strip(self, place: int, columns: Columns, scale: Scale, width: int) -> Strip:
        pieces = row_pieces(self._rows[place], columns, scale)
        if place != self.cursor:
            return self._strip(pieces, width)
        # A theme that marks the cursor by exchanging colours would turn each piece into a patch of its own,
        # and a bar into a hole: there, the words are marked, and the bars stay as they are.
        exchanged = bool(component_style(self, "timeline--cursor").reverse)
        if exchanged:
            pieces = [piece if piece.bars else piece._replace(style="cursor") for piece in pieces]
        else:
            pieces = [piece._replace(style=f"cursor {piece.style}") for piece in pieces]
        return self._strip(pieces, width, "cursor")

    def _strip(self, pieces: list[Piece], width: int, rest: str = "") -> Strip:
        segments = [Segment(piece.text, self._look(piece.style)) for piece in pieces]
        return Strip(segments).adjust_cell_length(width, self._look(rest))

    def _look(self, names: str) -> Style:
        style = self._looks.get(names)
        if style is None:
            look = self.visual_style
            for name in names.split():
                known = name if name in _STYLES else "span"
                look += component_style(self, f"timeline--{known}")
            style = self._looks[names] = look.rich_style
        return style

    def notify_style_update(self) -> None:
        """Forget the colours of the old theme; see `Widget`."""
        self._looks.clear()
        super().notify_style_update()

    # --- what the keys do -------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        place = self.scroll_offset.y + event.y - _AXIS_LINES
        if event.y < _AXIS_LINES or place >= len(self._rows):
            return
        again = place == self.cursor
        self.cursor = place
        if again:
            self.action_open()

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self.cursor = max(0, min(self.cursor + rows, len(self._rows) - 1))

    def action_page(self, direction: int) -> None:
        """Move the cursor by what is visible."""
        self.action_move(direction * max(1, self.size.height - _AXIS_LINES - 1))

    def action_edge(self, end: int) -> None:
        """Move the cursor to the first or the last row."""
        self.cursor = max(0, len(self._rows) - 1) * end

    def action_open(self) -> None:
        """Ask for the row's event to be shown in full."""
        if self.row is not None:
            self.post_message(self.Opened(self.row))

    def action_less(self) -> None:
        """Show only what took time, then only the turn's own steps, then all again; bad news always."""
        self.level = (self.level + 1) % len(_LEVELS)

    def action_fit(self) -> None:
        """Show the whole time."""
        self._look_at(0.0, self._timeline.total_ms)

    def action_zoom(self, direction: int) -> None:
        """Look closer at the cursor's row, or from further away."""
        start, span = self.window
        row = self.row
        middle = start + span / 2
        if direction > 0 and row is not None and row.depth:
            middle = row.start_ms + row.duration_ms / 2
        wider = span / _ZOOM if direction > 0 else span * _ZOOM
        self._look_at(middle - wider / 2, wider)

    def action_pan(self, direction: int) -> None:
        """Look at earlier or later time."""
        start, span = self.window
        self._look_at(start + direction * span * _PAN, span)

    def _look_at(self, start: float, span: float) -> None:
        """Show a part of the time, or all of it when the part would not be smaller."""
        total = self._timeline.total_ms
        span = max(min(_LEAST_SPAN_MS, total), span)
        self._window = None if span >= total else (max(0.0, min(start, total - span)), span)
        self.refresh()


def _same(row: Row, other: Row) -> bool:
    return (row.seq, row.label, row.kind) == (other.seq, other.label, other.kind)
