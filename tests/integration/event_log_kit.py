"""What the tests of the event log share: a log filled at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from workbench.app.events.event import Event
from workbench.app.events.rows import COLUMNS, row_of
from workbench.app.store.store import Store

_UNIT: Final = 20_000


async def fill(store: Store, events: Sequence[Event]) -> None:
    """Put events, which have their numbers, into the log."""
    for start in range(0, len(events), _UNIT):
        rows = [row_of(event) for event in events[start : start + _UNIT]]
        await store.append(f"INSERT INTO events ({COLUMNS})", rows)
