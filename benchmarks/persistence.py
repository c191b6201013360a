"""Keeping events: through the bus into SQLite, against one aiosqlite await a row.

Ours: `EventBus.emit` (payload checked against its declared type) with the event log attached, until the log
says that all is committed, with a sync of the disk at every commit. Peer: the same rows into the same table,
one awaited `execute` a row, each its own transaction, without syncs (WAL, `synchronous=NORMAL`). Beside it
the same with one commit every 1,000 rows, where an await no longer means that the row is kept. Then a million
events in one process, whose memory is read all along.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import linear_regression

import aiosqlite
import psutil

from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.events.log import EventLog, last_seq
from workbench.app.paths import paths_for
from workbench.app.store.store import Store
from workbench.benchmarks.result import Claim, Figure, Result, least
from workbench.benchmarks.rounds import in_turns, middle, ratios, say

_NAME = "core:chat:prompt_built"
_INSERT = (
    "INSERT INTO events (seq, id, time, name, source, session_id, correlation_id, parent_id, language,"
    " payload, schema) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ROWS_PER_COMMIT = 1_000
_MEGABYTE = 2**20


async def measure(quick: bool) -> Result:
    """Run the benchmark."""
    ours, rows, rounds, many = (4_000, 500, 1, 20_000) if quick else (150_000, 10_000, 9, 1_000_000)
    pairs = await in_turns("persistence", lambda: persist(ours), lambda: row_by_row(rows, 1), rounds)
    speeds = [pair.ours for pair in pairs]
    grouped = [await row_by_row(rows, _ROWS_PER_COMMIT) for _ in range(rounds)]
    rate, memory = await _persist_many(many)
    before, after = memory[len(memory) // 5], memory[-1]
    slope = linear_regression(range(len(memory) // 5, len(memory)), memory[len(memory) // 5 :]).slope
    return Result(
        claims=[
            least("events kept over one aiosqlite await a row", ratios(pairs), 10),
            least("events kept", speeds, 100_000, "events/s"),
            Claim(f"memory's growth from {many // 5:,} to {many:,} events", after - before, 8, "most", "MB"),
        ],
        figures=[
            Figure("one aiosqlite await a row", middle([pair.peer for pair in pairs]), "rows/s"),
            Figure("the same, 1,000 rows a commit", middle(grouped), "rows/s"),
            Figure(f"events kept, {many:,} in one go", rate, "events/s"),
            Figure("memory after them", after, "MB"),
            Figure("memory's trend", slope * len(memory) / many * 1e6, "MB per million events"),
        ],
    )


async def persist(count: int) -> float:
    """Emit events until the log has them all; return events a second."""
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(paths_for(Path(folder)))
        bus = EventBus(await last_seq(store) + 1)
        log = EventLog(store, bus)
        began = time.perf_counter()
        for number in range(count):
            await _emit(bus, number)
        await log.flush()
        rate = count / (time.perf_counter() - began)
        await log.close()
        await store.close()
        if log.lost:
            raise RuntimeError(f"{log.lost} events were not kept")
        return rate


async def row_by_row(count: int, rows_per_commit: int) -> float:
    """Insert the same rows with one await each; return rows a second."""
    with tempfile.TemporaryDirectory() as folder:
        paths = paths_for(Path(folder))
        store = await Store.open(paths)  # makes the table
        await store.close()
        # Autocommit: without BEGIN, each row is a transaction of its own.
        async with aiosqlite.connect(paths.database, isolation_level=None) as connection:
            await connection.execute("PRAGMA journal_mode=WAL")
            await connection.execute("PRAGMA synchronous=NORMAL")
            began = time.perf_counter()
            for number in range(count):
                if rows_per_commit > 1 and number % rows_per_commit == 0:
                    await connection.execute("BEGIN")
                await connection.execute(_INSERT, _row(number))
                if connection.in_transaction and (number + 1) % rows_per_commit == 0:
                    await connection.commit()
            await connection.commit()
            return count / (time.perf_counter() - began)


async def _persist_many(count: int) -> tuple[float, list[float]]:
    """Return events a second, and the memory in megabytes at a hundred moments in between."""
    process, memory, step = psutil.Process(), [], count // 100
    with tempfile.TemporaryDirectory() as folder:
        store = await Store.open(paths_for(Path(folder)))
        bus = EventBus(await last_seq(store) + 1)
        log = EventLog(store, bus)
        began = time.perf_counter()
        for number in range(count):
            await _emit(bus, number)
            if number % step == 0:
                memory.append(process.memory_info().rss / _MEGABYTE)
                if number % (20 * step) == 0:
                    say(f"persistence: {number:,} of {count:,} events, {memory[-1]:.0f} MB")
        await log.flush()
        rate = count / (time.perf_counter() - began)
        memory.append(process.memory_info().rss / _MEGABYTE)
        await log.close()
        await store.close()
    return rate, memory


async def _emit(bus: EventBus, number: int) -> None:
    await bus.emit(
        _NAME,
        {"tokens": number, "context": 2048, "messages": 3, "trimmed_messages": 0},
        source="benchmark",
        session_id="0193e5a0-0000-7000-8000-000000000000",
        correlation_id=f"turn-{number // 50}",
    )


def _row(number: int) -> tuple[int | str | None, ...]:
    event = Event(name=_NAME, source="benchmark")
    payload = '{"tokens":1,"context":2048,"messages":3,"trimmed_messages":0}'
    return (
        number + 1,
        event.id,
        int(event.time.timestamp() * 1e6),
        _NAME,
        event.source,
        "0193e5a0-0000-7000-8000-000000000000",
        f"turn-{number // 50}",
        None,
        event.language,
        payload,
        event.schema,
    )
