"""A list of lines drawn when they are in sight, with a cursor that stays on its row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from workbench.widgets.component_style import component_style
from workbench.widgets.text_lines import Line

_STYLES: Final = (
    *("cursor", "blurred", "text", "strong", "quiet", "faint", "rule"),
    *("accent", "good", "warning", "error"),
)


class LineList(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows of any kind. Where it follows, it stays at the end until the reader goes elsewhere.

    Args:
        draw: returns a row's line for so many cells.
        key: returns what a row is known by.
        follows: whether it begins at the end and stays there; there is no cursor then.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{name}" for name in _STYLES}
    DEFAULT_CSS = """
    LineList {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        & > .lines--cursor { background: $selected; text-style: $selected-style; }
        & > .lines--blurred { background: $selected 60%; }
        & > .lines--text { color: $foreground; }
        & > .lines--strong { color: $foreground; text-style: bold; }
        & > .lines--quiet { color: $muted; text-style: $muted-style; }
        & > .lines--faint { color: $faint; }
        & > .lines--rule { color: $rule; }
        & > .lines--accent { color: $accent; }
        & > .lines--good { color: $success; }
        & > .lines--warning { color: $warning; }
        & > .lines--error { color: $error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="lines.up", show=False),
        Binding("down,j", "move(1)", "Down", id="lines.down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", id="lines.page_up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", id="lines.page_down", show=False),
        Binding("home,g", "edge(0)", "First", id="lines.first", show=False),
        Binding("end,G", "edge(1)", "Last", id="lines.last", show=False),
        Binding("enter", "open", "Details", id="lines.open"),
    ]

    following: reactive[bool] = reactive(False)

    class Moved(Message):
        """The cursor came to another row, or there are other rows."""

    class Opened(Message):
        """The reader wants to see the row under the cursor in full."""

    class Resized(Message):
        """Rows have other cells now."""

    class NearTop(Message):
        """The reader has come near the first row."""

    def __init__(
        self,
        draw: Callable[[Any, int], Line],
        key: Callable[[Any], Hashable],
        *,
        follows: bool = False,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._draw, self._key, self._follows = draw, key, follows
        self._rows: Sequence[Any] = ()
        self._cursor: int | None = None
        self._top: Hashable = None
        self._seen: Hashable = None
        self._settled = True
        self._looks: dict[str, Style] = {}
        self.set_reactive(LineList.following, follows)

    # --- what it shows ----------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[Any]:
        """The rows."""
        return self._rows

    @property
    def row(self) -> Any | None:
        """The row under the cursor, None where there is no cursor."""
        if self._cursor is None or self._cursor >= len(self._rows):
            return None
        return self._rows[self._cursor]

    @property
    def unseen(self) -> int:
        """Rows that came after the reader stopped following."""
        if self.following or not self._follows or not self._rows:
            return 0
        place = self._place(self._seen, len(self._rows) - 1)
        return 0 if place is None else len(self._rows) - 1 - place

    def show(self, rows: Sequence[Any]) -> None:
        """Show other rows; the cursor and the first line on the screen stay on theirs where they are left."""
        old, cursor, top = self.row, self._cursor, self.scroll_offset.y
        self._rows = rows
        if old is not None and cursor is not None:
            place = self._place(self._key(old), cursor)
            self._cursor = place if place is not None else min(cursor, len(rows) - 1) if rows else None
        elif not self._follows and rows:
            self._cursor = 0
        self._set_height()
        if self.following:
            self._scroll(self.max_scroll_y)
        else:
            place = self._place(self._top, top)
            self._scroll(place if place is not None else min(top, self.max_scroll_y))
        self.refresh()
        self.post_message(self.Moved())

    def show_otherwise(self, rows: Sequence[Any]) -> None:
        """Show other rows of what is there already: where nothing was new before, nothing is now."""
        unseen = self.unseen
        self.show(rows)
        if not unseen and rows:
            self._seen = self._key(rows[-1])

    def go_to(self, key: Hashable) -> bool:
        """Put the cursor on a row; False when it is not there."""
        place = self._place(key, self._cursor or 0)
        if place is not None:
            self._put(place)
        return place is not None

    def follow(self) -> None:
        """Go to the end, and stay there where the list follows."""
        if self._follows:
            self._cursor = None
            self.following = True
            self._scroll(self.max_scroll_y)
            self.refresh()
            self.post_message(self.Moved())
        elif self._rows:
            self._put(len(self._rows) - 1)

    def settle(self) -> Any | None:
        """Return the row under the cursor; where there is none, put it on the last row in sight."""
        if self._cursor is None and self._rows:
            self._put(min(self.scroll_offset.y + max(1, self.size.height), len(self._rows)) - 1)
        return self.row

    # --- what the keys do -------------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        """Move the cursor; beyond the last row the list follows again."""
        if self._cursor is None:
            self.settle()
        elif step > 0 and self._follows and self._cursor >= len(self._rows) - 1:
            self.follow()
        else:
            self._put(self._cursor + step)

    def action_page(self, direction: int) -> None:
        """Move the cursor by what is in sight."""
        self.action_move(direction * max(1, self.size.height - 1))

    def action_edge(self, end: int) -> None:
        """Go to the first row, or to the last."""
        if end:
            self.follow()
        else:
            self._put(0)

    def action_open(self) -> None:
        """Ask for the row under the cursor, or the last, in full."""
        if self.settle() is not None:
            self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        place = self.scroll_offset.y + event.y
        if place < len(self._rows):
            again = place == self._cursor
            self._put(place)
            if again:
                self.action_open()

    # --- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        place = self.scroll_offset.y + y
        if not 0 <= place < len(self._rows):
            return Strip.blank(width, self._look(""))
        line = self._draw(self._rows[place], width)
        if place != self._cursor:
            segments = [Segment(run.text, self._look(run.style)) for run in line]
            return Strip(segments).adjust_cell_length(width, self._look(""))
        cursor = "cursor" if self.has_focus else "blurred"
        # A theme that marks the cursor by exchanging colours would turn each run into a patch of its own.
        exchanged = bool(component_style(self, f"lines--{cursor}").reverse)
        segments = [
            Segment(run.text, self._look(cursor if exchanged else f"{cursor} {run.style}")) for run in line
        ]
        return Strip(segments).adjust_cell_length(width, self._look(cursor))

    def _look(self, names: str) -> Style:
        found = self._looks.get(names)
        if found is None:
            look = self.visual_style
            for name in names.split():
                look += component_style(self, f"lines--{name if name in _STYLES else 'text'}")
            found = self._looks[names] = look.rich_style
        return found

    def notify_style_update(self) -> None:
        """Forget the colours of the old theme; see `Widget`."""
        self._looks.clear()
        super().notify_style_update()

    def watch_has_focus(self, _focused: bool) -> None:
        self.refresh()

    # --- steps ------------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._settled:
            self.following = self._follows and self._cursor is None and new_value >= self.max_scroll_y
            self._note_top()

    def watch_following(self, following: bool) -> None:
        if not following and self._rows:
            self._seen = self._key(self._rows[-1])
            self._note_top()

    def on_resize(self) -> None:
        self._set_height()
        if self.following:
            self._scroll(self.max_scroll_y)
        elif self._cursor is not None:
            self._reveal()
        self.post_message(self.Resized())

    def _put(self, place: int) -> None:
        if not self._rows:
            return
        self._cursor = max(0, min(place, len(self._rows) - 1))
        self.following = False
        self._reveal()
        self.refresh()
        self.post_message(self.Moved())

    def _reveal(self) -> None:
        if self._cursor is not None:
            top, height = self.scroll_offset.y, max(1, self.size.height)
            self._scroll(min(max(top, self._cursor - height + 1), self._cursor))

    def _place(self, key: Hashable, near: int) -> int | None:
        """Return the place of a row, looked for first where it was."""
        rows = self._rows
        if 0 <= near < len(rows) and self._key(rows[near]) == key:
            return near
        return next((place for place, row in enumerate(rows) if self._key(row) == key), None)

    def _scroll(self, y: int) -> None:
        """Scroll without taking it for something that the reader did."""
        self._settled = False
        if y != self.scroll_y or y != self.scroll_target_y:
            self.scroll_to(y=y, animate=False, force=True, immediate=True)
        self._settled = True
        self._note_top()

    def _note_top(self) -> None:
        top = self.scroll_offset.y
        self._top = self._key(self._rows[top]) if top < len(self._rows) else None
        if top < self.size.height and not self.following:
            self.post_message(self.NearTop())

    def _set_height(self) -> None:
        """Tell the scroll bar how many rows there are; a layout only when it comes or goes."""
        size = Size(0, len(self._rows))
        if size == self.virtual_size:
            return
        fits, fitted = size.height <= self.size.height, self.virtual_size.height <= self.size.height
        if fits != fitted:
            self.virtual_size = size
            return
        self.set_reactive(Widget.virtual_size, size)
        self.vertical_scrollbar.window_virtual_size = size.height
        self.vertical_scrollbar.window_size = self.size.height
