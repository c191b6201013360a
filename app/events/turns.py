"""Finds turns in the log: one by its id, the last one, the one beside it, and what happened in it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from workbench.app.errors import TurnError
from workbench.app.events.filter.syntax import All, AnyOf, Compare, Filter, Name
from workbench.app.events.timeline_bars import FAILED, FINISHED, RECEIVED, count_of, number_of, text_of

if TYPE_CHECKING:
    from workbench.app.events.event import Event
    from workbench.app.events.reader import EventReader

MOST_EVENTS: Final = 4_000
"""Events of one turn that are read: the first ones, and its end."""

_TAIL: Final = 64
_SHORTEST_ID: Final = 4
_CANDIDATES: Final = 64
_BEGINNING: Final = Name(RECEIVED)
_ENDING: Final = AnyOf((Name(FINISHED), Name(FAILED)))


class TurnLine(msgspec.Struct, frozen=True, kw_only=True):
    """A turn in a list.

    Args:
        id: its correlation id.
        session_id: its session.
        message_id: the message that it answers.
        began: when.
        outcome: the reply's reason, or `failed`; empty when the log knows no end.
        reply_tokens: what it wrote.
        duration_ms: from the message to the end of the reply.
        tokens_per_second: how fast it wrote.
    """

    id: str
    session_id: str | None
    message_id: str
    began: datetime
    outcome: str = ""
    reply_tokens: int | None = None
    duration_ms: float | None = None
    tokens_per_second: float | None = None


async def turn_events(reader: EventReader, turn_id: str) -> list[Event]:
    """Return the events of a turn or job, oldest first; of very many the first ones and the last.

    Raises:
        StoreError: the database cannot be read.
    """
    belongs = Compare(("turn",), "==", turn_id)
    found = await reader.after(belongs, 0, MOST_EVENTS)
    if len(found) >= MOST_EVENTS:
        found = [*found, *await reader.newest(belongs, _TAIL)]
    return sorted({event.seq: event for event in found}.values(), key=lambda event: event.seq)


async def last_turn(reader: EventReader, session_id: str | None = None) -> str | None:
    """Return the id of a session's last turn, or of the last of all; None when there is none.

    Raises:
        StoreError: the database cannot be read.
    """
    found = await reader.newest(_in_session(_BEGINNING, session_id), 1)
    return found[0].correlation_id if found else None


async def turn_beside(reader: EventReader, session_id: str, seq: int, direction: int) -> str | None:
    """Return the id of the turn of a session that began before (-1) or after (1) an event; None if none did.

    Raises:
        StoreError: the database cannot be read.
    """
    wanted = _in_session(_BEGINNING, session_id)
    if direction > 0:
        found = await reader.after(wanted, seq, 1)
    else:
        found = await reader.events(await reader.seqs(wanted, below=seq, limit=1))
    return found[0].correlation_id if found else None


async def find_turn(reader: EventReader, text: str) -> str:
    """Return the id of the turn or job whose id is, or begins or ends with, `text`.

    Raises:
        StoreError: the database cannot be read.
        TurnError: `turn.not_found` or `turn.ambiguous`.
    """
    if await reader.after(Compare(("turn",), "==", text), 0, 1):
        return text
    found: set[str] = set()
    if len(text) >= _SHORTEST_ID:
        like = All((_BEGINNING, Compare(("turn",), "~", text)))
        ids = {event.correlation_id or "" for event in await reader.newest(like, _CANDIDATES)}
        found = {known for known in ids if known.startswith(text) or known.endswith(text)}
    if len(found) > 1:
        raise TurnError(
            "ambiguous", f"More than one turn begins or ends with {text!r}.", "Write more of the id."
        )
    if not found:
        raise TurnError("not_found", f"There is no turn {text!r}.", "`workbench turns list` shows them.")
    return found.pop()


async def list_turns(reader: EventReader, session_id: str | None, limit: int) -> list[TurnLine]:
    """Return the newest turns, oldest first.

    Args:
        reader: the log.
        session_id: only this session's; None for all.
        limit: most that are returned.

    Raises:
        StoreError: the database cannot be read.
    """
    begun = await reader.newest(_in_session(_BEGINNING, session_id), limit)
    if not begun:
        return []
    ended = await reader.after(_in_session(_ENDING, session_id), begun[0].seq, 2 * limit)
    endings = {event.correlation_id: event for event in ended}
    return [_line(event, endings.get(event.correlation_id)) for event in begun]


def _in_session(wanted: Filter, session_id: str | None) -> Filter:
    """Return the filter for a session's events; without one for those of all sessions."""
    return wanted if session_id is None else All((wanted, Compare(("session",), "==", session_id)))


def _line(begun: Event, ended: Event | None) -> TurnLine:
    told = ended.payload if ended is not None else {}
    failed = ended is not None and ended.name == FAILED
    return TurnLine(
        id=begun.correlation_id or "",
        session_id=begun.session_id,
        message_id=text_of(begun.payload.get("message_id")),
        began=begun.time,
        outcome="failed" if failed else text_of(told.get("reason")),
        reply_tokens=count_of(told, "reply_tokens"),
        duration_ms=(ended.time - begun.time).total_seconds() * 1000 if ended is not None else None,
        tokens_per_second=number_of(told, "tokens_per_second"),
    )
