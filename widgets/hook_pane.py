"""What both views of the hooks screen are made of: a filter, the names of columns, a list, and details."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from workbench.app.text import one_line
from workbench.widgets.hook_detail import HookDetail
from workbench.widgets.line_list import LineList
from workbench.widgets.new_marker import marker_text
from workbench.widgets.text_lines import Line

_LONGEST: int = 500


class HookPane(Vertical):
    """A list with a filter above it and details below.

    Args:
        rows: the list.
        id: see `Widget`.
    """

    DEFAULT_CSS = """
    HookPane {
        height: 1fr;
        & > .pane--rows { layers: base over; width: 100%; height: 1fr; }
        & > HookDetail { width: 100%; }
        & > .line { width: 100%; height: 1; padding: 0 2; text-wrap: nowrap; }
        & > .pane--filter { display: none; }
        &.-filtered > .pane--filter { display: block; }
        &.-asking > .pane--filter { display: none; }
        & > .pane--prompt { display: none; width: 100%; height: 1; padding: 0 2; }
        &.-asking > .pane--prompt { display: block; }
        & .pane--label { width: 2; color: $accent; text-style: bold; }
        & Input { width: 1fr; background: transparent; border: none; padding: 0; height: 1; }
        & Input:focus { background-tint: transparent; }
        & Input > .input--placeholder { color: $faint; }
        & LineList { margin: 0 2; padding: 0; }
        & > .pane--empty { display: none; width: 100%; height: 1fr; padding: 1 2; color: $muted; }
        &.-empty > .pane--empty { display: block; }
        &.-empty > .pane--rows { display: none; }
        & .pane--new {
            layer: over;
            dock: bottom;
            width: auto;
            height: 1;
            margin: 0 2;
            padding: 0 1;
            color: $accent;
            text-style: bold reverse;
            display: none;
        }
        &.-unseen .pane--new { display: block; }
        &.-whole.-detail > .pane--rows { display: none; }
        &.-whole.-detail > .pane--head { display: none; }
        &.-whole > HookDetail { height: 1fr; border-top: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="hooks.filter"),
        Binding("z", "whole", "Details on the whole screen, or below", id="hooks.whole"),
        Binding("shift+up,K", "scroll_detail(-1)", "Scroll the details up", id="hooks.detail_up"),
        Binding("shift+down,J", "scroll_detail(1)", "Scroll the details down", id="hooks.detail_down"),
        Binding("b", "break", "Stop at the row's point, or no more", id="hooks.break"),
        Binding("c,y", "copy", "Copy as JSON", id="hooks.copy"),
    ]

    class Asked(Message):
        """A command is wanted; `make` returns its line when its turn has come, empty for none."""

        def __init__(self, make: Callable[[], str]) -> None:
            super().__init__()
            self.make = make

    class Copy(Message):
        """A text is wanted on the clipboard; `what` says what it is."""

        def __init__(self, text: str, what: str) -> None:
            super().__init__()
            self.text = text
            self.what = what

    class Said(Message):
        """Something to tell the reader for a moment."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, rows: LineList, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.list = rows
        self.detail = HookDetail()
        self.active = False
        """Whether it is in sight; what is not is brought up to date when it comes there."""
        self._prompt = Input(compact=True, max_length=_LONGEST, select_on_focus=False)
        self._prompt.cursor_blink = False
        self._filter_line = Static("", classes="line pane--filter", markup=False)
        self._column_line = Static("", classes="line pane--head", markup=False)
        self._empty = Static("", classes="pane--empty", markup=False)
        self._new = Static("", classes="pane--new", markup=False)

    def compose(self) -> ComposeResult:
        with Horizontal(classes="pane--prompt"):
            yield Static("/", classes="pane--label", markup=False)
            yield self._prompt
        yield self._filter_line
        yield self._column_line
        with Container(classes="pane--rows"):
            yield self.list
            yield self._new
        yield self._empty
        yield self.detail

    def focus(self, scroll_visible: bool = True) -> HookPane:
        """Focus the list; see `Widget`."""
        self.list.focus(scroll_visible)
        return self

    @property
    def is_asking(self) -> bool:
        """Whether the filter is being written."""
        return self.has_class("-asking")

    def back(self) -> bool:
        """Close what was opened last: the filter's line, the details, the filter; False when nothing is."""
        if self.is_asking:
            self._close_prompt()
        elif self.detail.is_open:
            self.close_detail()
        elif self.has_class("-filtered"):
            self._prompt.value = ""
            self.filter_by("")
        else:
            return False
        return True

    def close_detail(self) -> None:
        """Take the details away."""
        self.detail.close()
        self.remove_class("-detail", "-whole")
        self.list.focus()

    # --- what the views say -----------------------------------------------------------------------

    def update(self) -> None:
        """Show things as they are now; for the views."""
        raise NotImplementedError

    def filter_by(self, text: str) -> None:
        """Show only what fits a text; for the views."""
        raise NotImplementedError

    def draw_head(self) -> Line:
        """Return the names of the columns; for the views."""
        raise NotImplementedError

    def tell(self, *, filtered: str, found: str, empty: str, fresh: int = 0) -> None:
        """Bring the lines around the list up to date.

        Args:
            filtered: the filter in force.
            found: how many fit.
            empty: stands in the place of a list without rows.
            fresh: how many came after the reader left the end.
        """
        self.set_class(bool(filtered), "-filtered")
        self.set_class(not self.list.rows, "-empty")
        self.set_class(fresh > 0, "-unseen")
        line = Content.assemble(("/ ", "bold $accent"), one_line(filtered, 200), (f"   {found}", "$faint"))
        self._filter_line.update(line, layout=False)
        self._empty.update(Content(empty))
        self._new.update(Content(marker_text(fresh, self.column_ends())))
        self._name_columns()

    def column_ends(self) -> tuple[int, ...]:
        """Return after how many cells the first columns of a row end, from the third cell of the row."""
        return ()

    @on(LineList.Resized)
    def _name_columns(self) -> None:
        looks = {"accent": "$accent", "faint": "$faint"}
        head = [(run.text, looks.get(run.style, "")) for run in self.draw_head()]
        self._column_line.update(Content.assemble(*head), layout=False)

    @property
    def columns(self) -> int:
        """Cells that a row has."""
        return self.list.scrollable_content_region.width or max(0, self.size.width - 4)

    # --- what the keys do -------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Write a filter; it holds while it is written."""
        self.add_class("-asking")
        self._prompt.focus()

    def action_whole(self) -> None:
        """Show the details on the whole screen, or below the list again."""
        if self.detail.is_open:
            self.toggle_class("-whole")
            # What is out of sight takes no keys.
            (self.detail if self.has_class("-whole") else self.list).focus()

    def action_scroll_detail(self, direction: int) -> None:
        """Scroll the details."""
        self.detail.scroll_by(direction)

    def _close_prompt(self) -> None:
        self.remove_class("-asking")
        self.list.focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.filter_by(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_prompt()
