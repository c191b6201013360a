"""Hooks around commands: refused, changed, answered, sent to another command, tried again, or cached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workbench.app.commands.bind import Invocation, bind_texts
from workbench.app.commands.command import Command, CommandContext, CommandResult
from workbench.app.errors import CommandError

if TYPE_CHECKING:
    from workbench.app.hooks.hook import Scope
    from workbench.app.hooks.hooks import Hooks
    from workbench.app.hooks.values import CommandCall

_MOST_REDIRECTS: Final = 3
# Whatever hooks do, a person must be able to switch them off, and to leave.
_UNHOOKED: Final = frozenset({"hooks", "help", "quit"})

Find = Callable[[str], Command]


def hooks_of(context: CommandContext) -> Hooks | None:
    """Return the hooks that a command's points run, None where none are open."""
    workbench = context.opened
    return workbench.hooks if workbench is not None and workbench.has("hooks") else None


async def run_hooked(invocation: Invocation, context: CommandContext, find: Find) -> CommandResult:
    """Run a command as hooks decide.

    Args:
        invocation: the command with its arguments.
        context: what it works with.
        find: returns the command of a name for this face, for a redirect.

    Raises:
        HookError: `hook.cancelled`.
        CommandError: changed arguments do not fit, or hooks redirect in a circle.
        WorkbenchError: whatever the command raises.
    """
    hooks = hooks_of(context)
    if hooks is None or invocation.command.name.partition(" ")[0] in _UNHOOKED:
        return await invocation.command.run(context, **invocation.values)
    from workbench.app.hooks.around import Redirected
    from workbench.app.hooks.hook import Scope

    scope = Scope(context.session_id)
    with hooks.operation("command"):
        for _ in range(_MOST_REDIRECTS):
            try:
                return await _run_around(hooks, invocation, context, scope)
            except Redirected as redirected:
                invocation = _sent_on(invocation, find(redirected.to), context)
    raise CommandError("not_available", f"{invocation.command.name}: hooks sent it from command to command.")


async def _run_around(
    hooks: Hooks, invocation: Invocation, context: CommandContext, scope: Scope
) -> CommandResult:
    from workbench.app.events.event import plain
    from workbench.app.hooks import points
    from workbench.app.hooks.around import run_around
    from workbench.app.hooks.values import CommandCall

    command = invocation.command
    if not (hooks.has(points.COMMAND_BEFORE) or hooks.has(points.COMMAND_AFTER)):
        return await command.run(context, **invocation.values)
    told: dict[str, Any] = plain(dict(invocation.values))
    call = CommandCall(command=command.name, arguments=told, face=context.face)

    async def run(decided: CommandCall) -> CommandResult:
        return await command.run(context, **_values(command, invocation.values, told, decided.arguments))

    result = await run_around(
        hooks,
        points.COMMAND_BEFORE,
        call,
        run,
        replaced=_answer,
        here=lambda to: to == command.name,
        scope=scope,
    )
    return await _changed(hooks, command, result, scope)


def _sent_on(invocation: Invocation, command: Command, context: CommandContext) -> Invocation:
    """Return another command with the arguments that were given to the one that a hook sends there.

    Raises:
        CommandError: `command.bad_argument`: it takes none of that name, or needs one that was not given;
            `command.not_available`: it cannot be used here now.
    """
    from workbench.app.events.event import plain

    reason = command.available(context)
    if reason is not None:
        raise CommandError("not_available", f"{command.name}: {reason}", command=command.name)
    known = {argument.parameter for argument in command.arguments}
    given: dict[str, Any] = {}
    for argument in invocation.command.arguments:
        value = invocation.values[argument.parameter]
        if not argument.required and value == argument.default:
            continue
        if argument.parameter not in known:
            sent = f"A hook sent {invocation.command.name} to {command.name}"
            raise CommandError("bad_argument", f"{sent}, which does not take {argument.name}.")
        given[argument.parameter] = plain(value)
    return bind_texts(command, given)


async def _changed(hooks: Hooks, command: Command, result: CommandResult, scope: Scope) -> CommandResult:
    """Return an answer as hooks leave it."""
    from dataclasses import replace

    from workbench.app.hooks import points
    from workbench.app.hooks.results import Replace
    from workbench.app.hooks.values import CommandAnswer

    if not hooks.has(points.COMMAND_AFTER):
        return result
    answer = CommandAnswer(command=command.name, lines=tuple(result.lines), data=result.data)
    outcome = await hooks.run(points.COMMAND_AFTER, answer, scope)
    if isinstance(outcome.decision, Replace):
        return _answer(outcome.decision.result)
    if outcome.value is answer:
        return result
    return replace(result, lines=outcome.value.lines, data=outcome.value.data)


def _values(
    command: Command, values: Mapping[str, Any], told: Mapping[str, Any], decided: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments' values with those that hooks changed read anew.

    Raises:
        CommandError: `command.bad_argument`: a changed value does not fit, or is no argument.
    """
    changed = dict(values)
    known = {argument.parameter: argument for argument in command.arguments}
    for name, value in decided.items():
        if name not in known:
            raise CommandError(
                "bad_argument", f"{command.name}: a hook gave it {name!r}, which it does not take."
            )
        if value != told.get(name):
            changed[name] = known[name].convert(value)
    return changed


def _answer(result: Any) -> CommandResult:
    """Return the answer that a hook gave in the command's place."""
    text = result if isinstance(result, str) else msgspec.json.encode(result).decode()
    return CommandResult(data=result, lines=text.splitlines())
