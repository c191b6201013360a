"""What the built-in hooks have counted: latencies, tokens and money, masks, retries, kept replies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from workbench.app.commands.arguments import Completes, Completion
from workbench.app.commands.command import CommandContext, CommandResult, command
from workbench.app.errors import CommandError
from workbench.app.text import one_line

_WIDTH = 100
_READY_SECONDS = 5.0


async def _names(context: CommandContext, prefix: str) -> Sequence[Completion]:
    plugins = context.workbench.service("plugins").bundled if context.opened is not None else ()
    return [Completion(each.name, each.description) for each in plugins if each.name.startswith(prefix)]


PluginName = Annotated[str, "a bundled plugin, as in cost", Completes(_names)]


@command("hooks figures", summary="Show what the built-in hooks have counted.", needs=("plugins",))
async def hooks_figures(context: CommandContext, plugin: PluginName | None = None) -> CommandResult:
    """Most counts begin with the start of this process; costs are kept as long as the event log.

    Raises:
        CommandError: `command.bad_argument`: there is no such plugin.
    """
    plugins = {each.name: each for each in context.workbench.service("plugins").bundled}
    if plugin is not None and plugin not in plugins:
        names = ", ".join(sorted(plugins))
        raise CommandError(
            "bad_argument",
            f"There is no built-in plugin {plugin!r}.",
            f"There are {names}.",
            argument="plugin",
        )
    chosen = [plugins[plugin]] if plugin is not None else list(plugins.values())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_READY_SECONDS):
            for each in chosen:
                await each.ready()
    data = {each.name: each.snapshot() for each in chosen}
    lines = [line for name, facts in data.items() for line in _lines(name, facts)]
    return CommandResult(data=data, lines=lines or ["Nothing has been counted."])


def _lines(name: str, facts: dict[str, Any]) -> Iterator[str]:
    if not facts:
        return
    yield name
    rows = list(_rows("", facts))
    width = max(len(label) for label, _ in rows) if rows else 0
    for label, value in rows:
        yield f"  {label:<{width}}  {one_line(str(value), _WIDTH)}".rstrip()


def _rows(prefix: str, facts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the figures of nested dictionaries, each with its whole name."""
    for key, value in facts.items():
        name = f"{prefix} {key}".strip().replace("_", " ")
        if isinstance(value, dict) and value and any(isinstance(inner, dict) for inner in value.values()):
            yield from _rows(name, value)
        elif isinstance(value, dict):
            parts = (f"{inner.replace('_', ' ')} {_figure(each)}" for inner, each in value.items())
            yield name, ", ".join(parts) or "none"
        else:
            yield name, _figure(value)


def _figure(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
