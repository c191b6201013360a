"""`hooks replay`: the hooks of the past through their present code."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from workbench.app.commands.command import CommandContext, CommandResult, command
from workbench.app.commands.hook_names import loaded
from workbench.app.commands.hook_traces import RAN, flush_hooks, told
from workbench.app.errors import EXIT_FAILED, HookError, SessionError, TurnError

if TYPE_CHECKING:
    from workbench.app.events.event import Event
    from workbench.app.events.filter.syntax import Filter
    from workbench.app.events.reader import EventReader
    from workbench.app.hooks.replay import NotReplayed, ReplayedRun

_SAY_EVERY: Final = 500


@command(
    "hooks replay",
    summary="Run the hooks of the past again, through the code that they have now.",
    needs=("plugins", "log", "sessions"),
)
async def hooks_replay(
    context: CommandContext, what: Annotated[str, "the id of a session, a turn, or a trace"]
) -> CommandResult:
    """Both answers are shown; the exit code is 1 when any of them differ.

    Nothing follows from the answers: no model is asked, and nothing is changed. What a hook itself does when
    it runs, it does again: it counts, it asks the clock.
    """
    from workbench.app.events.reader import EventReader
    from workbench.app.hooks.replay import ReplayedRun, replay_events, replay_run, split_trace_id

    await loaded(context)
    await flush_hooks(context)
    workbench = context.workbench
    reader = EventReader(workbench.store)
    event_id, place = split_trace_id(what)
    runs: list[ReplayedRun] = []
    left_out: list[NotReplayed] = []
    if place is not None:
        event = await _event(reader, event_id)
        runs.append(await replay_run(workbench.hooks, workbench.bus, event, place))
        return _result(runs, left_out)
    wanted = await _wanted(context, reader, what)
    async with aclosing(replay_events(workbench.hooks, workbench.bus, reader.each(wanted))) as replayed:
        async for each in replayed:
            if isinstance(each, ReplayedRun):
                runs.append(each)
            else:
                left_out.append(each)
            if (len(runs) + len(left_out)) % _SAY_EVERY == 0:
                await context.say(f"{len(runs):,} traces replayed")
    return _result(runs, left_out)


async def _wanted(context: CommandContext, reader: EventReader, what: str) -> Filter:
    """Return which traces an id means, among those that there are now.

    Raises:
        HookError: `hook.not_found`, it is none of the ids that could be meant.
        SessionError: more than one session fits.
        TurnError: more than one turn fits.
    """
    from workbench.app.events.filter.syntax import All, Compare, Name

    _, last = await reader.bounds()
    among = (Name(RAN), Compare(("seq",), "<=", last))
    return All((*among, await _belongs(context, reader, what)))


async def _belongs(context: CommandContext, reader: EventReader, what: str) -> Filter:
    from workbench.app.events.filter.syntax import Compare
    from workbench.app.events.turns import find_turn

    try:
        return Compare(("session",), "==", (await context.workbench.sessions.get(what)).id)
    except SessionError as error:
        if error.code != "session.not_found":
            raise
    try:
        return Compare(("turn",), "==", await find_turn(reader, what))
    except TurnError as error:
        if error.code != "turn.not_found":
            raise
    # A session that was deleted has left its traces.
    for field in ("session", "id"):
        belongs = Compare((field,), "==", what)
        if await reader.after(belongs, 0, 1):
            return belongs
    hint = "`sessions list`, `turns list` and `hooks traces` show ids."
    raise HookError("not_found", f"There is no session, turn or trace {what!r}.", hint)


async def _event(reader: EventReader, event_id: str) -> Event:
    from workbench.app.events.filter.syntax import Compare

    found = await reader.after(Compare(("id",), "==", event_id), 0, 1)
    if not found:
        raise HookError("not_found", f"There is no trace {event_id!r}.", "`hooks traces` lists them.")
    return found[0]


def _result(runs: Sequence[ReplayedRun], left_out: Sequence[NotReplayed]) -> CommandResult:
    different = [run for run in runs if not run.same]
    same = len(runs) - len(different)
    data = {
        "same": same,
        "different": len(different),
        "runs": msgspec.to_builtins(runs),
        "left_out": msgspec.to_builtins(left_out),
    }
    lines = [line for run in runs for line in _run_lines(run)]
    lines += [f"- {each.trace_id}  {each.hook}: {each.reason}" for each in left_out]
    lines.append(_sum(same, len(different), len(left_out)))
    if not different:
        return CommandResult(data=data, lines=lines)
    return CommandResult(data=data, lines=lines, level="warning", exit_code=EXIT_FAILED)


def _run_lines(run: ReplayedRun) -> list[str]:
    sign = "=" if run.same else "≠"
    times = f"{run.then_ms:,.3f} → {run.now_ms:,.3f} ms"
    lines = [f"{sign} {run.trace_id}  {run.point}  {run.hook}  {run.now['result']}  {times}"]
    if run.same:
        return lines
    differ = ", ".join(run.differences)
    return [
        f"{lines[0]}  differs in {differ}",
        f"    then: {_answer(run.then)}",
        f"    now:  {_answer(run.now)}",
    ]


def _answer(answer: dict[str, Any]) -> str:
    return f"{answer.get('result')}  {told(answer)}".rstrip()


def _sum(same: int, different: int, left_out: int) -> str:
    text = f"{same:,} the same, {different:,} different"
    return f"{text}, {left_out:,} could not be replayed." if left_out else f"{text}."
