"""The filters of commands about events: read from words, and joined with what options say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from workbench.app.commands.arguments import Completes, Completion
from workbench.app.commands.command import CommandContext
from workbench.app.errors import CommandError, EventError, SessionError
from workbench.app.text import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.app.events.filter.syntax import Filter, Operator, Value

_SPACE: Final = re.compile(r"\s")


async def _beginnings(_context: CommandContext, prefix: str) -> Sequence[Completion]:
    """Find ways to begin a condition; what goes before it on the line is not known."""
    from workbench.app.events.filter.complete import complete_filter

    found = complete_filter(prefix, len(prefix))
    return [Completion(each.text, each.help) for each in found if each.start == 0]


Words = Annotated[
    tuple[str, ...],
    "which events, as in core:chat:* or 'core:tool:* and text ~ timeout'",
    Completes(_beginnings),
]
"""The argument that takes a filter: in quotes, or word by word where no word needs any."""
Time = Annotated[str, "a time such as 2026-05-01T12:00, or a span back from now such as 10m, 2h or 3d"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a command is asked for.

    Args:
        words: a filter.
        since: only events at or after this time.
        until: only events before this time.
        session: only events of this session, by its id or its end.
        turn: only events of this turn or job, by its correlation id.
        text: only events with these words.
    """

    words: Sequence[str]
    since: str | None = None
    until: str | None = None
    session: str | None = None
    turn: str | None = None
    text: str | None = None


async def filter_of(context: CommandContext, wanted: Wanted, now: datetime) -> Filter:
    """Return all that is asked for as one filter.

    Args:
        context: where the command runs; a session is looked up in its workbench.
        wanted: what is asked for.
        now: the present moment.

    Raises:
        EventError: `event.bad_filter`: the filter cannot be read.
        CommandError: `command.bad_argument`: a time cannot be read.
        SessionError: more than one session fits.
    """
    from workbench.app.events.filter.syntax import All, Compare, Everything

    parts = [read_filter(joined(wanted.words))]
    conditions: list[tuple[str, Operator, Value]] = []
    if wanted.since is not None:
        conditions.append(("time", ">=", _time(wanted.since, now, "since")))
    if wanted.until is not None:
        conditions.append(("time", "<", _time(wanted.until, now, "until")))
    if wanted.session is not None:
        conditions.append(("session", "==", await _session_id(context, wanted.session)))
    if wanted.turn is not None:
        conditions.append(("turn", "==", wanted.turn))
    if wanted.text is not None:
        conditions.append(("text", "~", wanted.text))
    parts += [Compare((field,), operator, value) for field, operator, value in conditions]
    flat = [each for part in parts for each in (part.parts if isinstance(part, All) else (part,))]
    kept = [part for part in flat if not isinstance(part, Everything)]
    if not kept:
        return Everything()
    return All(tuple(kept)) if len(kept) > 1 else kept[0]


def joined(words: Sequence[str]) -> str:
    """Return the text of a filter that came as words.

    One word is the whole filter as it stands. Of several, those with white space in them were in quotes, and
    are again.
    """
    if len(words) == 1:
        return words[0]
    from workbench.app.events.filter.format import quoted

    return " ".join(quoted(word) if _SPACE.search(word) else word for word in words)


def read_filter(text: str) -> Filter:
    """Return the filter that a text stands for.

    Raises:
        EventError: `event.bad_filter`; the message points at the place.
    """
    from workbench.app.events.filter.parse import parse_filter, point_at

    try:
        return parse_filter(text)
    except EventError as error:
        message = "\n".join([error.message, *point_at(text, error)])
        raise EventError("bad_filter", message, error.hint, argument="filter", **error.details) from error


async def _session_id(context: CommandContext, text: str) -> str:
    try:
        return (await context.workbench.sessions.get(text)).id
    except SessionError as error:
        if error.code != "session.not_found":
            raise
        return text  # events stay when their session is deleted


def _time(text: str, now: datetime, name: str) -> str:
    """Return the text of a time, once it is known to be one."""
    from workbench.app.events.filter.times import TIME_HINT, resolve_time

    try:
        resolve_time(text, now)
    except ValueError:
        raise CommandError(
            "bad_argument", f"{name} cannot be {one_line(text, 40)!r}.", TIME_HINT, argument=name
        ) from None
    return text
