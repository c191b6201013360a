"""Runs commands for the main screen: from the palette, from `/lines`, and by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.errors import WorkbenchError
from workbench.widgets.completion_menu import Suggestion

if TYPE_CHECKING:
    from workbench.app.commands.bind import Invocation
    from workbench.app.commands.command import CommandContext, CommandResult, Face
    from workbench.app.commands.registry import Registry
    from workbench.screens.main import MainScreen

# Longer answers go into the chat, where they can be scrolled.
_SAID_LINES = 1


class CommandRunner:
    """Knows the registry and what to do with a command's result.

    Args:
        screen: the screen that the commands act on.
    """

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._registry: Registry | None = None

    @property
    def registry(self) -> Registry:
        """All commands; made at first use, as starting needs none."""
        if self._registry is None:
            from workbench.app.commands.builtin import builtin_registry
            from workbench.screens.commands import COMMANDS

            self._registry = builtin_registry()
            for command in COMMANDS:
                self._registry.add(command)
        return self._registry

    def context(self, face: Face) -> CommandContext:
        """Return what a command works with now."""
        from workbench.app.commands.command import CommandContext

        screen = self._screen
        return CommandContext(
            face=face,
            paths=screen.paths,
            opened=screen.workbench,
            session_id=screen.conversation.session_id,
            app=screen,
            say=screen.narrate,
            columns=screen.answer_columns,
        )

    def run_line(self, line: str) -> None:
        """Run a `/line`; an error shows and the line comes back into the composer."""
        self._screen.conversation.do(self._run_line(line))

    def run_name(self, name: str) -> None:
        """Run a command of the palette; one that needs words is put into the composer."""
        from workbench.screens.palette import needs_words

        own = {
            "sessions rename": self._screen.dialogs.rename_session,
            "sessions delete": self._screen.dialogs.delete_session,
            "sessions use": self._screen.dialogs.pick_session,
            "hooks break": self._screen.dialogs.pick_break_point,
        }
        if name in own:
            self._screen.conversation.do(own[name]())
        elif needs_words(self.registry.get(name)):
            self._screen.write(f"/{name} ")
        else:
            self._screen.conversation.do(self.run(f"/{name}", "palette"))

    async def run(self, line: str, face: Face) -> None:
        """Run a line and do what its result asks for.

        Raises:
            WorkbenchError: the line is wrong, or the command failed.
        """
        await self._run(self.registry.parse(line, face), face)

    async def suggestions(self, line: str) -> list[Suggestion]:
        """Return how a `/line` could go on at its end."""
        found = await self.registry.complete(line, len(line), self.context("slash"))
        return [Suggestion(item.text, item.help, item.start) for item in found]

    async def _run_line(self, line: str) -> None:
        try:
            await self.run(line, "slash")
        except WorkbenchError:
            self._screen.give_back(line)
            raise

    async def _run(self, invocation: Invocation, face: Face) -> None:
        result = await self.registry.run(invocation, self.context(face))
        await self._apply(result)

    async def _apply(self, result: CommandResult) -> None:
        screen = self._screen
        if result.session_id is not None:
            await screen.open_session(result.session_id)
        if result.turn is not None:
            screen.conversation.run_turn(result.turn())
        if len(result.lines) > _SAID_LINES:
            screen.show_lines(result.lines)
        elif result.lines:
            screen.say(result.lines[0], result.level)
        if result.end:
            await screen.app.run_action("app.quit")
