"""Events as rows of the database, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from workbench.app.events.event import Event

COLUMNS: Final = (
    "seq, id, time, name, source, session_id, correlation_id, parent_id, language, payload, schema"
)
"""The columns of the table `events`, in the order of `row_of` and `event_of`."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_encode: Final = msgspec.json.Encoder().encode


def microseconds(time: datetime) -> int:
    """Return a time as microseconds since 1970, UTC."""
    return (time - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the UTC time that is `count` microseconds after the start of 1970."""
    return _EPOCH + timedelta(microseconds=count)


def row_of(event: Event) -> tuple[Any, ...]:
    """Return the values of an event's row.

    Raises:
        TypeError, ValueError, OverflowError, RecursionError: JSON cannot carry its payload.
    """
    return (
        event.seq,
        event.id,
        (event.time - _EPOCH) // _MICROSECOND,
        event.name,
        event.source,
        event.session_id,
        event.correlation_id,
        event.parent_id,
        event.language,
        _encode(event.payload).decode(),
        event.schema,
    )


def event_of(row: Sequence[Any]) -> Event:
    """Return the event that a row of `COLUMNS` holds."""
    return Event(
        seq=row[0],
        id=row[1],
        time=from_microseconds(row[2]),
        name=row[3],
        source=row[4],
        session_id=row[5],
        correlation_id=row[6],
        parent_id=row[7],
        language=row[8],
        payload=msgspec.json.decode(row[9]),
        schema=row[10],
    )
