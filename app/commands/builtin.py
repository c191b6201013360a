"""The registry with everything that is built in."""

from __future__ import annotations

from typing import Annotated

from workbench.app.commands import (
    chat_commands,
    config_commands,
    event_commands,
    health,
    hook_commands,
    model_commands,
    session_commands,
    status,
    turn_commands,
)
from workbench.app.commands.arguments import REST, Completes, Completion
from workbench.app.commands.command import CHAT_FACES, Command, CommandContext, CommandResult, command
from workbench.app.commands.registry import Registry

_MODULES = (
    health,
    status,
    session_commands,
    chat_commands,
    turn_commands,
    model_commands,
    event_commands,
    hook_commands,
    config_commands,
)


def builtin_registry() -> Registry:
    """Return a new registry with all built-in commands; importing it pulls in no service."""
    registry = Registry()
    for module in _MODULES:
        for built_in in module.COMMANDS:
            registry.add(built_in)
    registry.add(_help_command(registry))
    registry.add(end)
    return registry


@command("quit", summary="End the program or script.", faces=CHAT_FACES)
async def end(_context: CommandContext) -> CommandResult:
    """A reply that is being written is stopped; what has arrived is kept."""
    return CommandResult(end=True)


def _help_command(registry: Registry) -> Command:
    async def names(context: CommandContext, prefix: str) -> list[Completion]:
        commands = registry.all(context.face)
        return [Completion(known.name, known.summary) for known in commands if known.name.startswith(prefix)]

    async def show(
        context: CommandContext,
        name: Annotated[str, "a command, or the first word of some", REST, Completes(names)] = "",
    ) -> CommandResult:
        """Without a name, all commands that work here."""
        commands = registry.all(context.face)
        wanted = name.removeprefix("/").strip()
        group = (
            [known for known in commands if f"{known.name} ".startswith(f"{wanted} ")] if wanted else commands
        )
        if len(group) == 1 or (wanted and not group):
            return _details(group[0] if group else registry.get(wanted, context.face))
        width = max((len(known.name) for known in group), default=0)
        lines = [f"{known.name:<{width}}  {known.summary}" for known in group]
        return CommandResult(data=[_data(known) for known in group], lines=lines)

    # `names` is not visible to the resolving of annotations, which happens by the module's names.
    show.__annotations__ = {
        "context": CommandContext,
        "name": Annotated[str, "a command, or the first word of some", REST, Completes(names)],
        "return": CommandResult,
    }
    return command("help", summary="List the commands, or explain one.", faces=CHAT_FACES)(show)


def _details(found: Command) -> CommandResult:
    lines = [found.usage, f"  {found.summary}"]
    lines += [f"  {line}" for line in found.help.splitlines()]
    for argument in found.arguments:
        default = (
            "" if argument.required or argument.default in (None, "", False) else f" [{argument.default}]"
        )
        lines.append(f"    {argument.usage}: {argument.help}{default}")
    return CommandResult(data=_data(found), lines=lines)


def _data(found: Command) -> dict[str, object]:
    return {"name": found.name, "usage": found.usage, "summary": found.summary, "help": found.help}
