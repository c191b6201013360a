"""The log: keeps every event in the store, in order and without gaps, and finds them again."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from workbench.app.errors import StoreError
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.events.patterns import name_matcher, to_sql
from workbench.app.store.store import Store

_INSERT: Final = (
    "INSERT INTO events (seq, id, time, name, source, session_id, correlation_id, parent_id, language,"
    " payload, schema)"
)
_COLUMNS: Final = (
    "seq, id, time, name, source, session_id, correlation_id, parent_id, language, payload, schema"
)
_CAPACITY: Final = 32_768
# Rows in one commit: large enough that the commit's cost vanishes, small enough for messages to get between.
_BATCH: Final = 8_192
# Waiting a moment after the first event lets a burst become one commit; a kill costs at most this much.
_GATHER_SECONDS: Final = 0.02
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PAGE: Final = 1_000

_encode = msgspec.json.Encoder().encode


class EventQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of the log are wanted.

    Args:
        pattern: event names (see `patterns.name_matcher`).
        since: only events at or after this time.
        until: only events before this time.
        session_id: only this session's events.
        correlation_id: only this turn's or job's events.
        text: only events whose payload contains this text, case ignored for ASCII letters.
        after_seq: only events with a greater number.
        limit: at most so many events, None for all.
        newest: with a limit, take the newest events instead of the oldest.
    """

    pattern: str = "*"
    since: datetime | None = None
    until: datetime | None = None
    session_id: str | None = None
    correlation_id: str | None = None
    text: str | None = None
    after_seq: int = 0
    limit: int | None = None
    newest: bool = False


class EventLog:
    """Writes what the bus carries into the store; made by `EventLog.open`.

    Args:
        store: where the events are kept.
        bus: the bus to keep; its numbers must begin after the log's last one.
    """

    def __init__(self, store: Store, bus: EventBus) -> None:
        self._store = store
        self._bus = bus
        self._subscription = bus.subscribe("*", "durable", capacity=_CAPACITY, name="log")
        self._waiting: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._written_seq = bus.last_seq
        self._written = asyncio.Condition()
        self._gap: tuple[int, int] | None = None
        self._ended = False
        self._tasks = (
            asyncio.create_task(self._collect(), name="log-collect"),
            asyncio.create_task(self._write(), name="log-write"),
        )

    async def close(self) -> None:
        """Write what the bus has delivered and stop."""
        self._subscription.close()
        await asyncio.gather(*self._tasks)

    async def flush(self) -> None:
        """Wait until every event published so far is committed (or was given up on a full disk)."""
        goal = self._bus.last_seq
        async with self._written:
            await self._written.wait_for(lambda: self._written_seq >= goal or self._ended)

    async def _collect(self) -> None:
        """Take events off the bus at once, so that a waiting disk never stops a publisher."""
        async for batch in self._subscription.batches():
            self._waiting.extend(batch)
            self._arrived.set()
            while len(self._waiting) > _CAPACITY:
                if self._store.read_only_reason is None:
                    self._room.clear()
                    await self._room.wait()
                else:
                    self._give_up(len(self._waiting) - _CAPACITY)
        self._ended = True
        self._arrived.set()

    async def _write(self) -> None:
        while True:
            if not self._waiting:
                if self._ended:
                    break
                self._arrived.clear()
                await self._arrived.wait()
                if not self._ended and len(self._waiting) < _BATCH:
                    await asyncio.sleep(_GATHER_SECONDS)
                continue
            await self._write_batch()
        async with self._written:
            self._written.notify_all()

    async def _write_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        self._room.set()
        try:
            await self._store.append(_INSERT, await asyncio.to_thread(_rows, batch))
        except StoreError:
            self._mark_gap(batch[0].seq, batch[-1].seq)
        async with self._written:
            self._written_seq = batch[-1].seq
            self._written.notify_all()
        await self._tell_of_gap()

    def _give_up(self, count: int) -> None:
        """Drop the oldest events: the disk takes none and memory is bounded."""
        dropped = [self._waiting.popleft() for _ in range(count)]
        self._mark_gap(dropped[0].seq, dropped[-1].seq)

    def _mark_gap(self, first: int, last: int) -> None:
        self._gap = (self._gap[0] if self._gap else first, last)

    async def _tell_of_gap(self) -> None:
        if self._gap is None or self._ended or self._store.read_only_reason is not None:
            return
        (first, last), self._gap = self._gap, None
        # Published by a task, as this one must go on writing for the bus to have room.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                self._bus.emit(
                    "core:event:log_gap",
                    {"first_seq": first, "last_seq": last, "reason": "the disk took no events"},
                    source="log",
                ),
                1.0,
            )


async def last_seq(store: Store) -> int:
    """Return the number of the newest event in the store, 0 when there is none."""
    return int((await store.read("SELECT coalesce(max(seq), 0) FROM events"))[0][0])


async def count_events(store: Store, query: EventQuery) -> int:
    """Return how many events fit a query; its limit is ignored."""
    if query.pattern.count("*") and not (query.pattern == "*" or query.pattern.endswith(":*")):
        return sum([1 async for _ in find_events(store, msgspec.structs.replace(query, limit=None))])
    condition, parameters = _condition(query)
    return int((await store.read(f"SELECT count(*) FROM events WHERE {condition}", parameters))[0][0])


async def find_events(store: Store, query: EventQuery) -> AsyncIterator[Event]:
    """Iterate over the events that fit a query, oldest first.

    Raises:
        EventError: the pattern cannot be read.
        StoreError: the database cannot be read.
    """
    if query.newest and query.limit is not None:
        for event in reversed(await _newest(store, query)):
            yield event
        return
    matches = name_matcher(query.pattern)
    left, after = query.limit, query.after_seq
    while left is None or left > 0:
        page = await _page(store, msgspec.structs.replace(query, after_seq=after), "ASC", _PAGE)
        for event in page:
            if matches(event.name) and (left is None or left > 0):
                left = None if left is None else left - 1
                yield event
        if len(page) < _PAGE:
            return
        after = page[-1].seq


async def _newest(store: Store, query: EventQuery) -> list[Event]:
    """Return at most `query.limit` events, newest first."""
    matches = name_matcher(query.pattern)
    limit = query.limit or 0
    found: list[Event] = []
    before: int | None = None
    while len(found) < limit:
        page = await _page(store, query, "DESC", max(limit, _PAGE), before)
        found += [event for event in page if matches(event.name)]
        if len(page) < max(limit, _PAGE):
            break
        before = page[-1].seq
    return found[:limit]


async def _page(
    store: Store, query: EventQuery, order: str, size: int, before: int | None = None
) -> list[Event]:
    condition, parameters = _condition(query)
    if before is not None:
        condition, parameters = f"{condition} AND seq < ?", [*parameters, before]
    rows = await store.read(
        f"SELECT {_COLUMNS} FROM events WHERE {condition} ORDER BY seq {order} LIMIT ?", [*parameters, size]
    )
    return [_event(row) for row in rows]


def _condition(query: EventQuery) -> tuple[str, list[Any]]:
    """Return the SQL condition of a query and its parameters; no text of the query becomes SQL."""
    names, parameters = to_sql(query.pattern, "name")
    parts: list[str] = [names, "seq > ?"]
    values: list[Any] = [*parameters, query.after_seq]
    for sql, value in (
        ("time >= ?", microseconds(query.since) if query.since else None),
        ("time < ?", microseconds(query.until) if query.until else None),
        ("session_id = ?", query.session_id),
        ("correlation_id = ?", query.correlation_id),
        ("payload LIKE ? ESCAPE '\\'", _like(query.text) if query.text else None),
    ):
        if value is not None:
            parts.append(sql)
            values.append(value)
    return " AND ".join(parts), values


def _like(text: str) -> str:
    # The payload is JSON: a quote or backslash in the text stands escaped there.
    inner = _encode(text).decode()[1:-1]
    for special in ("\\", "%", "_"):
        inner = inner.replace(special, f"\\{special}")
    return f"%{inner}%"


def microseconds(time: datetime) -> int:
    """Return a time as microseconds since 1970, UTC."""
    return (time - _EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the UTC time that is `count` microseconds after the start of 1970."""
    return _EPOCH + timedelta(microseconds=count)


def _rows(events: list[Event]) -> list[tuple[Any, ...]]:
    return [
        (
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
        for event in events
    ]


def _event(row: tuple[Any, ...]) -> Event:
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


async def forget_old_events(store: Store, *, keep_days: int, keep_rows: int) -> int:
    """Delete events beyond the limits, oldest first, in small units so that messages get between.

    Args:
        store: the open store.
        keep_days: greatest age in days.
        keep_rows: most events that stay.

    Returns:
        How many were deleted.
    """
    oldest = microseconds(datetime.now(UTC) - timedelta(days=keep_days))
    newest = await last_seq(store)
    deleted = 0
    while True:
        rows = await store.write_all(
            [
                (
                    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq <= ? OR time < ?"
                    " ORDER BY seq LIMIT ?) RETURNING 1",
                    (newest - keep_rows, oldest, _BATCH),
                )
            ]
        )
        deleted += len(rows)
        if len(rows) < _BATCH:
            return deleted
