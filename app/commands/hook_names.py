"""Names in commands about hooks: points and hooks, with their completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

from workbench.app.commands.arguments import Completes, Completion
from workbench.app.commands.command import CommandContext, Face

if TYPE_CHECKING:
    from workbench.app.hooks.breakpoints import Breakpoints
    from workbench.app.plugin_host.hook_files import HookFile
    from workbench.app.plugin_host.plugins import Plugins


async def _points(_context: CommandContext, prefix: str) -> Sequence[Completion]:
    from workbench.app.hooks.points import POINTS

    return [Completion(point.name, point.when) for point in POINTS.values() if point.name.startswith(prefix)]


async def _hooks(context: CommandContext, prefix: str) -> Sequence[Completion]:
    return [
        Completion(hook.id, f"{hook.point} {hook.state}")
        for hook in context.workbench.hooks.statuses()
        if hook.id.startswith(prefix)
    ]


async def _pauses(context: CommandContext, prefix: str) -> Sequence[Completion]:
    waiting = breakpoints_of(context).pending()
    return [Completion(pause.pause_id, pause.point) for pause in waiting if pause.pause_id.startswith(prefix)]


IN_PROCESS: Final[frozenset[Face]] = frozenset({"headless", "slash", "palette", "repl"})
"""Where the hooks are those that are at work."""
PointName = Annotated[str, "a hook point, as `hooks points` lists them", Completes(_points)]
HookId = Annotated[str, "a hook's id, as `hooks list` shows it", Completes(_hooks)]
PauseId = Annotated[str, "what waits, as `hooks breaks` shows it", Completes(_pauses)]


def plugins_of(context: CommandContext) -> Plugins:
    """Return the loaded plugins.

    Raises:
        UsageError: they are not open.
    """
    plugins: Plugins = context.workbench.service("plugins")
    return plugins


async def loaded(context: CommandContext) -> None:
    """Wait for files of hooks that are slow to load."""
    files = plugins_of(context).files
    if files is not None:
        await files.ready()


def hook_files(context: CommandContext) -> list[HookFile]:
    """Return the files of hooks; none where nothing is loaded."""
    files = plugins_of(context).files
    return files.files if files is not None else []


def breakpoints_of(context: CommandContext) -> Breakpoints:
    """Return the breakpoints.

    Raises:
        UsageError: they are not open.
    """
    return plugins_of(context).breakpoints


def columns(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Return rows as lines whose columns stand under each other.

    Args:
        rows: the cells, all rows of one length.
        right: the columns whose cells stand on the right.
    """
    widths = [
        max((len(row[place]) for row in rows), default=0) for place in range(len(rows[0]) if rows else 0)
    ]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
