"""Commands about the event log: its end and what comes to it, and searching in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from workbench.app.commands.command import Command, CommandContext, CommandResult, command
from workbench.app.commands.event_export import events_export
from workbench.app.commands.event_filters import Time, Wanted, Words, filter_of
from workbench.app.errors import CommandError
from workbench.app.text import cut, one_line

if TYPE_CHECKING:
    from workbench.app.events.event import Event
    from workbench.app.events.filter.syntax import Filter

Limit = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
First = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
_PAYLOAD_WIDTH: Final = 120
# A narrower terminal shows more of what happened when it is spared the year and the milliseconds.
_ROOMY: Final = 100
_NOTHING: Final = "No event fits."


@command("events tail", summary="Show the newest events.", needs=("log",), reads_only=True)
async def events_tail(
    context: CommandContext,
    filter: Words = (),  # noqa: A002 - the argument's name
    *,
    limit: Annotated[First, "how many of the newest to show"] = 20,
    follow: Annotated[bool, "go on showing those that come, until interrupted"] = False,
    for_: Annotated[Seconds, "follow for so many seconds"] | None = None,
    new: Annotated[Limit, "follow until so many have come"] | None = None,
) -> CommandResult:
    """The newest event comes last. With --follow and --json, each event is a line."""
    from workbench.app.events.reader import EventReader

    if follow or for_ is not None or new is not None:
        return await _follow(context, Wanted(words=filter), limit, for_, new)
    now = datetime.now(UTC)
    wanted = await filter_of(context, Wanted(words=filter), now)
    await flush_log(context)
    return _answer(context, await EventReader(context.workbench.store).newest(wanted, limit, now=now))


@command("events query", summary="Find events in the log.", needs=("log", "sessions"), reads_only=True)
async def events_query(  # noqa: PLR0913 - each is an option
    context: CommandContext,
    filter: Words,  # noqa: A002 - the argument's name
    *,
    since: Time | None = None,
    until: Time | None = None,
    session: Annotated[str, "only events of this session, by its id"] | None = None,
    turn: Annotated[str, "only events of this turn, by its correlation id"] | None = None,
    text: Annotated[str, "only events with these words"] | None = None,
    limit: Annotated[Limit, "most events to show, the oldest first"] = 1_000,
    newest: Annotated[bool, "show the newest of those that fit, not the oldest"] = False,
) -> CommandResult:
    """Oldest first. All conditions must hold. A filter with quotes in it stands in quotes itself."""
    from workbench.app.events.reader import EventReader

    asked = Wanted(words=filter, since=since, until=until, session=session, turn=turn, text=text)
    now = datetime.now(UTC)
    wanted = await filter_of(context, asked, now)
    await flush_log(context)
    reader = EventReader(context.workbench.store)
    if newest:
        return _answer(context, await reader.newest(wanted, limit, now=now))
    return _answer(context, await reader.after(wanted, 0, limit, now=now))


async def flush_log(context: CommandContext) -> None:
    """Let events that were published be found, where this process writes them."""
    if context.workbench.store.writable:
        await context.workbench.log.flush()


def event_line(event: Event, columns: int | None = None) -> str:
    """Return an event as one line for people.

    Args:
        event: the event.
        columns: cells that the line has; None for a line that nothing limits but what can be read.
    """
    time = event.time.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    if columns is None:
        payload = one_line(msgspec.json.encode(event.payload).decode(), _PAYLOAD_WIDTH)
        return f"{event.seq:>7}  {time}  {event.name}  {payload}"
    shown = time if columns >= _ROOMY else time[len("2026-") : -len(".000")]
    payload = one_line(msgspec.json.encode(event.payload).decode(), columns)
    return cut(f"{event.seq:>7}  {shown}  {event.name}  {payload}", columns)


def _answer(context: CommandContext, events: list[Event]) -> CommandResult:
    lines = [event_line(event, context.columns) for event in events]
    return CommandResult(data=[_data(event) for event in events], lines=lines or [_NOTHING])


def _data(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(event)
    return data


# --- following ----------------------------------------------------------------------------------------


async def _follow(
    context: CommandContext, asked: Wanted, limit: int, seconds: float | None, new: int | None
) -> CommandResult:
    """Hand out the newest events and then those that come, until there is an end to it."""
    if context.hand_out is None:
        raise CommandError(
            "not_available",
            "events tail: --follow cannot go on showing events here.",
            "The events pane does; or run `workbench events tail --follow` in another terminal.",
        )
    if context.face != "cli" and seconds is None and new is None:
        raise CommandError(
            "bad_argument",
            "events tail: --follow would never end in a script.",
            "Add --for SECONDS or --new COUNT.",
            argument="follow",
        )
    now = datetime.now(UTC)
    wanted = await filter_of(context, asked, now)
    shown = 0
    try:
        async with asyncio.timeout(seconds):
            async for events in _newest_and_coming(context, wanted, now, limit, new):
                await context.hand_out(
                    [_data(event) for event in events],
                    [event_line(event, context.columns) for event in events],
                )
                shown += len(events)
    except TimeoutError:
        if seconds is None:
            raise
    return CommandResult(data={"events": shown}, handed_out=True)


async def _newest_and_coming(
    context: CommandContext, wanted: Filter, now: datetime, limit: int, new: int | None
) -> AsyncGenerator[list[Event], None]:
    """Yield the newest events, and then those that come, up to `new` of these."""
    from workbench.app.events.follow import follow
    from workbench.app.events.reader import EventReader

    await flush_log(context)
    reader = EventReader(context.workbench.store)
    last = (await reader.bounds())[1]
    if limit:
        yield [event for event in await reader.newest(wanted, limit, now=now) if event.seq <= last]
    left = new
    flush = context.workbench.log.flush if context.workbench.store.writable else None
    async with aclosing(follow(context.workbench.store, wanted, last, now=now, flush=flush)) as coming:
        async for events in coming:
            yield events if left is None else events[:left]
            if left is not None:
                left -= len(events)
                if left <= 0:
                    return


COMMANDS: Final[tuple[Command, ...]] = (events_tail, events_query, events_export)
