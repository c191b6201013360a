"""Traces of hooks on the screen: live, by turn, in full, and replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec
from textual import events, on
from textual.binding import Binding, BindingType

from workbench.app.errors import WorkbenchError
from workbench.app.events.event import Event
from workbench.app.hooks.entry import HookStatus
from workbench.app.text import one_line
from workbench.widgets.hook_facts import ran_in, replay_lines, run_lines
from workbench.widgets.hook_pane import HookPane
from workbench.widgets.hook_run_lines import columns_for, head_line, run_line
from workbench.widgets.hook_runs import FittingRuns, Group, HookRun, TraceRow, Wanted, turn_rows
from workbench.widgets.hook_table_view import break_line, toggle_line
from workbench.widgets.line_list import LineList
from workbench.widgets.text_lines import Line

if TYPE_CHECKING:
    from workbench.app.hooks.breakpoints import Breakpoints
    from workbench.app.workbench import Workbench
    from workbench.widgets.hook_feed import HookFeed

_CHOOSE: Final = "Choose a hook's run first, with ↑."
_GONE: Final = "The log has this trace no more."
_LONGEST: Final = 300


class HookTraces(HookPane):
    """One row a run of a hook, newest at the bottom.

    Args:
        workbench: the open profile.
        breakpoints: where points stop; None where nothing can.
        now: gives the present time.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "turns", "Group by turn; again for a list", id="traces.turns"),
        Binding("r", "replay", "Replay through the hook's present code", id="traces.replay"),
        Binding("p", "only('point')", "Only this point; again for all", id="traces.point"),
        Binding("h", "only('hook')", "Only this hook; again for all", id="traces.hook"),
        Binding("x", "traceback", "Show or hide the traceback", id="traces.traceback"),
        Binding("space", "pause", "Pause, or follow again", id="traces.pause"),
        Binding("e", "switch", "Enable or disable the hook", id="traces.toggle"),
        Binding("left", "fold(True)", "Fold the turn or point", id="traces.fold"),
        Binding("right", "fold(False)", "Unfold it", id="traces.unfold"),
    ]

    def __init__(
        self, workbench: Workbench, breakpoints: Breakpoints | None, now: Callable[[], datetime]
    ) -> None:
        rows = LineList(self._draw, lambda row: row.key, follows=True)
        super().__init__(rows, id="hook-traces")
        self._workbench, self._breakpoints, self._now = workbench, breakpoints, now
        self._feed: HookFeed | None = None
        self._wanted, self._fitting = Wanted(), FittingRuns()
        self._tree = False
        self._folded: frozenset[tuple[str, str, int]] = frozenset()
        self._traceback = False
        self._event: Event | None = None
        self._replay = ""
        self._problem = ""

    def on_mount(self) -> None:
        self.watch(self.list, "following", self._followed, init=False)

    def attach(self, feed: HookFeed) -> None:
        """Show a feed's runs."""
        self._feed = feed
        self.update()

    def fault(self, error: WorkbenchError) -> None:
        """Say that the log cannot be read."""
        self._problem = f"The log cannot be read: {one_line(error.message, _LONGEST)}"
        self.update()

    def update(self) -> None:
        """Show the runs as they are now; where the reader looks, nothing moves."""
        if (feed := self._feed) is not None and self.active:
            self.list.show(self._arranged(feed))
            self._tell()

    def _rearrange(self) -> None:
        """Show the runs that the reader wants in the way that the reader wants; nothing new has come."""
        if (feed := self._feed) is not None and self.active:
            self.list.show_otherwise(self._arranged(feed))
            self._tell()

    def _arranged(self, feed: HookFeed) -> Sequence[TraceRow]:
        if self._tree:
            return turn_rows(feed.log.runs, self._wanted, feed.log.turns, self._folded, self._now())
        return self._fitting.rows(feed.log, self._wanted)

    def on_resize(self) -> None:
        self.update()

    def filter_by(self, text: str) -> None:
        """Show only the runs with all words of a text; without one, all."""
        self._wanted = msgspec.structs.replace(self._wanted, text=text) if text.strip() else Wanted()
        self._rearrange()

    def only_hook(self, hook_id: str) -> None:
        """Show only one hook's runs."""
        self._wanted = Wanted(hook=hook_id)
        self.list.follow()
        self.update()

    def draw_head(self) -> Line:
        """Return the names of the columns."""
        return head_line(self.columns)

    def column_ends(self) -> tuple[int, ...]:
        """Return where the columns of the time and of the point end; see `HookPane`."""
        columns = columns_for(self.columns)
        time = columns.time + 1 if columns.time else 0
        return time, time + columns.point + 2

    def _draw(self, row: TraceRow, width: int) -> Line:
        return run_line(row, width, self._now().astimezone().date(), tree=self._tree)

    def _tell(self) -> None:
        feed = self._feed
        shown = sum(isinstance(row, HookRun) for row in self.list.rows) if self._wanted else 0
        fresh = self.list.unseen + (feed.behind if feed is not None else 0)
        empty = "No trace fits." if self._wanted else "No hook has run so far. What hooks do appears here."
        found = f"{shown:,} found"
        self.tell(filtered=self._wanted.words, found=found, empty=self._problem or empty, fresh=fresh)

    # --- the list ---------------------------------------------------------------------------------

    def _followed(self, following: bool) -> None:
        if following and self._feed is not None:
            self._feed.catch_up()
        self._tell()

    @on(LineList.NearTop)
    def _near_top(self, event: LineList.NearTop) -> None:
        event.stop()
        if self._feed is not None:
            self._feed.older()

    @on(events.Click, ".pane--new")
    def _new_clicked(self, event: events.Click) -> None:
        event.stop()
        self.list.follow()

    @on(LineList.Opened)
    def _opened(self, event: LineList.Opened) -> None:
        event.stop()
        row = self.list.row
        if isinstance(row, Group):
            self.action_fold(not row.folded)
        elif self.detail.is_open and not self._replay:
            self.close_detail()
        elif isinstance(row, HookRun):
            self._show_run(row)

    @on(LineList.Moved)
    def _moved(self, event: LineList.Moved) -> None:
        event.stop()
        row = self.list.row
        if self.detail.is_open and isinstance(row, HookRun) and row.key != self.detail.subject:
            self._show_run(row)

    @property
    def _run(self) -> HookRun | None:
        row = self.list.settle()
        if isinstance(row, HookRun):
            return row
        self.post_message(self.Said(_CHOOSE))
        return None

    # --- what the keys do -------------------------------------------------------------------------

    def action_turns(self) -> None:
        """Group the runs by turn, or list them again."""
        self._tree = not self._tree
        self.set_class(self._tree, "-tree")
        self._rearrange()

    def action_fold(self, folded: bool) -> None:
        """Hide what belongs to the turn or point under the cursor, or show it."""
        row = self.list.row
        if not self._tree or row is None:
            return
        if isinstance(row, HookRun):
            key = ("point", row.turn or "", row.seq)
            if folded:
                self.list.go_to(key)
            return
        if folded and row.folded and row.kind == "point":
            self.list.go_to(("turn", row.turn or "", 0))
            return
        self._folded = self._folded | {row.key} if folded else self._folded - {row.key}
        self._rearrange()

    def action_only(self, what: str) -> None:
        """Show only runs at the row's point, or of its hook; or all again."""
        if getattr(self._wanted, what):
            self._wanted = msgspec.structs.replace(self._wanted, **{what: ""})
        elif (row := self.list.settle()) is None:
            return
        elif isinstance(row, HookRun):
            self._wanted = msgspec.structs.replace(self._wanted, **{what: getattr(row, what)})
        elif row.kind == what:
            self._wanted = msgspec.structs.replace(self._wanted, point=row.name)
        else:
            self.post_message(self.Said(_CHOOSE))
        self._rearrange()

    def action_pause(self) -> None:
        """Stop following, or follow again."""
        if self.list.following:
            self.list.settle()
        else:
            self.list.follow()

    def action_switch(self) -> None:
        """Enable the hook of the row, or disable it."""
        if (run := self._run) is not None:
            self.post_message(self.Asked(lambda: toggle_line(self._status(run.hook))))

    def action_break(self) -> None:
        """Stop at the point of the row, or no more."""
        row = self.list.settle()
        point = row.point if isinstance(row, HookRun) else row.name if row and row.kind == "point" else ""
        if point:
            self.post_message(self.Asked(lambda: break_line(self._breakpoints, point)))
        else:
            self.post_message(self.Said(_CHOOSE))

    def action_traceback(self) -> None:
        """Show or hide the traceback of the run's error."""
        self._traceback = not self._traceback
        row = self.list.row
        if self.detail.is_open and isinstance(row, HookRun):
            self._show_run(row)

    def action_replay(self) -> None:
        """Run the hook again on what it got, without effect, and show both answers."""
        if (run := self._run) is not None:
            self.run_worker(self._replay_run(run), name="hooks, replay", group="detail", exclusive=True)

    def action_copy(self) -> None:
        """Ask for what is shown of the run, or its replay, to be copied as JSON."""
        if self._replay and self.detail.is_open:
            self.post_message(self.Copy(self._replay, "the replay"))
        elif (run := self._run) is not None:
            self.run_worker(self._copy(run), name="hooks, copy", group="copy", exclusive=True)

    # --- details ----------------------------------------------------------------------------------

    def _status(self, hook_id: str) -> HookStatus | None:
        return next((each for each in self._workbench.hooks.statuses() if each.id == hook_id), None)

    async def _read(self, run: HookRun) -> Event | None:
        """Return the trace of a run; None, and a word to the reader, when it cannot be had."""
        try:
            event = await self._feed.event(run.seq) if self._feed is not None else None
        except WorkbenchError as error:
            self.post_message(self.Said(one_line(str(error), _LONGEST)))
            return None
        if event is None:
            self.post_message(self.Said(_GONE))
        return event

    def close_detail(self) -> None:
        """Take the details away."""
        self._replay = ""
        super().close_detail()

    def _show_run(self, run: HookRun) -> None:
        self.run_worker(self._open(run), name="hooks, trace", group="detail", exclusive=True)

    async def _open(self, run: HookRun) -> None:
        event = await self._read(run)
        if event is None:
            return
        status, traceback = self._status(run.hook), self._traceback
        self._replay = ""
        self.add_class("-detail")
        self.detail.show(
            run.key, lambda width: run_lines(event, run.place, status, width, traceback=traceback)
        )

    async def _replay_run(self, run: HookRun) -> None:
        from workbench.app.hooks.replay import replay_run

        event = await self._read(run)
        if event is None:
            return
        try:
            told = await replay_run(self._workbench.hooks, self._workbench.bus, event, run.place)
        except WorkbenchError as error:
            self.post_message(self.Said(one_line(str(error), _LONGEST)))
            return
        self._replay = msgspec.json.format(msgspec.json.encode(told), indent=2).decode()
        self.add_class("-detail")
        self.detail.show(run.key, lambda width: replay_lines(told, width))

    async def _copy(self, run: HookRun) -> None:
        event = await self._read(run)
        if event is None:
            return
        told = {
            "trace": run.trace_id,
            "time": event.time,
            "session": event.session_id,
            "turn": event.correlation_id,
            "point": event.payload.get("point"),
            "context": event.payload.get("context"),
            **ran_in(event, run.place),
        }
        text = msgspec.json.format(msgspec.json.encode(told), indent=2).decode()
        self.post_message(self.Copy(text, "the run"))
