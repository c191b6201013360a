"""New events of the log as they come, also while another process writes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final

from workbench.app.errors import StoreError
from workbench.app.events.event import Event
from workbench.app.events.filter.syntax import Filter
from workbench.app.events.reader import EventReader
from workbench.app.store.store import Store

# One look at the end of the log costs a fifth of a millisecond.
_LOOK_SECONDS: Final = 0.1
_FILE_SECONDS: Final = 2.0
_PAGE: Final = 1_000


async def follow(
    store: Store,
    wanted: Filter,
    after: int,
    *,
    now: datetime,
    flush: Callable[[], Awaitable[None]] | None = None,
) -> AsyncGenerator[list[Event], None]:
    """Yield the events that fit as they come to the log, for ever; an empty list after each look without any.

    The process that writes the log may end, be killed, and start again meanwhile.

    Args:
        store: the open store, read only or not.
        wanted: the filter.
        after: the number of the last event that is known already.
        now: from when spans of time in the filter count back.
        flush: writes what waits to be written, where this process is the one that writes.

    Raises:
        StoreError: the database cannot be read, or another file has taken its place.
    """
    reader = EventReader(store)
    file = await asyncio.to_thread(_identity, store.paths.database)
    look_at_file = monotonic() + _FILE_SECONDS
    while True:
        if flush is not None:
            await flush()
        newest = await _newest(reader, after)
        # A log that was put back from a backup ends earlier.
        after = min(after, newest)
        while after < newest:
            page = await reader.after(wanted, after, _PAGE, upto=newest, now=now)
            after = page[-1].seq if len(page) == _PAGE else newest
            if page:
                yield page
        yield []
        if monotonic() >= look_at_file:
            look_at_file = monotonic() + _FILE_SECONDS
            if await asyncio.to_thread(_identity, store.paths.database) != file:
                raise _replaced(store)
        await asyncio.sleep(_LOOK_SECONDS)


async def _newest(reader: EventReader, known: int) -> int:
    try:
        return (await reader.bounds())[1]
    except StoreError as error:
        # A process that starts, or that ends, has the database to itself for a moment.
        if error.code != "store.busy":
            raise
        return known


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _replaced(store: Store) -> StoreError:
    return StoreError(
        "unreadable",
        f"The database {store.paths.database} is another file now.",
        "It was moved, or put back from a backup: ask again.",
    )
