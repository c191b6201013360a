"""Commands about the event log: its end, and searching in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from workbench.app.commands.arguments import Completes, Completion
from workbench.app.commands.command import Command, CommandContext, CommandResult, command
from workbench.app.errors import CommandError, EventError, SessionError
from workbench.app.text import one_line

if TYPE_CHECKING:
    from workbench.app.events.event import Event
    from workbench.app.events.log import EventQuery

Limit = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_SPAN: Final = re.compile(r"(\d{1,9})(s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PAYLOAD_WIDTH: Final = 120


async def _event_names(_context: CommandContext, prefix: str) -> Sequence[Completion]:
    from workbench.app.events.names import CORE_EVENTS

    areas = sorted({f"{name.rpartition(':')[0]}:*" for name in CORE_EVENTS})
    return [Completion(name) for name in [*areas, *CORE_EVENTS] if name.startswith(prefix)]


Pattern = Annotated[str, "names of events, * for any part: core:chat:*", Completes(_event_names)]
Time = Annotated[str, "a time such as 2026-05-01T12:00, or a span back from now such as 10m, 2h or 3d"]


@command("events tail", summary="Show the newest events.", needs=("log",), reads_only=True)
async def events_tail(
    context: CommandContext, pattern: Pattern = "*", *, limit: Annotated[Limit, "how many"] = 20
) -> CommandResult:
    """The newest event comes last."""
    from workbench.app.events.log import EventQuery

    return await _find(context, EventQuery(pattern=pattern, limit=limit, newest=True))


@command("events query", summary="Find events in the log.", needs=("log", "sessions"), reads_only=True)
async def events_query(
    context: CommandContext,
    pattern: Pattern,
    *,
    since: Time | None = None,
    until: Time | None = None,
    session: Annotated[str, "only events of this session, by its id"] | None = None,
    turn: Annotated[str, "only events of this turn, by its correlation id"] | None = None,
    text: Annotated[str, "only events whose payload contains this"] | None = None,
    limit: Annotated[Limit, "most events to show, the oldest first"] = 1_000,
) -> CommandResult:
    """Oldest first. All conditions must hold."""
    from workbench.app.events.log import EventQuery

    now = datetime.now(UTC)
    session_id = await _session_id(context, session) if session else None
    query = EventQuery(
        pattern=pattern,
        since=_time(since, now, "since"),
        until=_time(until, now, "until"),
        session_id=session_id,
        correlation_id=turn,
        text=text,
        limit=limit,
    )
    return await _find(context, query)


async def _find(context: CommandContext, query: EventQuery) -> CommandResult:
    from workbench.app.events.log import find_events
    from workbench.app.events.patterns import check_pattern

    try:
        check_pattern(query.pattern)
    except EventError as error:
        raise CommandError("bad_argument", error.message, error.hint, argument="pattern") from error
    if context.workbench.store.writable:
        await context.workbench.log.flush()
    events = [event async for event in find_events(context.workbench.store, query)]
    lines = [_line(event) for event in events]
    return CommandResult(data=[_event(event) for event in events], lines=lines or ["No event fits."])


async def _session_id(context: CommandContext, text: str) -> str:
    try:
        return (await context.workbench.sessions.get(text)).id
    except SessionError as error:
        if error.code != "session.not_found":
            raise
        return text  # events stay when their session is deleted


def _event(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(event)
    return data


def _line(event: Event) -> str:
    time = event.time.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    payload = one_line(msgspec.json.encode(event.payload).decode(), _PAYLOAD_WIDTH)
    return f"{event.seq:>7}  {time}  {event.name}  {payload}"


def _time(text: str | None, now: datetime, name: str) -> datetime | None:
    """Return the time that a text stands for; a time without a zone is local."""
    if text is None:
        return None
    span = _SPAN.fullmatch(text)
    try:
        if span:
            return now - timedelta(**{_UNITS[span.group(2)]: int(span.group(1))})
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(
            "bad_argument",
            f"{name} cannot be {one_line(text, 40)!r}.",
            "Write a time such as 2026-05-01T12:00, or a span such as 10m, 2h or 3d.",
            argument=name,
        ) from None


COMMANDS: Final[tuple[Command, ...]] = (events_tail, events_query)
