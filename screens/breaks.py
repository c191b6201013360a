"""Shows what waits at breakpoints over whatever screen is there, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workbench.screens.watch import BusWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App

    from workbench.app.events.event import Event
    from workbench.app.hooks.breakpoints import Breakpoints, Pause
    from workbench.app.workbench import Workbench
    from workbench.screens.break_dialog import BreakDialog

_EVENTS: Final = ("core:hook:paused", "core:hook:resumed")


class BreakWatch:
    """Keeps a dialog on the screen while something waits.

    Args:
        app: where the dialogs are shown.
        workbench: the open profile; its plugins must be open.
        on_crash: gets an exception that nobody expected.
    """

    def __init__(
        self, app: App[int], workbench: Workbench, on_crash: Callable[[BaseException], None]
    ) -> None:
        self._app = app
        self._breakpoints: Breakpoints = workbench.service("plugins").breakpoints
        self._watch = BusWatch(workbench.bus, on_crash)
        self._dialog: BreakDialog | None = None

    def start(self) -> None:
        """Begin to watch."""
        for name in _EVENTS:
            self._watch.follow(name, self._changed, key=lambda _event: "")

    async def close(self) -> None:
        """Watch no more."""
        await self._watch.close()

    async def _changed(self, _batch: list[Event]) -> None:
        self._show()

    def _show(self) -> None:
        """Show what has waited the longest; what waits no more goes."""
        pending = self._breakpoints.pending()
        shown = self._dialog
        if shown is not None and any(pause.pause_id == shown.pause.pause_id for pause in pending):
            shown.tell_waiting()
            return
        if shown is not None:
            self._take_away(shown)
        if pending:
            self._put(pending[0])

    def _put(self, pause: Pause) -> None:
        from workbench.screens.break_dialog import BreakDialog

        self._dialog = BreakDialog(self._breakpoints, pause, self._show)
        self._app.push_screen(self._dialog)

    def _take_away(self, dialog: BreakDialog) -> None:
        self._dialog = None
        stack = self._app.screen_stack
        if dialog not in stack:
            return
        # What was opened over it, such as the list of keys, goes with it.
        while self._app.screen is not dialog:
            self._app.pop_screen()
        self._app.pop_screen()
