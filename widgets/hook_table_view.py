"""The registered hooks on the screen: their state and figures, and the keys that change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message

from workbench.app.errors import StoreError
from workbench.app.hooks.entry import HookStatus
from workbench.widgets.hook_facts import hook_lines, ran_in
from workbench.widgets.hook_pane import HookPane
from workbench.widgets.hook_table import SORTS, arranged, table_head, table_line
from workbench.widgets.line_list import LineList
from workbench.widgets.text_lines import Line

if TYPE_CHECKING:
    from workbench.app.hooks.breakpoints import Breakpoints
    from workbench.app.hooks.hooks import Hooks
    from workbench.widgets.hook_feed import HookFeed
    from workbench.widgets.hook_runs import HookRun

_RECENT: Final = 8
_HIGHEST: Final = 1_000


class HookTable(HookPane):
    """One row a hook.

    Args:
        hooks: the hooks.
        breakpoints: where points stop; None where nothing can.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,e", "switch", "Enable or disable", id="hooks.toggle"),
        Binding("plus,equals_sign", "shift(1)", "Later among the hooks of its point", id="hooks.later"),
        Binding("minus", "shift(-1)", "Earlier", id="hooks.earlier"),
        Binding("r", "reset", "Close its breaker", id="hooks.reset"),
        Binding("s", "sort", "Sort by the next column", id="hooks.sort"),
        Binding("S", "reverse", "Sort the other way round", id="hooks.reverse"),
        Binding("t", "traces", "Its traces", id="hooks.traces"),
    ]

    class TracesWanted(Message):
        """The traces of a hook are wanted."""

        def __init__(self, hook_id: str) -> None:
            super().__init__()
            self.hook_id = hook_id

    def __init__(self, hooks: Hooks, breakpoints: Breakpoints | None) -> None:
        super().__init__(LineList(self._draw, lambda status: status.id), id="hook-table")
        self._hooks, self._breakpoints = hooks, breakpoints
        self._feed: HookFeed | None = None
        self._statuses: Sequence[HookStatus] = ()
        self._stops: frozenset[str] = frozenset()
        self._sort, self._reverse, self._filter = "point", False, ""
        self._error: tuple[str, int, Mapping[str, Any]] | None = None

    def attach(self, feed: HookFeed) -> None:
        """Take the runs that details show from a feed."""
        self._feed = feed

    def update(self) -> None:
        """Show the hooks as they are now."""
        if not self.active:
            return
        self._statuses = self._hooks.statuses()
        self._stops = (
            frozenset(stop.point for stop in self._breakpoints.list()) if self._breakpoints else frozenset()
        )
        rows = arranged(self._statuses, self._sort, self._filter, reverse=self._reverse)
        self.list.show(rows)
        empty = "No hook fits." if self._filter else "No hooks are loaded."
        found = f"{len(rows)} of {len(self._statuses)}"
        self.tell(filtered=self._filter, found=found, empty=empty)
        if self.detail.is_open:
            self._show_detail()

    def on_resize(self) -> None:
        self.update()

    def filter_by(self, text: str) -> None:
        """Show only the hooks with all words of a text."""
        self._filter = text.strip()
        self.update()

    def draw_head(self) -> Line:
        """Return the names of the columns."""
        return table_head(self.columns, self._sort, reverse=self._reverse)

    def _draw(self, status: HookStatus, width: int) -> Line:
        return table_line(status, width, self._stops)

    # --- what the keys do -------------------------------------------------------------------------

    @property
    def _current(self) -> HookStatus | None:
        found = self.list.row
        return found if isinstance(found, HookStatus) else None

    def _status(self, hook_id: str) -> HookStatus | None:
        return next((each for each in self._hooks.statuses() if each.id == hook_id), None)

    def action_switch(self) -> None:
        """Enable the hook, or disable it."""
        if (current := self._current) is not None:
            self.post_message(self.Asked(lambda: toggle_line(self._status(current.id))))

    def action_shift(self, step: int) -> None:
        """Let the hook run later or earlier."""
        current = self._current
        if current is None:
            return

        def line() -> str:
            status = self._status(current.id)
            if status is None or not 0 <= status.priority + step <= _HIGHEST:
                return ""
            return f"/hooks priority {_quoted(status.id)} {status.priority + step}"

        self.post_message(self.Asked(line))

    def action_reset(self) -> None:
        """Close the hook's breaker."""
        if (current := self._current) is not None:
            self.post_message(self.Asked(lambda: f"/hooks reset {_quoted(current.id)}"))

    def action_break(self) -> None:
        """Stop at the hook's point, or no more."""
        if (current := self._current) is not None:
            self.post_message(self.Asked(lambda: break_line(self._breakpoints, current.point)))

    def action_sort(self) -> None:
        """Sort by the next column."""
        names = list(SORTS)
        self._sort, self._reverse = names[(names.index(self._sort) + 1) % len(names)], False
        self.update()

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._reverse = not self._reverse
        self.update()

    def action_traces(self) -> None:
        """Ask for the hook's traces."""
        if (current := self._current) is not None:
            self.post_message(self.TracesWanted(current.id))

    def action_copy(self) -> None:
        """Ask for the hook's state and figures to be copied as JSON."""
        if (current := self._current) is not None:
            text = msgspec.json.format(msgspec.json.encode(current), indent=2).decode()
            self.post_message(self.Copy(text, "the hook"))

    # --- details ----------------------------------------------------------------------------------

    @on(LineList.Opened)
    def _opened(self, event: LineList.Opened) -> None:
        event.stop()
        if self.detail.is_open:
            self.close_detail()
        else:
            self._show_detail()

    @on(LineList.Moved)
    def _moved(self, event: LineList.Moved) -> None:
        event.stop()
        if self.detail.is_open and (self._current is None or self._current.id != self.detail.subject):
            self._show_detail()

    def _show_detail(self) -> None:
        status = self._current
        if status is None:
            self.close_detail()
            return
        recent = self._recent(status.id)
        failed = next((run for run in reversed(recent) if run.result == "failed"), None)
        known = self._error if self._error is not None and self._error[0] == status.id else None
        if failed is not None and (known is None or known[1] != failed.seq):
            self.run_worker(self._read_error(failed), name="hooks, last error", group="error", exclusive=True)
        error = known[2] if known is not None else None
        shown = recent[-_RECENT:]
        self.add_class("-detail")
        self.detail.show(status.id, lambda width: hook_lines(status, shown, width, error=error))

    def _recent(self, hook_id: str) -> list[HookRun]:
        return [run for run in self._feed.log.runs if run.hook == hook_id] if self._feed is not None else []

    async def _read_error(self, run: HookRun) -> None:
        """Read the traceback of a failed run from its trace."""
        try:
            event = await self._feed.event(run.seq) if self._feed is not None else None
        except StoreError:
            return
        error = ran_in(event, run.place).get("error") if event is not None else None
        if isinstance(error, dict):
            self._error = run.hook, run.seq, error
            if self.detail.is_open and self.detail.subject == run.hook:
                self._show_detail()


def toggle_line(status: HookStatus | None) -> str:
    """Return the command that enables or disables a hook; empty for none."""
    if status is None:
        return ""
    return f"/hooks {'enable' if status.state == 'disabled' else 'disable'} {_quoted(status.id)}"


def break_line(breakpoints: Breakpoints | None, point: str) -> str:
    """Return the command that sets a breakpoint, or takes it away; empty where nothing can stop."""
    if breakpoints is None:
        return ""
    stands = any(stop.point == point for stop in breakpoints.list())
    return f"/hooks break {_quoted(point)}{' --clear' if stands else ''}"


def _quoted(text: str) -> str:
    from workbench.app.commands.words import quote

    return quote(text)
