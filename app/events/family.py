"""What caused an event, and what it caused."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from workbench.app.events.event import Event
from workbench.app.events.rows import COLUMNS, event_of, from_microseconds
from workbench.app.store.store import Store

LARGEST_FAMILY: Final = 200
"""Most causes, and most effects, that are told."""

# Effects outside of a turn come soon after their cause: this many events are looked through for them. The
# log has no index on what caused an event.
_NEAR: Final = 4_096
# How far an event's number may be from that of the first event of its id's millisecond.
_ID_SPREAD: Final = 2_048
_UUID_VERSION: Final = 7
_MILLISECOND: Final = 1_000

SeqAt = Callable[[datetime], Awaitable[int]]


class Family(msgspec.Struct, frozen=True):
    """An event's relatives.

    Args:
        causes: what caused it, what caused that, and so on: the nearest first.
        effects: what it caused itself, the oldest first.
    """

    causes: list[Event]
    effects: list[Event]


async def find_family(store: Store, event: Event, seq_at: SeqAt) -> Family:
    """Return the causes and effects of an event, at most `LARGEST_FAMILY` of each.

    Effects are found in the event's turn or job, and among the events that follow it.

    Args:
        store: the open store.
        event: the event.
        seq_at: finds the number of the first event at or after a time.

    Raises:
        StoreError: the database cannot be read.
    """
    return Family(await _causes(store, event, seq_at), await _effects(store, event))


async def _causes(store: Store, event: Event, seq_at: SeqAt) -> list[Event]:
    found: list[Event] = []
    seen = {event.id}
    while event.parent_id is not None and event.parent_id not in seen and len(found) < LARGEST_FAMILY:
        parent = await _parent(store, event.parent_id, event, seq_at)
        if parent is None:
            break
        found.append(parent)
        seen.add(parent.id)
        event = parent
    return found


async def _parent(store: Store, wanted: str, child: Event, seq_at: SeqAt) -> Event | None:
    if child.correlation_id is not None:
        own = await _select(store, "correlation_id = ? AND id = ?", (child.correlation_id, wanted), 1)
        if own:
            return own[0]
    made = _time_of(wanted)
    if made is None:
        return None
    # The id tells when it was made, and so about where it stands.
    near = await seq_at(made)
    bounds = (near - _ID_SPREAD, near + _ID_SPREAD, wanted)
    found = await _select(store, "seq BETWEEN ? AND ? AND id = ?", bounds, 1)
    return found[0] if found else None


async def _effects(store: Store, event: Event) -> list[Event]:
    near = (event.seq + 1, event.seq + _NEAR, event.id)
    found = await _select(store, "seq BETWEEN ? AND ? AND parent_id = ?", near, LARGEST_FAMILY)
    if event.correlation_id is not None:
        own = (event.correlation_id, event.id)
        found += await _select(store, "correlation_id = ? AND parent_id = ?", own, LARGEST_FAMILY)
    effects = {effect.seq: effect for effect in found}
    return [effects[seq] for seq in sorted(effects)][:LARGEST_FAMILY]


async def _select(store: Store, condition: str, values: tuple[Any, ...], limit: int) -> list[Event]:
    sql = f"SELECT {COLUMNS} FROM events WHERE {condition} ORDER BY seq LIMIT ?"  # noqa: S608 - made of constants
    return [event_of(row) for row in await store.read(sql, (*values, limit))]


def _time_of(identifier: str) -> datetime | None:
    """Return when a UUIDv7 was made, None for another text."""
    try:
        number = uuid.UUID(identifier)
    except ValueError:
        return None
    return from_microseconds((number.int >> 80) * _MILLISECOND) if number.version == _UUID_VERSION else None
