"""A dialog to choose one of many rows by typing a few letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from workbench.widgets.row_list import Row, RowList
from workbench.widgets.search import search

_MOST_LINES = 16
# Head, search line, hint, their margins and the dialog's own.
_OTHER_LINES = 12


class Picker(ModalScreen[str]):
    """Gives the id of the chosen row, None when the person leaves.

    Args:
        title: what is chosen.
        rows: what there is to choose from.
        hint: one line below the list.
        cursor: id of the row to begin at.
        typed: makes a row of what was typed that is not in the list, such as a path; None for none.
        on_move: called with the id of the row under the cursor, to show what choosing it would do.
    """

    CSS_PATH = "picker.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", id="picker.close"),
        Binding("up", "move(-1)", "Up", id="picker.up"),
        Binding("down", "move(1)", "Down", id="picker.down"),
        Binding("pageup", "page(-1)", "Page up", id="picker.page_up"),
        Binding("pagedown", "page(1)", "Page down", id="picker.page_down"),
    ]

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        *,
        hint: str = "",
        cursor: str | None = None,
        typed: Callable[[str], Row | None] | None = None,
        on_move: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._rows = list(rows)
        self._hint = hint
        self._cursor = cursor
        self._typed = typed
        self._on_move = on_move

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            with Horizontal(id="dialog-head"):
                yield Static(self._title, id="dialog-title", markup=False)
                yield Static("esc close", id="dialog-escape", markup=False)
            yield Input(placeholder="Type to search", id="dialog-search", compact=True, select_on_focus=False)
            yield RowList(focused_look=True)
            yield Static(self._hint, id="dialog-hint", markup=False)

    def on_mount(self) -> None:
        search_line = self.query_one(Input)
        search_line.cursor_blink = False
        search_line.focus()
        rows = self.query_one(RowList)
        rows.can_focus = False
        self._show(self._rows, self._cursor)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        found = search(self._rows, event.value)
        extra = self._typed(event.value.strip()) if self._typed and event.value.strip() else None
        first = found[0].id if found else None
        self._show([*found, extra] if extra else found, first)

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        event.stop()
        if self._on_move is not None and not event.row.disabled:
            self._on_move(event.row.id)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.dismiss(event.row.id)

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        self.query_one(RowList).move(step)

    def action_page(self, step: int) -> None:
        """Move the cursor by a page."""
        self.query_one(RowList).action_page(step)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        row = self.query_one(RowList).row
        if row is not None and row.disabled:
            self.app.bell()
        self.query_one(RowList).action_choose()

    def action_leave(self) -> None:
        """Leave without a choice."""
        self.dismiss(None)

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Give the list the lines that it needs and that there are."""
        rows = self.query_one(RowList)
        room = min(_MOST_LINES, self.app.size.height - _OTHER_LINES)
        rows.styles.height = max(1, min(len(rows.rows), room))

    def _show(self, rows: Sequence[Row], cursor: str | None) -> None:
        row_list = self.query_one(RowList)
        row_list.show(rows, cursor)
        if self._on_move is not None and row_list.row is not None and not row_list.row.disabled:
            self._on_move(row_list.row.id)
        self._fit()
        empty = not rows
        self.query_one("#dialog-hint", Static).update("Nothing fits." if empty else self._hint)
