"""A list of one-line rows in aligned columns, drawn line by line, so that its length costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from workbench.app.text import one_line
from workbench.widgets.component_style import component_style

_GAP = 2
_EDGE = 1


class Row(msgspec.Struct, frozen=True):
    """One row.

    Args:
        id: what the program calls it.
        label: what it is.
        detail: more about it, less loud.
        right: something short at the right edge.
        mark: one character before the label.
        strong: whether it stands out, as the open session does.
        live: whether `right` says that something runs now.
        disabled: whether it can be chosen; `detail` should say why not.
        marks: places in the label that a search matched.
    """

    id: str
    label: str
    detail: str = ""
    right: str = ""
    mark: str = ""
    strong: bool = False
    live: bool = False
    disabled: bool = False
    marks: tuple[int, ...] = ()


class RowList(ScrollView, can_focus=True):
    """Rows with a cursor. Enter or a click chooses one."""

    DEFAULT_CSS = """
    RowList {
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        & .row--cursor { background: $selected; text-style: $selected-style; }
        & .row--blurred { background: $selected 60%; }
        & .row--strong { text-style: bold; }
        & .row--detail { color: $muted; text-style: $muted-style; }
        & .row--right { color: $faint; }
        & .row--mark { color: $accent; }
        & .row--match { color: $accent; text-style: bold; }
        & .row--disabled { color: $faint; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row--cursor",
        "row--blurred",
        "row--strong",
        "row--detail",
        "row--right",
        "row--mark",
        "row--match",
        "row--disabled",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", id="list.up"),
        Binding("down", "move(1)", "Down", id="list.down"),
        Binding("pageup", "page(-1)", "Page up", id="list.page_up"),
        Binding("pagedown", "page(1)", "Page down", id="list.page_down"),
        Binding("home", "edge(0)", "First", id="list.first"),
        Binding("end", "edge(1)", "Last", id="list.last"),
        Binding("enter", "choose", "Choose", id="list.choose"),
    ]

    cursor: reactive[int] = reactive(0)

    class Chosen(Message):
        """The person chose a row."""

        def __init__(self, rows: RowList, row: Row) -> None:
            super().__init__()
            self.rows = rows
            self.row = row

        @property
        def control(self) -> RowList:
            """The list that it stands in."""
            return self.rows

    class Moved(Message):
        """The cursor came to another row."""

        def __init__(self, rows: RowList, row: Row) -> None:
            super().__init__()
            self.rows = rows
            self.row = row

        @property
        def control(self) -> RowList:
            """The list that it stands in."""
            return self.rows

    def __init__(self, *, markers: bool = True, focused_look: bool = False) -> None:
        """Make an empty list.

        Args:
            markers: whether there is a column for marks before the labels.
            focused_look: draw the cursor as if the list had the focus; for lists that a search line steers.
        """
        super().__init__()
        self._rows: list[Row] = []
        self._column = 0
        self._markers = markers
        self._focused_look = focused_look
        self._styles_of: dict[str, Style] = {}

    @property
    def rows(self) -> Sequence[Row]:
        """The rows."""
        return self._rows

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self._rows else None

    def show(self, rows: Sequence[Row], cursor: str | None = None) -> None:
        """Show other rows, with the cursor on the row called `cursor`, or where it was by id or place."""
        wanted = cursor if cursor is not None else (self.row.id if self.row else None)
        if list(rows) == self._rows and cursor is None:
            return
        self._rows = list(rows)
        self._column = max((Content(one_line(row.label, 500)).cell_length for row in self._rows), default=0)
        self.virtual_size = Size(0, len(self._rows))
        places = {row.id: index for index, row in enumerate(self._rows)}
        place = places.get(wanted, min(self.cursor, max(0, len(self._rows) - 1))) if wanted else 0
        self.set_reactive(RowList.cursor, place)
        self._show_cursor()
        self.refresh()

    def move(self, step: int) -> None:
        """Move the cursor, around the ends."""
        if self._rows:
            self.cursor = (self.cursor + step) % len(self._rows)

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        self.move(step)

    def action_page(self, step: int) -> None:
        """Move the cursor by what is visible."""
        if self._rows:
            target = self.cursor + step * max(1, self.size.height - 1)
            self.cursor = max(0, min(len(self._rows) - 1, target))

    def action_edge(self, end: int) -> None:
        """Move the cursor to the first or the last row."""
        if self._rows:
            self.cursor = (len(self._rows) - 1) * end

    def action_choose(self) -> None:
        """Choose the row under the cursor unless it is disabled."""
        if self.row is not None and not self.row.disabled:
            self.post_message(self.Chosen(self, self.row))

    def watch_cursor(self) -> None:
        self._show_cursor()
        self.refresh()
        if self.row is not None:
            self.post_message(self.Moved(self, self.row))

    def watch_has_focus(self, _focused: bool) -> None:
        self.refresh()

    def notify_style_update(self) -> None:
        """Forget the styles of an earlier theme."""
        super().notify_style_update()
        self._styles_of.clear()

    def on_click(self, event: events.Click) -> None:
        place = self.scroll_offset.y + event.y
        if place < len(self._rows):
            self.cursor = place
            self.action_choose()

    def render_line(self, y: int) -> Strip:
        place = self.scroll_offset.y + y
        width = self.scrollable_content_region.width - _EDGE
        if place >= len(self._rows):
            return Strip.blank(width + _EDGE, self.rich_style)
        content = self._line(self._rows[place], width)
        base = self.visual_style
        if place == self.cursor:
            focused = self.has_focus or self._focused_look
            look = self._style("cursor" if focused else "blurred")
            # Colours laid over a reversed row would become patches of background.
            content = content.without_spans if look.reverse else content
            base += look
        return Strip(content.render_segments(base)).adjust_cell_length(width + _EDGE, base.rich_style)

    def _line(self, row: Row, width: int) -> Content:
        right = one_line(row.right, 500)
        room = width - (_GAP if self._markers else 0) - (Content(right).cell_length + _GAP if right else 0)
        label = self._label(row)
        if row.detail:
            column = min(self._column, max(8, room * 3 // 5))
            detail = Content(one_line(row.detail, 500)).stylize(self._style("detail"))
            label = _fit(label, column) + Content(" " * _GAP) + detail
        line = _fit(label, max(0, room))
        if self._markers:
            line = Content(f"{row.mark:<{_GAP}}").stylize(self._style("mark")) + line
        if right:
            style = self._style("mark" if row.live else "right")
            line = line + Content(" " * _GAP) + Content(right).stylize(style)
        return line

    def _label(self, row: Row) -> Content:
        label = Content(one_line(row.label, 500))
        if row.disabled:
            label = label.stylize(self._style("disabled"))
        elif row.strong:
            label = label.stylize(self._style("strong"))
        for place in row.marks:
            label = label.stylize(self._style("match"), place, place + 1)
        return label

    def _style(self, name: str) -> Style:
        if name not in self._styles_of:
            self._styles_of[name] = component_style(self, f"row--{name}")
        return self._styles_of[name]

    def _show_cursor(self) -> None:
        if self._rows and self.is_attached:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)


def _fit(content: Content, width: int) -> Content:
    """Cut or pad content to a width."""
    cut = content.truncate(width, ellipsis=True)
    return cut.pad_right(max(0, width - cut.cell_length))
