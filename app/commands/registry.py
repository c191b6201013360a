"""The registry: adds commands, finds them, reads lines and runs what they ask for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from time import monotonic
from typing import Final

from workbench.app.commands.arguments import Completion
from workbench.app.commands.bind import Invocation, bind_words
from workbench.app.commands.command import Command, CommandContext, CommandResult, Face
from workbench.app.commands.hooked import run_hooked
from workbench.app.commands.words import Word, split
from workbench.app.errors import CommandError, WorkbenchError

_LONGEST_NAME: Final = 3


class Registry:
    """All commands by name. Groups such as `sessions` are the first words of names."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}

    def add(self, command: Command) -> None:
        """Add a command.

        Raises:
            ValueError: a command of that name exists, or one is the beginning of the other.
        """
        for name in self._commands:
            if command.name == name or f"{command.name} ".startswith(f"{name} "):
                raise ValueError(f"{command.name!r} collides with the command {name!r}")
            if name.startswith(f"{command.name} "):
                raise ValueError(f"{command.name!r} is the group of {name!r}")
        self._commands[command.name] = command

    def remove(self, name: str) -> None:
        """Remove a command; does nothing when there is none of that name."""
        self._commands.pop(name, None)

    def all(self, face: Face | None = None) -> list[Command]:
        """Return the commands of a face, or all of them, by name."""
        fitting = [command for command in self._commands.values() if face is None or face in command.faces]
        return sorted(fitting, key=lambda command: command.name)

    def get(self, name: str, face: Face | None = None) -> Command:
        """Return a command by its full name.

        Raises:
            CommandError: `command.unknown`, with the nearest name, or `command.not_available` when it does
                not belong to `face`.
        """
        command = self._commands.get(name)
        if command is None:
            raise self._unknown(name, face)
        if face is not None and face not in command.faces:
            places = ", ".join(sorted(command.faces))
            raise CommandError(
                "not_available", f"The command {name!r} cannot be used here.", f"It works in: {places}."
            )
        return command

    def parse(self, line: str, face: Face | None = None) -> Invocation:
        """Return what a line asks for, as in `/sessions list --limit 5`; the slash may be absent.

        Raises:
            CommandError: there is no such command, or its arguments do not fit.
        """
        text = line.strip()
        text = text.removeprefix("/")
        words = split(text)
        command, used = self._find(words, face)
        return bind_words(command, words[used:], text)

    async def run(self, invocation: Invocation, context: CommandContext) -> CommandResult:
        """Run a command and say that it ended, as the event `core:command:run`.

        Raises:
            CommandError: `command.not_available`.
            WorkbenchError: whatever the command raises.
        """
        command = invocation.command
        if context.face not in command.faces:
            self.get(command.name, context.face)
        reason = command.available(context)
        if reason is not None:
            raise CommandError("not_available", f"{command.name}: {reason}", command=command.name)
        began = monotonic()
        outcome = "failed"
        try:
            result = await run_hooked(invocation, context, lambda name: self.get(name, context.face))
            outcome = "ok"
            return result
        except WorkbenchError as error:
            outcome = error.code
            raise
        finally:
            await _tell(command, context, outcome, (monotonic() - began) * 1000)

    async def complete(self, text: str, cursor: int, context: CommandContext) -> list[Completion]:
        """Return the ways to go on at the cursor of a slash line, best first.

        Args:
            text: the line, with its slash.
            cursor: how many characters stand before the cursor.
            context: where; commands of other faces are left out.
        """
        from workbench.app.commands.complete import complete_line

        return await complete_line(self, text[:cursor], context)

    def _find(self, words: Sequence[Word], face: Face | None) -> tuple[Command, int]:
        for length in range(min(_LONGEST_NAME, len(words)), 0, -1):
            name = " ".join(word.text for word in words[:length])
            if name in self._commands:
                return self.get(name, face), length
        raise self._unknown(" ".join(word.text for word in words[:2]), face)

    def _unknown(self, name: str, face: Face | None) -> CommandError:
        names = [command.name for command in self.all(face)]
        group = name.partition(" ")[0]
        members = [known.partition(" ")[2] for known in names if known.startswith(f"{group} ")]
        if members and name == group:
            return CommandError(
                "unknown", f"{group!r} needs a further word.", f"It is one of: {', '.join(members)}."
            )
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        near = near or difflib.get_close_matches(group, names, n=1, cutoff=0.6)
        if members and not near:
            hint = f"After {group!r} comes one of: {', '.join(members)}."
        else:
            hint = f"Did you mean {near[0]!r}?" if near else "`help` lists the commands."
        return CommandError("unknown", f"There is no command {name!r}.", hint, command=name)


async def _tell(command: Command, context: CommandContext, outcome: str, duration_ms: float) -> None:
    if context.opened is None:
        return
    await context.opened.bus.emit(
        "core:command:run",
        {
            "command": command.name,
            "face": context.face,
            "duration_ms": round(duration_ms, 3),
            "outcome": outcome,
        },
        source="commands",
        session_id=context.session_id,
    )
