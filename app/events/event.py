"""The event: one thing that happened, immutable, in one form for every language and machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from workbench.app.events.ids import new_id

SCHEMA_VERSION: Final = 1


def _now() -> datetime:
    return datetime.now(UTC)


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that happened.

    Args:
        name: `origin:area:what`, as in `core:chat:reply_finished`.
        source: the part that says so, as in `chat` or `worker.llm`.
        payload: JSON-able facts.
        session_id: the session it belongs to.
        correlation_id: one id for everything that belongs to one turn or job.
        parent_id: the id of the event that caused this one.
        language: what the source is written in (python, lua, js).
        id: UUIDv7 text.
        seq: place in the log, from 1 without gaps; 0 until the bus has taken the event.
        time: when it happened, UTC.
        schema: version of this layout.
    """

    name: str
    source: str
    payload: dict[str, Any] = {}
    session_id: str | None = None
    correlation_id: str | None = None
    parent_id: str | None = None
    language: str = "python"
    id: str = msgspec.field(default_factory=new_id)
    seq: int = 0
    time: datetime = msgspec.field(default_factory=_now)
    schema: int = SCHEMA_VERSION


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Event)


def to_json(event: Event) -> bytes:
    """Return the event as one line of JSON without the line end."""
    return _ENCODER.encode(event)


def from_json(line: bytes | str) -> Event:
    """Return the event that a line made by `to_json` stands for.

    Raises:
        msgspec.ValidationError: the line is no event.
        msgspec.DecodeError: the line is not JSON.
    """
    return _DECODER.decode(line)
