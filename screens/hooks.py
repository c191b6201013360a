"""Hooks and traces over the main screen: which hooks there are, how they do, and what they did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from workbench.app.errors import HookError, WorkbenchError
from workbench.app.text import one_line
from workbench.screens.clipboard import send_to_clipboard
from workbench.widgets.hook_feed import HookFeed
from workbench.widgets.hook_pane import HookPane
from workbench.widgets.hook_table import Overhead, overhead_line, overhead_of
from workbench.widgets.hook_table_view import HookTable
from workbench.widgets.hook_traces_view import HookTraces

if TYPE_CHECKING:
    from workbench.app.events.event import Event
    from workbench.app.hooks.breakpoints import Breakpoints
    from workbench.app.workbench import Workbench
    from workbench.screens.main import MainScreen

View = Literal["hooks", "traces"]
RunLine = Callable[[str], Awaitable[Sequence[str]]]
"""Runs a command's line and returns what it answers, in lines."""

_NOTICE: Final = "core:system:notice"
_LOADED: Final = "core:hook:file_loaded"
_REFRESH_SECONDS: Final = 0.5
_SAID_SECONDS: Final = 4.0
_LOW, _TINY = 18, 9
_LONGEST: Final = 300
_TOLD: Final = 16
_KEYS: Final[dict[View, tuple[tuple[str, str], ...]]] = {
    "hooks": (
        ("enter", "details"),
        ("space", "on/off"),
        ("+/-", "priority"),
        ("s", "sort"),
        ("/", "filter"),
        ("t", "traces"),
        ("r", "reset"),
        ("b", "break"),
        ("tab", "traces view"),
    ),
    "traces": (
        ("enter", "details"),
        ("r", "replay"),
        ("t", "by turn"),
        ("/", "filter"),
        ("p", "point"),
        ("h", "hook"),
        ("e", "on/off"),
        ("c", "copy"),
        ("b", "break"),
        ("tab", "hooks view"),
    ),
}
_BACK: Final = ("esc", "back")


class HooksScreen(Screen[None]):
    """Shows the hooks, or their traces.

    Args:
        workbench: the open profile.
        run_line: runs commands, so that the keys do what the commands do.
        view: what it begins with.
        now: gives the present time.
    """

    CSS_PATH = "hooks.tcss"
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,shift+tab", "other", "The other view", id="hooks.other"),
        Binding("1", "show('hooks')", "Hooks", id="hooks.hooks"),
        Binding("2", "show('traces')", "Traces", id="hooks.traces_view"),
        Binding("escape,q", "leave", "Close what is open; go back", id="hooks.leave"),
        Binding("ctrl+t", "dismiss_all", "Go back", id="hooks.back", show=False),
    ]

    def __init__(
        self,
        workbench: Workbench,
        run_line: RunLine,
        view: View = "hooks",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self._workbench, self._run_line = workbench, run_line
        self._breakpoints = breakpoints_of(workbench)
        self._view: View = view
        self._asked = asyncio.Lock()
        self.table = HookTable(workbench.hooks, self._breakpoints)
        self.traces = HookTraces(workbench, self._breakpoints, now)
        self._title = Static("", id="hooks-title", markup=False)
        self._keys = Static("", id="hooks-keys", markup=False)
        self._silence: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self._title
        yield self.table
        yield self.traces
        yield self._keys

    def on_mount(self) -> None:
        feed = HookFeed(
            self._workbench,
            self.run_worker,
            self.traces.update,
            self.traces.fault,
            lambda: not self.traces.list.following,
        )
        self.table.attach(feed)
        self.traces.attach(feed)
        self.action_show(self._view)
        self.set_interval(_REFRESH_SECONDS, self._refresh_hooks)
        for name in (_NOTICE, _LOADED):
            self.run_worker(self._tell_of(name), name=f"hooks, {name}")

    @property
    def view(self) -> View:
        """What is shown."""
        return self._view

    @property
    def _pane(self) -> HookPane:
        return self.table if self._view == "hooks" else self.traces

    # --- what is shown ----------------------------------------------------------------------------

    def _refresh_hooks(self) -> None:
        """Show states and figures as they are now; what is out of sight can wait."""
        if self.is_current:
            self.table.update()
            self._tell()

    def _tell(self) -> None:
        tabs = Content("   ").join(
            Content.assemble((f"{number} ", "$faint"), (name, "bold $accent" if chosen else "$muted"))
            for number, name, chosen in (
                (1, "Hooks", self._view == "hooks"),
                (2, "Traces", self._view == "traces"),
            )
        )
        room = self.size.width - 4
        told = overhead_line(self._overhead(), max(0, room - tabs.cell_length - 3))
        gap = max(1, room - tabs.cell_length - told.cell_length)
        self._title.update(tabs + Content(" " * gap) + told, layout=False)

    def _overhead(self) -> Overhead:
        hooks = self._workbench.hooks
        statuses = hooks.statuses()
        patient = {each.id for each in statuses if _waits_for_a_person(self._workbench, each.id)}
        waiting = len(self._breakpoints.pending()) if self._breakpoints is not None else 0
        return overhead_of(statuses, patient, waiting)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _LOW, "-low")
        self.set_class(event.size.height < _TINY, "-tiny")
        self._show_keys()
        self._tell()

    def _show_keys(self) -> None:
        self._keys.update(keys_line(_KEYS[self._view], self.size.width - 4))

    def say(self, text: str) -> None:
        """Say a sentence in the place of the keys for some seconds."""
        self._keys.update(Content(one_line(text, _LONGEST)))
        if self._silence is not None:
            self._silence.stop()
        self._silence = self.set_timer(_SAID_SECONDS, self._show_keys)

    async def _tell_of(self, name: str) -> None:
        """Say what the main screen would tell, which lies below: whoever saves a file looks here."""
        with self._workbench.bus.subscribe(name, "drop_oldest", capacity=_TOLD, name=f"hooks {name}") as told:
            async for batch in told.batches():
                self.say(event_text(batch[-1]))

    # --- what the keys do -------------------------------------------------------------------------

    def action_show(self, view: View) -> None:
        """Show the hooks, or their traces."""
        self._view = view
        self.set_class(view == "hooks", "-hooks")
        self.set_class(view == "traces", "-traces")
        self.table.active, self.traces.active = view == "hooks", view == "traces"
        self._pane.update()
        self._pane.focus()
        self._show_keys()
        self._tell()

    def action_other(self) -> None:
        """Show the other view."""
        if not self._pane.is_asking:
            self.action_show("traces" if self._view == "hooks" else "hooks")

    def action_leave(self) -> None:
        """Close what is open, or go back."""
        if not self._pane.back():
            self.dismiss()

    def action_dismiss_all(self) -> None:
        """Go back at once."""
        self.dismiss()

    # --- what the views ask for -------------------------------------------------------------------

    @on(HookPane.Asked)
    def _command_asked(self, event: HookPane.Asked) -> None:
        event.stop()
        self.run_worker(self._run_command(event.make), name="hooks, command", group="command")

    async def _run_command(self, make: Callable[[], str]) -> None:
        # One after the other: each begins where the one before has left things.
        async with self._asked:
            line = make()
            if not line:
                return
            try:
                lines = await self._run_line(line)
            except WorkbenchError as error:
                self.say(str(error))
                return
        self._refresh_hooks()
        self.say(" ".join(lines))

    @on(HookPane.Copy)
    async def _copy_asked(self, event: HookPane.Copy) -> None:
        event.stop()
        try:
            self.say(await send_to_clipboard(self.app, self._workbench, event.text, event.what))
        except WorkbenchError as error:
            self.say(str(error))

    @on(HookPane.Said)
    def _said(self, event: HookPane.Said) -> None:
        event.stop()
        self.say(event.text)

    @on(HookTable.TracesWanted)
    def _traces_wanted(self, event: HookTable.TracesWanted) -> None:
        event.stop()
        self.traces.only_hook(event.hook_id)
        self.action_show("traces")


async def open_hooks(screen: MainScreen, view: View = "hooks") -> None:
    """Show the hooks screen over the main one.

    Args:
        screen: the main screen.
        view: what it begins with.

    Raises:
        UsageError: the profile is still being opened.
    """

    async def run_line(line: str) -> Sequence[str]:
        commands = screen.commands
        asked = commands.registry.parse(line, "palette")
        result = await commands.registry.run(asked, commands.context("palette"))
        return result.lines

    await screen.app.push_screen(HooksScreen(screen.ready, run_line, view))


def event_text(event: Event) -> str:
    """Return a notice, or that a file of hooks was loaded, as a sentence."""
    facts = event.payload
    if event.name == _NOTICE:
        return f"{facts['message']} {facts['hint']}".strip()
    name, count = Path(facts["file"]).name, len(facts["hooks"])
    return f"{name} is loaded: {count} hook{'s' if count != 1 else ''}."


def breakpoints_of(workbench: Workbench) -> Breakpoints | None:
    """Return the breakpoints of a workbench, None where no plugins are open."""
    return workbench.service("plugins").breakpoints if workbench.has("plugins") else None


def keys_line(keys: Sequence[tuple[str, str]], room: int) -> Content:
    """Return the keys that fit into `room` cells; the way back always stands at the right edge."""
    back = _key(*_BACK)
    for count in range(len(keys), -1, -1):
        left = Content("   ").join(_key(*key) for key in keys[:count])
        gap = room - left.cell_length - back.cell_length
        if gap >= 2 or not count:
            return left + Content(" " * max(0, gap)) + back
    return back


def _key(name: str, what: str) -> Content:
    return Content.styled(name, "$accent") + Content(f" {what}")


def _waits_for_a_person(workbench: Workbench, hook_id: str) -> bool:
    try:
        return workbench.hooks.get(hook_id).deadline is None
    except HookError:
        return False
