"""The index of the words of events, filled in the background from the log.

It only ever saves looking: what it finds is checked by whoever asked, and what it does not have yet is looked
through.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from time import monotonic
from typing import Final

from workbench.app.errors import StoreError
from workbench.app.store.store import Store
from workbench.app.store.writer import Statement

# Events in one unit of the writer, which messages must not wait for long.
_UNIT: Final = 2_048
# Fewer new events than this are looked through as quickly as they would be found.
_WORTHWHILE: Final = 4_096
_LOOK_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 60.0
# The writer is left alone for this many times as long as a unit took.
_REST: Final = 1.0

_STATE: Final = "(SELECT indexed_seq FROM events_text_state)"
_NEXT: Final = "SELECT max(seq), count(*) FROM (SELECT seq FROM events WHERE seq > ? ORDER BY seq LIMIT ?)"
_ADD: Final = (
    "INSERT INTO events_text (rowid, text) SELECT seq, text FROM event_texts"  # noqa: S608 - made of constants
    f" WHERE seq > ? AND seq <= ? AND {_STATE} = ?"
)
_REMOVE: Final = (
    "INSERT INTO events_text (events_text, rowid, text) SELECT 'delete', seq, text FROM event_texts"  # noqa: S608
    f" WHERE seq IN (SELECT seq FROM events WHERE seq <= ? ORDER BY seq LIMIT ?) AND seq <= {_STATE}"
)
# FTS5 opens no index whose first records are damaged. So these are written before it empties the rest: the
# averages, of nothing, and a structure without levels (ids 1 and 10; see fts5_index.c of SQLite).
_FORGET: Final = (
    "UPDATE events_text_state SET indexed_seq = 0",
    "DELETE FROM events_text_data",
    "INSERT INTO events_text_data (id, block) VALUES (1, x''), (10, x'00000000000000')",
    "INSERT INTO events_text (events_text) VALUES ('delete-all')",
)


async def indexed_seq(store: Store) -> int:
    """Return the number up to which events are in the index.

    Raises:
        StoreError: the database cannot be read.
    """
    return int((await store.read("SELECT indexed_seq FROM events_text_state"))[0][0])


async def forget_index(store: Store) -> None:
    """Empty an index that is damaged, so that it is made anew; does nothing where the store is read only."""
    if not store.writable:
        return
    # Whoever found the damage goes on without the index, and so does everybody while the disk is full.
    with contextlib.suppress(StoreError):
        await store.write_all([(statement, ()) for statement in _FORGET])


def removal(last: int, limit: int) -> Statement:
    """Return the statement that takes the oldest events out of the index; it goes before that of the log.

    Args:
        last: the greatest number that goes.
        limit: most events that go.
    """
    return _REMOVE, (last, limit)


class TextIndex:
    """Keeps the index near the end of the log.

    Args:
        store: the open store; where it is read only, nothing is done.
        newest: tells the number of the newest event, from memory.
    """

    def __init__(self, store: Store, newest: Callable[[], int]) -> None:
        self._store = store
        self._newest = newest
        self.indexed_seq = 0
        """The number up to which events were in the index when last looked at."""

    async def run(self) -> None:
        """Take new events in, in small units, until cancelled; a disk that refuses is tried again later."""
        if not self._store.writable:
            return
        pause = _LOOK_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = _LOOK_SECONDS
            if self._newest() - self.indexed_seq >= _WORTHWHILE:
                try:
                    await self.catch_up(leave=_UNIT - 1)
                except StoreError as error:
                    if error.code == "store.corrupt":
                        await forget_index(self._store)
                    pause = _RETRY_SECONDS

    async def catch_up(self, *, leave: int = 0) -> None:
        """Take in the events that the log has, with rests for other writes.

        Args:
            leave: so few events may stay out, so that no unit is made for a handful.

        Raises:
            StoreError: the database cannot be read or written.
        """
        while True:
            began = monotonic()
            done = await indexed_seq(self._store)
            upto, waiting = (await self._store.read(_NEXT, (done, _UNIT)))[0]
            self.indexed_seq = done
            if waiting <= leave:
                return
            await self._store.write_all(_unit(done, upto))
            self.indexed_seq = upto
            await asyncio.sleep((monotonic() - began) * _REST)


def _unit(done: int, upto: int) -> list[Statement]:
    # Both or neither, and only from where the index is: taking events in twice would spoil it.
    return [
        (_ADD, (done, upto, done)),
        ("UPDATE events_text_state SET indexed_seq = ? WHERE indexed_seq = ?", (upto, done)),
    ]
