"""Completion of slash lines: names of commands, options, and the values that arguments know of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.app.commands.arguments import Argument, Completion
from workbench.app.commands.command import Command, CommandContext
from workbench.app.commands.words import Word, quote, split
from workbench.app.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.app.commands.registry import Registry


async def complete_line(registry: Registry, text: str, context: CommandContext) -> list[Completion]:
    """Return the ways to go on at the end of `text`; see `Registry.complete`."""
    if not text.startswith("/"):
        return []
    words = split(text[1:])
    # The word at the cursor: the last one, or a new empty one after a space.
    if not words or (words[-1].end < len(text) - 1 and not words[-1].open_quote):
        words.append(Word("", len(text) - 1, len(text) - 1))
    *before, current = words
    start = current.start + 1
    commands = [command for command in registry.all(context.face) if command.available(context) is None]
    found = _names(commands, [word.text for word in before], current.text)
    command, used = _command_of(commands, before)
    if command is not None:
        found += await _arguments(command, before[used:], current.text, context)
    return [replace(completion, start=start) for completion in found]


def _names(commands: Sequence[Command], before: Sequence[str], prefix: str) -> list[Completion]:
    """Return the next words of the names that begin with `before` and go on with `prefix`."""
    found: dict[str, Completion] = {}
    depth = len(before)
    for command in commands:
        parts = command.name.split()
        if len(parts) > depth and parts[:depth] == list(before) and parts[depth].startswith(prefix):
            whole = len(parts) == depth + 1
            word = parts[depth]
            found[word] = Completion(word, command.summary if whole else f"{word} …")
    return list(found.values())


def _command_of(commands: Sequence[Command], before: Sequence[Word]) -> tuple[Command | None, int]:
    by_name = {command.name: command for command in commands}
    for length in range(len(before), 0, -1):
        command = by_name.get(" ".join(word.text for word in before[:length]))
        if command is not None:
            return command, length
    return None, 0


async def _arguments(
    command: Command, given: Sequence[Word], prefix: str, context: CommandContext
) -> list[Completion]:
    options = {f"--{argument.name}": argument for argument in command.arguments if not argument.positional}
    name, equals, value = prefix.partition("=")
    if equals and name in options:
        found = await _values(options[name], value, context)
        return [replace(completion, text=f"{name}={completion.text}") for completion in found]
    if given and given[-1].text in options and not options[given[-1].text].flag:
        return await _values(options[given[-1].text], prefix, context)
    found = []
    place = _place(command, given, options)
    if place is not None and not prefix.startswith("--"):
        found += await _values(place, prefix, context)
    used = {word.text.partition("=")[0] for word in given}
    found += [
        Completion(name, argument.help)
        for name, argument in options.items()
        if name.startswith(prefix) and name not in used
    ]
    return found


def _place(command: Command, given: Sequence[Word], options: dict[str, Argument]) -> Argument | None:
    """Return the positional argument that the next word belongs to."""
    taken, skip = 0, False
    for word in given:
        if skip:
            skip = False
        elif word.text in options:
            skip = not options[word.text].flag
        elif not word.text.startswith("--"):
            taken += 1
    places = [argument for argument in command.arguments if argument.positional]
    if taken < len(places):
        return places[taken]
    return places[-1] if places and places[-1].many else None


async def _values(argument: Argument, prefix: str, context: CommandContext) -> list[Completion]:
    if argument.choices:
        return [Completion(choice) for choice in argument.choices if choice.startswith(prefix)]
    if argument.complete is None:
        return []
    try:
        found = await argument.complete(context, prefix)
    except WorkbenchError:
        # Completion is a help, not a place to meet errors: the command itself will tell.
        return []
    return [replace(completion, text=quote(completion.text)) for completion in found]
