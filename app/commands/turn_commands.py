"""Commands about turns: list them, and show where one's time went."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from workbench.app.commands.arguments import Completes, Completion
from workbench.app.commands.command import Command, CommandContext, CommandResult, Face, command
from workbench.app.text import cut, one_line

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.app.events.reader import EventReader
    from workbench.app.events.timeline import Timeline
    from workbench.app.events.turns import TurnLine

Limit = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
_NARROWEST: Final = 40
_COLUMNS: Final = 100
Width = Annotated[int, msgspec.Meta(ge=_NARROWEST, le=1_000)]
# The palette has `view timeline`, which shows the same on a screen of its own.
_FACES: Final[frozenset[Face]] = frozenset({"cli", "headless", "slash", "repl"})
_COMPLETIONS: Final = 50
_FLUSH_SECONDS: Final = 2.0
_QUESTION: Final = 48
_ROOMY: Final = 120
_SHORT_ID: Final = 8


async def _turn_ids(context: CommandContext, prefix: str) -> Sequence[Completion]:
    from workbench.app.events.reader import EventReader
    from workbench.app.events.turns import list_turns

    turns = await list_turns(EventReader(context.workbench.store), None, _COMPLETIONS)
    return [
        Completion(turn.id, f"{_local(turn.began)} {turn.outcome}".rstrip())
        for turn in reversed(turns)
        if turn.id.startswith(prefix)
    ]


TurnId = Annotated[
    str, "a turn's or job's id, or four or more letters of its beginning or end", Completes(_turn_ids)
]
SessionId = Annotated[str, "only this session's turns, by its id"]


@command(
    "turns list", summary="List turns, newest last.", needs=("log", "messages", "sessions"), reads_only=True
)
async def turns_list(
    context: CommandContext,
    *,
    session: SessionId | None = None,
    limit: Annotated[Limit, "most turns to show"] = 20,
) -> CommandResult:
    """Of the current session, or of all sessions where there is none."""
    from workbench.app.events.turns import list_turns

    reader = await _reader(context)
    turns = await list_turns(reader, await _session_id(context, session), limit)
    lines = [await _line(context, turn) for turn in turns]
    return CommandResult(data=msgspec.to_builtins(turns), lines=lines or ["There are no turns yet."])


@command(
    "turns timeline",
    summary="Show what a turn took, step by step.",
    needs=("log", "messages", "sessions"),
    reads_only=True,
    faces=_FACES,
)
async def turns_timeline(
    context: CommandContext,
    turn: TurnId | None = None,
    *,
    session: SessionId | None = None,
    width: Annotated[Width, "columns of the picture; the terminal's, else 100"] | None = None,
) -> CommandResult:
    """Without an id it is the session's last turn; without a session the last of all.

    Every step is a bar: loading the model, building the prompt, reading it (prefill), writing the reply
    (decode), storing it; and with them requests to workers, tools and hooks. A diamond is an event that
    took no time.
    """
    from workbench.app.events.timeline import build_timeline
    from workbench.app.events.turns import find_turn, last_turn, turn_events

    reader = await _reader(context)
    turn_id = await find_turn(reader, turn) if turn else None
    turn_id = turn_id or await last_turn(reader, await _session_id(context, session))
    if turn_id is None:
        return CommandResult(lines=["There are no turns yet."])
    events = await turn_events(reader, turn_id)
    timeline = build_timeline(events)
    data = {"turn": turn_id, **msgspec.to_builtins(timeline)}
    return CommandResult(data=data, lines=_picture(turn_id, timeline, width or _columns(context)))


async def _reader(context: CommandContext) -> EventReader:
    """Return what asks the log, after what was published has been written."""
    from workbench.app.events.reader import EventReader

    workbench = context.workbench
    if workbench.store.writable:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(workbench.log.flush(), _FLUSH_SECONDS)
    return EventReader(workbench.store)


async def _session_id(context: CommandContext, text: str | None) -> str | None:
    if text is None:
        return context.session_id
    return (await context.workbench.sessions.get(text)).id


def _columns(context: CommandContext) -> int:
    return max(_NARROWEST, context.columns) if context.columns is not None else _COLUMNS


def _picture(turn_id: str, timeline: Timeline, width: int) -> list[str]:
    from workbench.app.events.waterfall import figures_text, waterfall_lines

    began = timeline.began.astimezone().strftime("%Y-%m-%d %H:%M:%S") if timeline.began else ""
    return [f"{turn_id}  {began}", figures_text(timeline), "", *waterfall_lines(timeline, width)]


async def _line(context: CommandContext, turn: TurnLine) -> str:
    from workbench.app.errors import SessionError
    from workbench.app.events.waterfall import duration_text

    try:
        question = one_line((await context.workbench.messages.get(turn.message_id)).text, _QUESTION)
    except SessionError:
        question = ""
    took = duration_text(turn.duration_ms) if turn.duration_ms is not None else "no end"
    tokens = f"{turn.reply_tokens:,} tokens" if turn.reply_tokens is not None else ""
    rest = f"{took:>10}  {tokens:>13}  {turn.outcome:<9}  {question}".rstrip()
    columns = context.columns
    if columns is None or columns >= _ROOMY:
        line = f"{turn.id}  {_local(turn.began)}  {rest}"
        return line if columns is None else cut(line, columns)
    # The end of an id is enough to ask for its turn.
    return cut(f"{turn.id[-_SHORT_ID:]}  {_local(turn.began)[len('2026-') :]}  {rest}", columns)


def _local(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


COMMANDS: Final[tuple[Command, ...]] = (turns_list, turns_timeline)
