"""The one writer: takes units of work from a queue, commits them in groups and answers after the commit."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final

import aiosqlite

from workbench.app.errors import StoreError
from workbench.app.store.connection import BUSY_MS
from workbench.app.store.failures import UNSTORABLE, closed_error, is_damage, is_passing, store_error

Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]

_QUEUE_LIMIT: Final = 1024
_GROUP_LIMIT: Final = 256
_RETRY_SECONDS: Final = 0.5
_IDLE_SECONDS: Final = 5.0
# How long closing waits for a disk that is full before the waiting writes fail.
_CLOSE_SECONDS: Final = 5.0
_BLOCK_ROWS: Final = 400
# SQLite's default limit of parameters in one statement (SQLITE_MAX_VARIABLE_NUMBER).
_MAX_PARAMETERS: Final = 32_766


class _Unit:
    """Statements that are committed together or not at all, and the caller who waits for them."""

    __slots__ = ("done", "durable", "rows", "statements")

    def __init__(self, statements: Sequence[Statement], rows: Sequence[Row] | None, durable: bool) -> None:
        self.statements = statements
        self.rows = rows
        self.durable = durable
        self.done: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()

    def fail(self, error: StoreError) -> None:
        """Answer the caller with an error, unless it no longer waits."""
        if not self.done.done():
            self.done.set_exception(error)

    def succeed(self, rows: list[Row]) -> None:
        """Answer the caller with rows, unless it no longer waits."""
        if not self.done.done():
            self.done.set_result(rows)


class Writer:
    """Group-commits units of work on one connection.

    Args:
        connection: the writing connection, in autocommit mode; this object owns it from now on.
        path: the database file, for messages.
        wait_for_disk: keep units and try again while the disk is full or unwritable (a full-screen program),
            instead of failing them at once (a script).
        on_disk: awaited with the reason when the disk begins to refuse writes, with None when it recovers.
    """

    def __init__(
        self,
        connection: aiosqlite.Connection,
        path: Path,
        *,
        wait_for_disk: bool,
        on_disk: Callable[[str | None, float], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._path = path
        self._wait_for_disk = wait_for_disk
        self._on_disk = on_disk
        self._waiting: deque[_Unit] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Semaphore(_QUEUE_LIMIT)
        self._full_sync = True
        self._dirty = False
        self._closing = False
        self._close_by = 0.0
        self._refused_at = 0.0
        self._stop_waiting = asyncio.Event()
        self._notices: set[asyncio.Task[None]] = set()
        self.read_only_reason: str | None = None
        """Why units wait for the disk, None while it takes them."""
        self.damaged = False
        """Whether SQLite has found the file damaged."""
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def write(self, statements: Sequence[Statement]) -> list[Row]:
        """Commit statements as one unit, synced to disk.

        Returns:
            The rows of the last statement (from RETURNING), after the commit.

        Raises:
            StoreError: the unit failed; nothing of it was kept.
        """
        return await self._submit(_Unit(statements, None, durable=True))

    async def append(self, insert: str, rows: Sequence[Row]) -> None:
        """Commit many rows of telemetry, without waiting for a sync to disk.

        Args:
            insert: the statement up to its VALUES, as in `INSERT INTO events (seq, id)`.
            rows: one tuple of values a row.

        Raises:
            StoreError: the rows were not kept.
        """
        if rows:
            await self._submit(_Unit(((insert, ()),), rows, durable=False))

    async def close(self) -> None:
        """Commit what waits, within a bounded time, and close the connection."""
        if not self._closing:
            self._closing = True
            self._close_by = monotonic() + _CLOSE_SECONDS
            self._stop_waiting.set()
            self._arrived.set()
        await self._task
        for notice in self._notices:
            notice.cancel()
        await asyncio.gather(*self._notices, return_exceptions=True)

    async def _submit(self, unit: _Unit) -> list[Row]:
        async with self._room:
            if self._closing:
                raise closed_error()
            self._waiting.append(unit)
            self._arrived.set()
            try:
                return await unit.done
            except asyncio.CancelledError:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(unit)
                raise

    async def _run(self) -> None:
        try:
            while group := await self._next_group():
                await self._commit(group)
        finally:
            self._closing = True
            try:
                await self._checkpoint()
                await self._connection.close()
            finally:
                for unit in self._waiting:
                    unit.fail(closed_error())

    async def _next_group(self) -> list[_Unit]:
        """Return the units that wait, at least one; none when the writer is to end."""
        while not self._waiting and not self._closing:
            self._arrived.clear()
            try:
                async with asyncio.timeout(_IDLE_SECONDS if self._dirty else None):
                    await self._arrived.wait()
            except TimeoutError:
                await self._checkpoint()
        return [self._waiting.popleft() for _ in range(min(_GROUP_LIMIT, len(self._waiting)))]

    async def _commit(self, group: list[_Unit]) -> None:
        """Commit a group; wait for the disk when it refuses and waiting is allowed."""
        while group := [unit for unit in group if not unit.done.done()]:
            try:
                await self._try_commit(group)
            except Exception as error:
                await self._roll_back()
                self.damaged = self.damaged or is_damage(error)
                if not self._keeps_trying(error):
                    await self._give_up(group, error)
                    return
                self._say_refused(store_error(error, self._path).message)
                await self._pause()
            else:
                self._say_taken()
                return

    async def _give_up(self, group: list[_Unit], error: Exception) -> None:
        """Fail a group that could not be committed; one unit's own fault must not hurt the others."""
        if len(group) > 1 and not is_passing(error):
            for unit in group:
                await self._commit([unit])
        else:
            for unit in group:
                unit.fail(store_error(error, self._path))

    def _keeps_trying(self, error: Exception) -> bool:
        in_time = not self._closing or monotonic() < self._close_by
        return self._wait_for_disk and is_passing(error) and in_time

    async def _try_commit(self, group: list[_Unit]) -> None:
        await self._set_sync(any(unit.durable for unit in group))
        await self._run_sql("BEGIN IMMEDIATE")
        results: list[tuple[_Unit, list[Row]]] = []
        for unit in group:
            try:
                results.append((unit, await self._apply(unit)))
            except (sqlite3.Error, *UNSTORABLE) as error:
                # A disk that refuses, or a transaction that SQLite ended, concerns the whole group.
                if is_passing(error) or not self._connection.in_transaction:
                    raise
                self.damaged = self.damaged or is_damage(error)
                unit.fail(store_error(error, self._path))
        await self._run_sql("COMMIT")
        self._dirty = True
        for unit, rows in results:
            unit.succeed(rows)

    async def _apply(self, unit: _Unit) -> list[Row]:
        """Run a unit's statements; when one fails, undo those before it."""
        # SQLite undoes a single failed statement by itself, so only more than one needs a savepoint.
        if unit.rows is None and len(unit.statements) == 1:
            return await self._run_statements(unit)
        await self._run_sql("SAVEPOINT unit")
        try:
            rows = await self._run_statements(unit)
        except Exception:
            if self._connection.in_transaction:
                await self._run_sql("ROLLBACK TO unit")
                await self._run_sql("RELEASE unit")
            raise
        await self._run_sql("RELEASE unit")
        return rows

    async def _run_statements(self, unit: _Unit) -> list[Row]:
        rows: list[Row] = []
        if unit.rows is not None:
            await self._insert(unit.statements[0][0], unit.rows)
            return rows
        for sql, parameters in unit.statements:
            rows = await self._run_sql(sql, parameters)
        return rows

    async def _insert(self, insert: str, rows: Sequence[Row]) -> None:
        """Insert rows, many in one statement.

        `executemany` takes and gives back the interpreter's lock for every row, which costs a busy event
        loop far more than SQLite's own work; one statement of many rows does so once.
        """
        width = len(rows[0])
        values = f"({', '.join('?' * width)})"
        block = max(1, min(_BLOCK_ROWS, _MAX_PARAMETERS // width))
        statement = f"{insert} VALUES {', '.join([values] * block)}"
        whole = len(rows) - len(rows) % block
        blocks = (
            [value for row in rows[start : start + block] for value in row]
            for start in range(0, whole, block)
        )
        await self._connection.executemany(statement, blocks)
        if whole < len(rows):
            await self._connection.executemany(f"{insert} VALUES {values}", rows[whole:])

    async def _set_sync(self, full: bool) -> None:
        if full != self._full_sync:
            await self._run_sql(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full_sync = full

    async def _roll_back(self) -> None:
        # A full disk makes SQLite roll back by itself; then there is no transaction left to end.
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                await self._run_sql("ROLLBACK")

    async def _pause(self) -> None:
        """Wait before the next try, less long when the writer is closing."""
        if self._closing:
            await asyncio.sleep(min(_RETRY_SECONDS, max(0.0, self._close_by - monotonic())))
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop_waiting.wait(), _RETRY_SECONDS)

    def _say_refused(self, reason: str) -> None:
        if self.read_only_reason is None:
            self._refused_at = monotonic()
        if reason != self.read_only_reason:
            self.read_only_reason = reason
            self._notify(reason, 0.0)

    def _say_taken(self) -> None:
        if self.read_only_reason is not None:
            self.read_only_reason = None
            self._notify(None, monotonic() - self._refused_at)

    def _notify(self, reason: str | None, waited: float) -> None:
        # A task of its own: whoever hears it may write, and the writer must not wait for itself.
        notice = asyncio.ensure_future(self._on_disk(reason, waited))
        self._notices.add(notice)
        notice.add_done_callback(self._notices.discard)

    async def _checkpoint(self) -> None:
        """Move the log into the database and shrink it; failing to is no loss."""
        if not self._dirty:
            return
        with contextlib.suppress(sqlite3.Error):
            # Without waiting for readers: a write that comes now must not wait for them either.
            await self._run_sql("PRAGMA busy_timeout = 0")
            await self._run_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        with contextlib.suppress(sqlite3.Error):
            await self._run_sql(f"PRAGMA busy_timeout = {BUSY_MS}")
        self._dirty = False

    async def _run_sql(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        # Not `execute`: its cursor would be freed on the loop's thread, which may wait for SQLite there.
        return [tuple(row) for row in await self._connection.execute_fetchall(sql, parameters)]
