"""What the main screen asks in dialogs: which session, model or theme; a title; a yes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from textual.screen import ModalScreen

from workbench.app.errors import SettingsError
from workbench.screens.pickers import model_rows, session_rows, theme_rows, typed_model
from workbench.themes.loader import load_theme, theme_files
from workbench.widgets.session_list import local_now

if TYPE_CHECKING:
    from workbench.screens.main import MainScreen

Answer = TypeVar("Answer")

_MOST_SESSIONS = 500


class Dialogs:
    """Opens dialogs over the main screen and does what they are answered with.

    Args:
        screen: the main screen.
    """

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen

    async def pick_session(self) -> None:
        """Let the person open another session."""
        from workbench.screens.picker import Picker

        sessions = await self._screen.ready.sessions.list(_MOST_SESSIONS)
        rows = session_rows(sessions, self._screen.conversation.session_id, local_now())
        chosen = await self._ask(Picker("Sessions", rows, hint="enter open"))
        if chosen is not None:
            await self._screen.open_session(chosen)

    async def rename_session(self, session_id: str | None = None) -> None:
        """Let the person give a session another title; the open one without an id."""
        from workbench.screens.ask import AskText

        session_id = session_id or self._screen.conversation.session_id
        if session_id is None:
            self._screen.say("There is no session yet: it begins with your first message.", "warning")
            return
        sessions = self._screen.ready.sessions
        session = await sessions.get(session_id)
        title = await self._ask(AskText("Rename the session", session.title))
        if title is not None:
            await sessions.rename(session_id, title)

    async def delete_session(self, session_id: str | None = None) -> None:
        """Delete a session after a yes; the open one without an id."""
        from workbench.screens.ask import Confirm

        session_id = session_id or self._screen.conversation.session_id
        if session_id is None:
            self._screen.say("There is no session to delete.", "warning")
            return
        session = await self._screen.ready.sessions.get(session_id)
        count = f"{session.messages} message{'s' if session.messages != 1 else ''}"
        question = Confirm(f"Delete “{session.title}”?", f"Its {count} cannot be brought back.", "delete")
        if await self._ask(question):
            await self._screen.commands.run(f"/sessions delete {session_id}", "palette")

    async def pick_model(self) -> None:
        """Let the person choose a model, and load it."""
        from workbench.screens.picker import Picker

        models = self._screen.ready.models
        rows = model_rows(await models.list(), models.name)
        hint = f"enter load   type the path of a GGUF file, or put it into {self._screen.paths.models}"
        chosen = await self._ask(Picker("Models", rows, hint=hint, typed=typed_model))
        if chosen is not None:
            await self.use_model(chosen)

    async def use_model(self, name: str) -> None:
        """Load a model, showing how far it is, and choose it for good.

        Raises:
            ModelError, WorkerError: it cannot be loaded; the choice stays as it was.
        """
        from workbench.app.commands.words import quote

        await self._screen.load_model(name)
        await self._screen.commands.run(f"/models use {quote(name)}", "palette")

    def preview_theme(self, name: str) -> None:
        """Show a theme without choosing it; one whose file is wrong says so."""
        try:
            self._show_theme(name)
        except SettingsError as error:
            self._screen.say(str(error), "error")

    async def use_theme(self, name: str) -> None:
        """Show a theme and remember it.

        Raises:
            SettingsError: there is no such theme, or it cannot be remembered.
        """
        from workbench.app.commands.words import quote

        self._show_theme(name)
        await self._screen.commands.run(f"/config set ui.theme {quote(name)}", "palette")

    def _show_theme(self, name: str) -> None:
        theme, _ = load_theme(name, (self._screen.paths.data_dir / "themes",))
        self._screen.app.register_theme(theme)
        self._screen.app.theme = name

    async def pick_theme(self) -> None:
        """Let the person choose a theme; the one under the cursor is shown at once."""
        from workbench.screens.picker import Picker

        app = self._screen.app
        before = app.theme
        files = await asyncio.to_thread(theme_files, (self._screen.paths.data_dir / "themes",))
        rows = await asyncio.to_thread(theme_rows, files, before)
        chosen = await self._ask(
            Picker(
                "Theme",
                rows,
                hint="enter keep   esc back to the one before",
                cursor=before,
                on_move=self.preview_theme,
            )
        )
        if chosen is None:
            self.preview_theme(before)
        else:
            await self.use_theme(chosen)

    async def pick_break_point(self) -> None:
        """Let the person choose a hook point to stop at, or one to stop at no more."""
        from workbench.app.commands.words import quote
        from workbench.app.hooks.points import POINTS
        from workbench.screens.picker import Picker
        from workbench.widgets.row_list import Row

        stops = {stop.point for stop in self._screen.ready.service("plugins").breakpoints.list()}
        rows = [
            Row(id=point.name, label=point.name, detail=point.when, mark="◆" if point.name in stops else "")
            for point in POINTS.values()
            if not point.later
        ]
        hint = "enter stop there   ◆ stops already: enter stops there no more"
        chosen = await self._ask(Picker("Break at a hook point", rows, hint=hint))
        if chosen is not None:
            clear = " --clear" if chosen in stops else ""
            await self._screen.commands.run(f"/hooks break {quote(chosen)}{clear}", "palette")

    async def palette(self) -> None:
        """Let the person choose a command, and run it."""
        from workbench.screens.palette import palette_rows
        from workbench.screens.picker import Picker

        commands = self._screen.commands
        rows = palette_rows(commands.registry, commands.context("palette"))
        chosen = await self._ask(Picker("Commands", rows, hint="… needs words: it goes into the composer"))
        if chosen is not None:
            commands.run_name(chosen)

    async def _ask(self, dialog: ModalScreen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer."""
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()

        def take(value: Answer | None) -> None:
            if not answer.done():
                answer.set_result(value)

        self._screen.app.push_screen(dialog, take)
        return await answer
