"""The list of what a `/command` line could become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from workbench.app.text import one_line
from workbench.widgets.component_style import component_style

MOST_ROWS: Final = 8


class Suggestion(msgspec.Struct, frozen=True):
    """Something that the line could become.

    Args:
        text: what takes the place of the text from `start`.
        help: what it is, on one line.
        start: place in the line from which it replaces.
        note: why it cannot be used now, else empty.
    """

    text: str
    help: str
    start: int
    note: str = ""


class CompletionMenu(Widget):
    """Shows suggestions above the composer; hidden while there are none."""

    DEFAULT_CSS = """
    CompletionMenu {
        height: auto;
        display: none;
        background: $raised;
        padding: 0 2 0 1;
        border-left: outer $rule;
        &.-shown { display: block; }
        &:ansi { background: transparent; }
        & .menu--selected { background: $selected; text-style: $selected-style; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"menu--selected"}

    def __init__(self) -> None:
        super().__init__()
        self._suggestions: list[Suggestion] = []
        self._chosen = 0
        self.moved = False

    @property
    def is_shown(self) -> bool:
        """Whether there is something to choose."""
        return bool(self._suggestions)

    @property
    def chosen(self) -> Suggestion | None:
        """The suggestion under the cursor."""
        return self._suggestions[self._chosen] if self._suggestions else None

    def show(self, suggestions: Sequence[Suggestion]) -> None:
        """Show other suggestions; none hides the list."""
        self._suggestions = list(suggestions)
        self._chosen = 0
        self.moved = False
        self.set_class(bool(suggestions), "-shown")
        self.refresh(layout=True)

    def move(self, step: int) -> None:
        """Move the cursor, around the ends."""
        if self._suggestions:
            self.moved = True
            self._chosen = (self._chosen + step) % len(self._suggestions)
            self.refresh()

    def render(self) -> Content:
        rows = self._suggestions
        first = max(0, min(self._chosen - MOST_ROWS + 2, len(rows) - MOST_ROWS))
        shown = rows[first : first + MOST_ROWS]
        column = min(28, max((len(row.text) for row in shown), default=0))
        width = self.content_size.width
        lines = [self._line(row, column, width, rows[self._chosen] is row) for row in shown]
        return Content("\n").join(lines)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many rows are shown."""
        return min(len(self._suggestions), MOST_ROWS)

    def _line(self, row: Suggestion, column: int, width: int, chosen: bool) -> Content:
        about = f"{row.help} ({row.note})" if row.note else row.help
        line = Content.assemble(
            f"{one_line(row.text, 500):<{column}}  ",
            (one_line(about, 500), "$muted"),
        ).truncate(width, ellipsis=True)
        if chosen:
            line = line.pad_right(max(0, width - line.cell_length))
            line = line.stylize(component_style(self, "menu--selected"))
        return line
