"""The event: one thing that happened, immutable, in one form for every language and machine."""

from __future__ import annotations

from collections.abc import Mapping
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
_DEEPEST: Final = 32
_LONGEST_REPR: Final = 500

UNENCODABLE: Final = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)
"""What encoding or storing values raises that JSON or SQLite cannot carry."""


def to_json(event: Event) -> bytes:
    """Return the event as one line of JSON without the line end.

    A value that JSON cannot carry is replaced by text (see `plain`): no event is lost for it.
    """
    try:
        return _ENCODER.encode(event)
    except UNENCODABLE:
        return _ENCODER.encode(repaired(event))


def from_json(line: bytes | str) -> Event:
    """Return the event that a line made by `to_json` stands for.

    Raises:
        msgspec.ValidationError: the line is no event.
        msgspec.DecodeError: the line is not JSON.
    """
    return _DECODER.decode(line)


def repaired(event: Event) -> Event:
    """Return the event with everything that JSON or SQLite cannot carry replaced by text."""
    texts = ("name", "source", "session_id", "correlation_id", "parent_id", "language", "id")
    changes = {field: plain(getattr(event, field)) for field in texts}
    return msgspec.structs.replace(event, payload=plain(event.payload), **changes)


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON can carry it: what it cannot is replaced by text that describes it.

    Args:
        value: anything, also what holds itself.
        depth: how deep in the whole the value stands.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # File names and terminals give lone surrogates, which are not Unicode text.
        return str.encode(value, "utf-8", "backslashreplace").decode()
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else f"{int(value):#x}"
    if isinstance(value, float):
        return float(value)
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {plain(str(key)): plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [plain(item, depth + 1) for item in value]
    return plain(_description(value))


def _description(value: object) -> str:
    try:
        return repr(value)[:_LONGEST_REPR]
    except Exception:
        # Somebody else's __repr__; an event must not fail for it.
        return f"<{type(value).__name__}>"
