"""Commands about hooks: where they run, which there are, and whether and in which order they run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from workbench.app.commands.command import Command, CommandContext, CommandResult, command
from workbench.app.commands.hook_breaks import hooks_break, hooks_breaks, hooks_continue
from workbench.app.commands.hook_figures import hooks_figures
from workbench.app.commands.hook_names import (
    IN_PROCESS,
    HookId,
    PointName,
    columns,
    hook_files,
    loaded,
)
from workbench.app.commands.hook_replay import hooks_replay
from workbench.app.commands.hook_traces import hooks_traces
from workbench.app.errors import EXIT_FAILED, HookError, StoreError
from workbench.app.text import one_line

if TYPE_CHECKING:
    from workbench.app.hooks.entry import HookStatus
    from workbench.app.hooks.point import Point
    from workbench.app.plugin_host.hook_files import HookFile

Priority = Annotated[int, msgspec.Meta(ge=0, le=1_000)]
_EVERYWHERE: Final = {
    "continue": "it goes on with the value as it is",
    "skipped": "the same; the trace tells the hook's reason",
}
_WIDTH: Final = 100


@command(
    "hooks points", summary="Show where hooks run and what they may answer.", needs=None, reads_only=True
)
async def hooks_points(_context: CommandContext, point: PointName | None = None) -> CommandResult:
    """With a point, what a hook is given there and what each of the nine answers does."""
    from workbench.app.hooks.points import POINTS, find_point

    if point is not None:
        return CommandResult(data=_point_data(find_point(point)), lines=_point_lines(find_point(point)))
    rows = [(each.name, f"{each.when}{_later(each)}") for each in POINTS.values()]
    return CommandResult(data=[_point_data(each) for each in POINTS.values()], lines=columns(rows))


@command(
    "hooks list",
    summary="List the hooks that are loaded, and how they do.",
    needs=("plugins",),
    reads_only=True,
)
async def hooks_list(
    context: CommandContext, *, point: Annotated[PointName, "only hooks at this point"] | None = None
) -> CommandResult:
    """By point, and then in the order in which they run. The figures are those of this process.

    Beside another process that has the profile open, they are what the log tells of that one.
    """
    from workbench.app.hooks.points import find_point

    wanted = find_point(point).name if point is not None else None
    found, notes = await _statuses(context)
    found = [hook for hook in found if wanted in (None, hook.point)]
    if not found:
        return CommandResult(data=[], lines=["There are no hooks here.", *notes])
    rows = _table(found, context.columns)
    remarks = [remark for hook in found for remark in _remarks(hook)]
    return CommandResult(data=msgspec.to_builtins(found), lines=[*rows, *remarks, *notes])


@command(
    "hooks files",
    summary="Show the files of the hooks folder, and why one is not loaded.",
    needs=("plugins",),
)
async def hooks_files(context: CommandContext) -> CommandResult:
    """Exit code 1 when there is one that cannot be loaded."""
    await loaded(context)
    files = hook_files(context)
    data = [{**msgspec.to_builtins(file, enc_hook=str), "problem": file.problem} for file in files]
    rows = [(one_line(file.path.name, _WIDTH), *_version(file), ", ".join(file.hooks)) for file in files]
    broken = [file.problem for file in files if file.problem]
    lines = [*columns(rows), *broken] or ["There are no files of hooks here."]
    if not broken:
        return CommandResult(data=data, lines=lines)
    return CommandResult(data=data, lines=lines, level="error", exit_code=EXIT_FAILED)


@command("hooks enable", summary="Let a hook run again.", needs=("plugins",), reads_only=True)
async def hooks_enable(context: CommandContext, hook: HookId) -> CommandResult:
    """It holds for good; a running workbench takes it at once, one in another process at its next start."""
    return await _switch(context, hook, on=True)


@command("hooks disable", summary="Let a hook run no more.", needs=("plugins",), reads_only=True)
async def hooks_disable(context: CommandContext, hook: HookId) -> CommandResult:
    """It holds for good; a running workbench takes it at once, one in another process at its next start."""
    return await _switch(context, hook, on=False)


@command(
    "hooks priority",
    summary="Change when a hook runs among those of its point.",
    needs=("plugins",),
    reads_only=True,
)
async def hooks_priority(
    context: CommandContext,
    hook: HookId,
    number: Annotated[Priority, "lower numbers run first; without one the hook's own holds again"]
    | None = None,
) -> CommandResult:
    """It holds for good; a running workbench takes it at once, one in another process at its next start."""
    note = await _check(context, hook)
    kept = [each for each in context.workbench.settings.hooks.priorities if each.rpartition("=")[0] != hook]
    chosen = [] if number is None else [f"{hook}={number}"]
    notes = await _keep(context, "hooks.priorities", [*kept, *chosen])
    if note is None:
        hooks = context.workbench.hooks
        own = hooks.get(hook).priority
        await hooks.change(hook, priority=own if number is None else number)
    says = f"{hook} runs with its own priority." if number is None else f"{hook} runs with priority {number}."
    return CommandResult(data={"hook": hook, "priority": number}, lines=[says, *notes, *_noted(note)])


@command(
    "hooks reset",
    summary="Close a hook's breaker, so that it runs again.",
    needs=("plugins",),
    faces=IN_PROCESS,
)
async def hooks_reset(context: CommandContext, hook: HookId) -> CommandResult:
    """A breaker opens when a hook fails or costs too much, and closes by itself after a while."""
    status = await context.workbench.hooks.reset(hook)
    return CommandResult(data=msgspec.to_builtins(status), lines=[f"{hook} is {status.state}."])


# --- points ------------------------------------------------------------------------------------


def _point_data(point: Point[Any]) -> dict[str, Any]:
    return {
        "name": point.name,
        "when": point.when,
        "value": point.value.__name__,
        "fields": list(point.value.__struct_fields__),
        "answers": {**_EVERYWHERE, **point.answers},
        "wraps": point.wraps,
        "private": point.private,
        "later": point.later,
    }


def _point_lines(point: Point[Any]) -> list[str]:
    from workbench.app.hooks.results import KINDS

    answers = {**_EVERYWHERE, **point.answers}
    rows = [(f"  {kind}", answers.get(kind, "makes no sense here")) for kind in KINDS.values()]
    fields = ", ".join(point.value.__struct_fields__)
    return [
        f"{point.name}: {point.when}{_later(point)}",
        f"A hook is given a {point.value.__name__}: {fields}.",
        f"Its time is measured against the {_WRAPS[point.wraps]}.",
        "",
        *columns(rows),
    ]


_WRAPS: Final = {"turn": "turn's", "command": "command's", "time": "time that passes"}


def _later(point: Point[Any]) -> str:
    return f" (With {point.later}, later.)" if point.later else ""


# --- the list ------------------------------------------------------------------------------------


async def _statuses(context: CommandContext) -> tuple[list[HookStatus], list[str]]:
    """Return the hooks, and what is to be said below them."""
    if not context.workbench.read_only:
        await loaded(context)
        broken = [file.problem for file in hook_files(context) if file.problem]
        return context.workbench.hooks.statuses(), broken
    from workbench.app.commands.hook_log import statuses_in_log
    from workbench.app.events.reader import EventReader
    from workbench.app.workbench import Workbench

    opening = Workbench.open(
        context.data_dir, services=("plugins",), overrides=context.overrides, face="command"
    )
    try:
        async with opening as workbench:
            return await _statuses(replace(context, opened=workbench))
    except StoreError as error:
        if error.code != "store.busy":
            raise
    reader = EventReader(context.workbench.store)
    found = await statuses_in_log(reader, context.workbench.settings.hooks)
    return found, ["This is what the log tells of the process that has the profile open."]


def _table(hooks: Sequence[HookStatus], width: int | None) -> list[str]:
    """Return the hooks in lines; of what does not fit into a width, the last columns go."""
    head = ("point", "hook", "order", "state", "runs", "failed", "mean", "share", "runs in")
    rows = [head, *map(_row, hooks)]
    count, right = len(head), frozenset({2, 4, 5, 6, 7})
    lines = columns(rows, right)
    while width is not None and count > 2 and max(map(len, lines)) > width:
        count -= 1
        lines = columns([row[:count] for row in rows], right)
    return lines


def _row(hook: HookStatus) -> tuple[str, ...]:
    return (
        hook.point,
        hook.id,
        str(hook.priority),
        hook.state,
        f"{hook.runs:,}",
        f"{hook.failures:,}",
        f"{hook.mean_us:,.1f} µs" if hook.runs else "",
        f"{hook.share:.2f} %" if hook.runs and hook.where else "",
        hook.where,
    )


def _remarks(hook: HookStatus) -> list[str]:
    found = []
    if hook.reason:
        found.append(f"{hook.id} is left out for a while: {one_line(hook.reason, _WIDTH)}.")
    if hook.last_error:
        found.append(f"{hook.id} failed: {one_line(hook.last_error, _WIDTH)}")
    return found


def _version(file: HookFile) -> tuple[str, str]:
    return (file.version, f"version {file.generation}") if file.version else ("not loaded", "")


# --- switches ------------------------------------------------------------------------------------


async def _switch(context: CommandContext, hook: str, *, on: bool) -> CommandResult:
    note = await _check(context, hook)
    kept = [each for each in context.workbench.settings.hooks.disabled if each != hook]
    notes = await _keep(context, "hooks.disabled", kept if on else [*kept, hook])
    if note is None:
        await context.workbench.hooks.change(hook, enabled=on)
    says = f"{hook} runs." if on else f"{hook} runs no more."
    return CommandResult(data={"hook": hook, "enabled": on}, lines=[says, *notes, *_noted(note)])


async def _check(context: CommandContext, hook: str) -> str | None:
    """Return None when a hook is loaded here, else what is to be said of it.

    Raises:
        HookError: `hook.not_found`; only where hooks are loaded can that be known.
    """
    workbench = context.workbench
    if workbench.read_only:
        return await _seen(context, hook)
    await loaded(context)
    known = {
        *workbench.settings.hooks.disabled,
        *(each.rpartition("=")[0] for each in workbench.settings.hooks.priorities),
    }
    try:
        workbench.hooks.get(hook)
    except HookError:
        if hook not in known:
            raise
        return "It is not loaded now."
    return None


async def _seen(context: CommandContext, hook: str) -> str:
    """Return what is known of a hook without loading it."""
    from workbench.app.commands.hook_log import statuses_in_log
    from workbench.app.events.filter.syntax import All, Compare, Name
    from workbench.app.events.reader import EventReader

    reader = EventReader(context.workbench.store)
    registered = All((Name("core:hook:registered"), Compare(("payload", "hook"), "==", hook)))
    here = await statuses_in_log(reader, context.workbench.settings.hooks)
    if hook in {known.id for known in here} or await reader.newest(registered, 1):
        return "It holds from the next start."
    return "No hook of this name was loaded here so far; it holds when there is one."


async def _keep(context: CommandContext, key: str, entries: Sequence[str]) -> list[str]:
    """Keep a setting for good, and let what runs here take it.

    Returns:
        What else is to be said.
    """
    from workbench.app.config.save import save_setting

    workbench = context.workbench
    text = msgspec.json.encode(entries).decode()
    file = str(context.paths.settings_file)
    origin = workbench.origins.get(key, "")
    if not workbench.read_only:
        await workbench.change_setting(key, text, file)
    await asyncio.to_thread(save_setting, context.paths.settings_file, key, text)
    if origin and file not in origin and str(context.paths.config_file) not in origin:
        return [f"At the next start {origin} says otherwise."]
    return []


def _noted(note: str | None) -> list[str]:
    return [] if note is None else [note]


COMMANDS: Final[tuple[Command, ...]] = (
    hooks_points,
    hooks_list,
    hooks_files,
    hooks_figures,
    hooks_traces,
    hooks_replay,
    hooks_enable,
    hooks_disable,
    hooks_priority,
    hooks_reset,
    hooks_break,
    hooks_breaks,
    hooks_continue,
)
