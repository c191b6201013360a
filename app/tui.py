"""The full-screen program: its keys, its theme, and the profile that is opened behind its first picture."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from workbench.app.config.load import LoadedSettings, load_settings
from workbench.app.errors import EXIT_INTERRUPTED, EXIT_OK, WorkbenchError
from workbench.app.paths import Paths, paths_for
from workbench.app.terminal import lasting
from workbench.screens.main import MainScreen
from workbench.themes.loader import load_theme

if TYPE_CHECKING:
    from textual.driver import Driver

    from workbench.app.cli_options import TuiOptions
    from workbench.app.sessions.session import Session
    from workbench.app.workbench import Workbench

_SERVICES: Final = ("chat", "upkeep")
_ANSI_THEME: Final = "ansi"
_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
# Strips and segments of a flood of rows die young; the default looks at them 14 times as often.
_COLLECT_AT: Final = (10_000, 20, 50)
# Ending the turns, keeping the draft and closing the database are bounded each; this is for all of them.
_CLOSE_SECONDS: Final = 30.0


class WorkbenchApp(App[int]):
    """The program on the screen. `run` starts it; tests start it through Textual's pilot.

    Args:
        paths: the profile.
        loaded: the settings in force.
        options: what the command line asked for.

    Attributes:
        failure: why the program ended, when the profile could not be opened.
    """

    TITLE = "workbench"
    CSS_PATH = Path(__file__).parent.parent / "screens" / "main.tcss"
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "keys", "The keys that work here", id="help", priority=True),
        Binding("ctrl+q", "quit", "Quit", id="quit", priority=True),
        Binding("ctrl+c", "interrupt", "Stop the reply", id="reply.stop", show=False, system=True),
    ]

    def __init__(self, paths: Paths, loaded: LoadedSettings, options: TuiOptions) -> None:
        # With NO_COLOR, Textual leaves colours out only for an app that begins with the terminal's own.
        super().__init__(ansi_color="NO_COLOR" in os.environ or None)
        self.set_reactive(App.ansi_color, None)
        self.failure: WorkbenchError | None = None
        self._paths = paths
        self._options = options
        self._engine: asyncio.Task[None] | None = None
        self._leaving = asyncio.Event()
        self._exit_code = EXIT_OK
        name = _theme_name(loaded, os.environ, self.console.color_system)
        theme, _ = load_theme(name, (paths.data_dir / "themes",))
        self.register_theme(theme)
        self.theme = name
        self._main = MainScreen(paths, loaded.settings)

    def get_driver_class(self) -> type[Driver]:
        """Return what talks to the terminal; see `App`."""
        return lasting(super().get_driver_class())

    def get_default_screen(self) -> Screen[None]:
        """Return the main screen."""
        return self._main

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return what the style sheets use and Textual's own themes do not say."""
        names = {"side": "#000", "raised": "#111", "selected": "#222", "rule": "#333", "faint": "#888"}
        return {**names, "muted": "#aaa", "selected-style": "none", "muted-style": "none"}

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            with contextlib.suppress(ValueError, RuntimeError):
                loop.add_signal_handler(number, self.leave, EXIT_INTERRUPTED)
        self.call_after_refresh(self._open_profile)

    def leave(self, exit_code: int = EXIT_OK) -> None:
        """End the program: running turns are stopped and kept, the profile is closed."""
        self._exit_code = exit_code
        if self._main.workbench is None or self._engine is None or self._engine.done():
            self.exit(exit_code)
        else:
            self._main.say("Closing")
            self._leaving.set()

    async def finish(self) -> None:
        """Close the profile, if that is still to be done, after the screen has been given back."""
        if self._engine is None:
            return
        self._leaving.set()
        if self._main.workbench is None:
            self._engine.cancel()
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._engine

    async def action_quit(self) -> None:
        """End the program."""
        self.leave()

    def action_interrupt(self) -> None:
        """Stop the reply, or say how one quits."""
        if not self._main.conversation.stop():
            self._main.say("ctrl+q quits.")

    def action_keys(self) -> None:
        """Show the keys of what has the focus, or close that list."""
        from workbench.screens.help import Help, group_keys, keys_of

        if isinstance(self.screen, Help):
            self.screen.dismiss()
            return
        groups = keys_of(self.screen.focused)
        here = group_keys("This dialog" if self.screen.is_modal else "Everywhere", self.screen.BINDINGS)
        always = group_keys("Always", self.BINDINGS)
        self.push_screen(Help([*groups, here, always]))

    def _open_profile(self) -> None:
        self._engine = asyncio.create_task(self._run_profile(), name="profile")

    async def _run_profile(self) -> None:
        """Open the profile, let the screen work with it, and close it when the program ends."""
        try:
            # Imported in a thread after the first picture: keys are taken meanwhile.
            await self._main.furnish()
            module = await asyncio.to_thread(importlib.import_module, "workbench.app.workbench")
            opening = module.Workbench.open(
                self._options.data_dir,
                services=_SERVICES,
                overrides=self._options.overrides,
                face="tui",
                wait_for_disk=True,
            )
            async with opening as workbench:
                await self._main.opened(workbench, await self._first_session(workbench))
                with _sparing_what_stays():
                    await self._leaving.wait()
                    await self._main.closed()
                self.exit(self._exit_code)
        except WorkbenchError as error:
            self.failure = error
            self.exit(error.exit_code)
        except Exception as error:
            self._handle_exception(error)

    async def _first_session(self, workbench: Workbench) -> Session | None:
        """Return the session to begin with: the one asked for, one with a cut-off reply, the last used."""
        if self._options.session is not None:
            return await workbench.sessions.get(self._options.session)
        if workbench.recovered:
            return await workbench.sessions.get(workbench.recovered[-1].session_id)
        return await workbench.sessions.latest()

    def _fatal_error(self) -> None:
        """End after an exception that nobody expected; `run` raises it once the terminal is clean."""
        self._close_messages_no_wait()


@contextlib.contextmanager
def _sparing_what_stays() -> Iterator[None]:
    """Let the garbage collector not look at what lives as long as the program, while the block runs.

    Each full collection took 25 to 45 ms of the event loop, several times a second while a list scrolls.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AT)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _theme_name(loaded: LoadedSettings, environ: Mapping[str, str], colors: str | None) -> str:
    """Return the theme: the chosen one, or the terminal's own colours where it has few or wants none."""
    few = colors not in ("256", "truecolor") or "NO_COLOR" in environ
    return _ANSI_THEME if few and "ui.theme" not in loaded.origins else loaded.settings.ui.theme


def run(options: TuiOptions) -> int:
    """Run the program on the terminal until the person ends it.

    Args:
        options: what the command line asked for.

    Returns:
        The exit code.

    Raises:
        WorkbenchError: the settings are wrong, or the profile could not be opened; the terminal is clean.
        Exception: the program's own fault; the terminal is clean.
    """
    paths = paths_for(options.data_dir)
    loaded = load_settings(paths, os.environ, options.overrides)
    return asyncio.run(_run(paths, loaded, options))


async def _run(paths: Paths, loaded: LoadedSettings, options: TuiOptions) -> int:
    app = WorkbenchApp(paths, loaded, options)
    code = await app.run_async()
    await app.finish()
    if app.failure is not None:
        raise app.failure
    if app._exception is not None:
        raise app._exception
    return code if code is not None else app.return_code or EXIT_OK
