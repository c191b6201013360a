"""Commands about breakpoints: stop at a hook point, see what waits there, and let it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from workbench.app.commands.arguments import REST
from workbench.app.commands.command import CommandContext, CommandResult, command
from workbench.app.commands.hook_names import IN_PROCESS, PauseId, PointName, breakpoints_of
from workbench.app.errors import CommandError, HookError
from workbench.app.text import one_line

if TYPE_CHECKING:
    from workbench.app.hooks.breakpoints import BreakAnswer, Breakpoint, Pause

_WIDTH = 160


@command("hooks break", summary="Stop at a hook point.", needs=("plugins",), faces=IN_PROCESS)
async def hooks_break(
    context: CommandContext,
    point: PointName,
    when: Annotated[str, "a filter that what happens must fit, as in payload.text ~ secret", REST] = "",
    *,
    clear: Annotated[bool, "take the point's breakpoint away"] = False,
) -> CommandResult:
    """What comes to the point waits there until `hooks continue` lets it go on."""
    from workbench.app.hooks.points import find_point

    breakpoints = breakpoints_of(context)
    if clear:
        breakpoints.clear(find_point(point).name)
        return CommandResult(data={"point": point}, lines=[f"Nothing stops at {point} any more."])
    stop = breakpoints.set(point, when)
    return CommandResult(data=msgspec.to_builtins(stop), lines=[_stop_line(stop)])


@command(
    "hooks breaks",
    summary="Show the breakpoints and what waits at them.",
    needs=("plugins",),
    faces=IN_PROCESS,
)
async def hooks_breaks(context: CommandContext) -> CommandResult:
    """Each thing that waits begins with its id, which `hooks continue` takes."""
    breakpoints = breakpoints_of(context)
    stops, waiting = breakpoints.list(), breakpoints.pending()
    data = {"breakpoints": msgspec.to_builtins(stops), "waiting": [_pause_data(pause) for pause in waiting]}
    lines = [*map(_stop_line, stops), *(line for pause in waiting for line in _pause_lines(pause))]
    return CommandResult(data=data, lines=lines or ["There are no breakpoints."])


@command(
    "hooks continue", summary="Let what waits at a breakpoint go on.", needs=("plugins",), faces=IN_PROCESS
)
async def hooks_continue(
    context: CommandContext,
    pause: PauseId | None = None,
    *,
    cancel: Annotated[str, "do not do it, for this reason"] | None = None,
    change: Annotated[tuple[str, ...], "FIELD=VALUE: go on with another value, as JSON or bare text"] = (),
) -> CommandResult:
    """Without an id it is what has waited the longest."""
    breakpoints = breakpoints_of(context)
    waiting = breakpoints.pending()
    if not waiting:
        raise HookError("not_found", "Nothing waits at a breakpoint.", "`hooks break POINT` sets one.")
    pause_id = waiting[0].pause_id if pause is None else pause
    breakpoints.answer(pause_id, _answer(cancel, change))
    return CommandResult(
        data={"pause": pause_id}, lines=["It goes on." if cancel is None else "It is cancelled."]
    )


def _answer(cancel: str | None, change: tuple[str, ...]) -> BreakAnswer:
    from workbench.app.hooks.results import Cancel, Continue, Modified

    if cancel is not None and change:
        raise CommandError("bad_argument", "hooks continue: --cancel and --change exclude each other.")
    if cancel is not None:
        return Cancel(cancel)
    return Modified(dict(map(_changed, change))) if change else Continue()


def _changed(text: str) -> tuple[str, Any]:
    """Return the field and the value that FIELD=VALUE says."""
    field, equals, value = text.partition("=")
    if not equals:
        raise CommandError("bad_argument", f"hooks continue: {one_line(text, 40)!r} is not FIELD=VALUE.")
    try:
        return field, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return field, value


def _stop_line(stop: Breakpoint) -> str:
    return f"{stop.point} stops" + (f" when {one_line(stop.when, _WIDTH)}." if stop.when else ".")


def _pause_data(pause: Pause) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(pause)
    return data


def _pause_lines(pause: Pause) -> list[str]:
    since = pause.since.astimezone().strftime("%H:%M:%S")
    value = one_line(msgspec.json.encode(pause.value).decode(), _WIDTH)
    return [f"{pause.pause_id}  {pause.point}  waits since {since}", f"    {value}"]
