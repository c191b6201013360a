"""The palette's rows: every command, with the key that does the same, or the reason why it cannot run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from workbench.app.commands.command import Command, CommandContext
from workbench.app.commands.registry import Registry
from workbench.widgets.row_list import Row

KEYS: Final[Mapping[str, str]] = {
    "copy": "ctrl+y",
    "keys": "f1",
    "new": "ctrl+n",
    "quit": "ctrl+q",
    "regenerate": "ctrl+r",
    "stop": "esc",
    "view events": "ctrl+e",
    "view hooks": "ctrl+t",
    "view sessions": "ctrl+s",
}
"""The keys of commands that have one."""

# What people come for most stands first.
_FIRST: Final = (
    "new",
    "sessions open",
    "models choose",
    "theme",
    "settings",
    "stop",
    "copy",
    "regenerate",
    "continue",
    "view events",
    "view sessions",
    "view timeline",
    "view hooks",
    "keys",
    "quit",
)


def palette_rows(registry: Registry, context: CommandContext) -> list[Row]:
    """Return a row for each command of the palette, those that are used most first."""
    places = {name: place for place, name in enumerate(_FIRST)}
    commands = sorted(
        registry.all("palette"), key=lambda command: (places.get(command.name, len(places)), command.name)
    )
    return [_row(command, context) for command in commands]


def needs_words(command: Command) -> bool:
    """Tell whether a command cannot be run without arguments."""
    return any(argument.required for argument in command.arguments)


def why_not(command: Command, context: CommandContext) -> str | None:
    """Return the reason why a command cannot run now, None when it can."""
    if context.opened is None and command.needs is not None:
        return "the profile is still being opened"
    return command.available(context)


def _row(command: Command, context: CommandContext) -> Row:
    reason = why_not(command, context)
    label = f"{command.name} …" if needs_words(command) else command.name
    return Row(
        id=command.name,
        label=label,
        detail=f"Not now: {reason}." if reason else command.summary,
        right=KEYS.get(command.name, ""),
        disabled=reason is not None,
    )
