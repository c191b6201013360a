"""The log: keeps every event in the store, in order and without gaps, and forgets the oldest."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from workbench.app.errors import StoreError
from workbench.app.events.bus import EventBus
from workbench.app.events.event import UNENCODABLE, Event, repaired
from workbench.app.events.rows import COLUMNS, microseconds, row_of
from workbench.app.events.text_index import forget_index, removal
from workbench.app.store.store import Store
from workbench.app.store.writer import Row

_INSERT: Final = f"INSERT INTO events ({COLUMNS})"
_DELETE: Final = (
    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq <= ? ORDER BY seq LIMIT ?) RETURNING 1"
)
_CAPACITY: Final = 32_768
# Rows in one commit: large enough that the commit's cost vanishes, small enough for messages to get between.
_BATCH: Final = 8_192
# Events that one unit deletes; each is also taken out of the text index.
_FORGOTTEN: Final = 2_048
# Waiting a moment after the first event lets a burst become one commit; a kill costs at most this much.
_GATHER_SECONDS: Final = 0.02
# A disk that hangs may stop publishers for so long before events are given up.
_PATIENCE_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 10.0
_CLOSE_READ_ONLY_SECONDS: Final = 1.0


class _Gap(msgspec.Struct, frozen=True):
    """Numbers of the first and the last event that could not be written, and why."""

    first: int
    last: int
    reason: str


class EventLog:
    """Writes what the bus carries into the store, from when it is made until `close`.

    A disk that takes no events never stops a publisher: the oldest waiting events are given up then, and
    `core:event:log_gap` tells which, once the disk takes events again.

    Args:
        store: where the events are kept.
        bus: the bus to keep; its numbers must begin after the log's last one.
    """

    def __init__(self, store: Store, bus: EventBus) -> None:
        self.lost = 0
        """Events that were given up."""
        self._store = store
        self._bus = bus
        self._subscription = bus.subscribe("*", "durable", capacity=_CAPACITY, name="log")
        self._waiting: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._written_seq = bus.last_seq
        self._written = asyncio.Condition()
        self._gap: _Gap | None = None
        self._telling: asyncio.Task[Event] | None = None
        self._ended = False
        self._stopped = False
        self._tasks = (
            asyncio.create_task(self._collect(), name="log-collect"),
            asyncio.create_task(self._write(), name="log-write"),
        )

    async def close(self) -> None:
        """Write what the bus has delivered and stop; a disk that takes nothing is waited for a bounded time.

        Raises:
            EventError: `event.subscriber_stuck`, the bus had cut the log off.
        """
        self._subscription.close()
        patience = _CLOSE_SECONDS if self._store.read_only_reason is None else _CLOSE_READ_ONLY_SECONDS
        try:
            await asyncio.wait(self._tasks, timeout=patience)
        finally:
            for task in (*self._tasks, *([self._telling] if self._telling else [])):
                task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def flush(self) -> None:
        """Wait until every event published so far is committed (or was given up on a full disk)."""
        goal = self._bus.last_seq
        async with self._written:
            await self._written.wait_for(lambda: self._written_seq >= goal or self._stopped)

    async def _collect(self) -> None:
        """Take events off the bus at once, so that a waiting disk never stops a publisher."""
        try:
            async for batch in self._subscription.batches():
                self._waiting.extend(batch)
                self._arrived.set()
                if len(self._waiting) > _CAPACITY:
                    await self._make_room()
        finally:
            self._ended = True
            self._arrived.set()

    async def _make_room(self) -> None:
        """Wait for the writer, but less long than the bus waits for this subscriber; then give events up."""
        patience = min(_PATIENCE_SECONDS, self._bus.stuck_after / 2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience if self._store.read_only_reason is None else 0):
                while len(self._waiting) > _CAPACITY:
                    self._room.clear()
                    await self._room.wait()
        excess = len(self._waiting) - _CAPACITY
        if excess > 0:
            given_up = [self._waiting.popleft() for _ in range(excess)]
            self._mark_gap(given_up, "the disk took no events")

    async def _write(self) -> None:
        try:
            while await self._something_waits():
                await self._write_batch()
        finally:
            self._stopped = True
            async with self._written:
                self._written.notify_all()

    async def _something_waits(self) -> bool:
        """Wait for events and a moment longer for a burst; False when there will be no more."""
        if not self._waiting and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
            if not self._ended and len(self._waiting) < _BATCH:
                await asyncio.sleep(_GATHER_SECONDS)
        return bool(self._waiting)

    async def _write_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        self._room.set()
        try:
            await self._append(batch)
        except StoreError as error:
            self._mark_gap(batch, error.message)
        else:
            # Not after a failure: telling would be one more event that cannot be written.
            self._tell_of_gap()
        async with self._written:
            self._written_seq = batch[-1].seq
            self._written.notify_all()

    async def _append(self, batch: list[Event]) -> None:
        try:
            await self._store.append(_INSERT, await asyncio.to_thread(_rows, batch))
        except (StoreError, *UNENCODABLE) as error:
            if isinstance(error, StoreError) and error.code != "store.failed":
                raise
            # One event that JSON or SQLite cannot carry must not take its neighbours with it.
            await self._store.append(_INSERT, await asyncio.to_thread(_rows, [repaired(e) for e in batch]))

    def _mark_gap(self, events: list[Event], reason: str) -> None:
        self.lost += len(events)
        self._gap = _Gap(self._gap.first if self._gap else events[0].seq, events[-1].seq, reason)

    def _tell_of_gap(self) -> None:
        telling = self._telling is not None and not self._telling.done()
        if self._gap is None or self._ended or telling:
            return
        gap, self._gap = self._gap, None
        facts = {"first_seq": gap.first, "last_seq": gap.last, "reason": gap.reason}
        # By a task: this one must go on writing for the bus to have room.
        self._telling = asyncio.create_task(
            self._bus.emit("core:event:log_gap", facts, source="log"), name="log-gap"
        )


async def last_seq(store: Store) -> int:
    """Return the number of the newest event in the store, 0 when there is none."""
    return int((await store.read("SELECT coalesce(max(seq), 0) FROM events"))[0][0])


def _rows(events: list[Event]) -> list[tuple[Any, ...]]:
    return [row_of(event) for event in events]


async def forget_old_events(store: Store, *, keep_days: int, keep_rows: int) -> int:
    """Delete events beyond the limits, oldest first, in small units so that messages get between.

    The newest event always stays: the next one's number comes from it.

    Args:
        store: the open store.
        keep_days: greatest age in days.
        keep_rows: most events that stay.

    Returns:
        How many were deleted.

    Raises:
        StoreError: the database cannot be read or written.
    """
    newest = await last_seq(store)
    oldest = microseconds(datetime.now(UTC) - timedelta(days=keep_days))
    # From the oldest event upwards, so that only what will be deleted is read: `time` has no index.
    young = await store.read("SELECT seq FROM events WHERE time >= ? ORDER BY seq LIMIT 1", (oldest,))
    last = min(newest - 1, max(newest - keep_rows, young[0][0] - 1 if young else newest - 1))
    deleted = 0
    while True:
        rows = await _delete(store, last)
        deleted += len(rows)
        if len(rows) < _FORGOTTEN:
            return deleted


async def _delete(store: Store, last: int) -> list[Row]:
    """Delete the oldest events up to a number, a unit's worth; return a row for each."""
    deletion = (_DELETE, (last, _FORGOTTEN))
    try:
        return await store.write_all([removal(last, _FORGOTTEN), deletion])
    except StoreError as error:
        if error.code != "store.corrupt":
            raise
    # An index that is damaged must not keep events from being forgotten; it is made anew.
    await forget_index(store)
    return await store.write_all([removal(last, _FORGOTTEN), deletion])
