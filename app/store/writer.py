"""The one writer: takes units of work from a queue, commits them in groups and answers after the commit."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final

import aiosqlite

from workbench.app.errors import StoreError
from workbench.app.store.failures import is_passing, store_error

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
        if not self.done.done():
            self.done.set_exception(error)


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
        self._queue: asyncio.Queue[_Unit | None] = asyncio.Queue(_QUEUE_LIMIT)
        self._full_sync = True
        self._dirty = False
        self._closing = False
        self._close_by = 0.0
        self._stop_waiting = asyncio.Event()
        self._notices: set[asyncio.Task[None]] = set()
        self.read_only_reason: str | None = None
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
            await self._queue.put(None)
        await self._task
        for notice in tuple(self._notices):
            with contextlib.suppress(asyncio.CancelledError):
                notice.cancel()
                await notice

    async def _submit(self, unit: _Unit) -> list[Row]:
        if self._closing:
            raise StoreError("closed", "The database is closed.", "Start workbench again.")
        await self._queue.put(unit)
        return await unit.done

    async def _run(self) -> None:
        try:
            while (group := await self._next_group()) is not None:
                await self._commit(group)
        finally:
            self._closing = True
            await self._checkpoint()
            await self._connection.close()
            self._fail_queued()

    async def _next_group(self) -> list[_Unit] | None:
        """Return the units that wait, at least one; None when the writer is to end."""
        try:
            first = await asyncio.wait_for(self._queue.get(), _IDLE_SECONDS if self._dirty else None)
        except TimeoutError:
            await self._checkpoint()
            first = await self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < _GROUP_LIMIT and not self._queue.empty():
            unit = self._queue.get_nowait()
            if unit is None:
                # The end comes after this group: put the mark back, there is room for it again.
                self._queue.put_nowait(None)
                break
            group.append(unit)
        return group

    async def _commit(self, group: list[_Unit]) -> None:
        """Commit a group; wait for the disk when it refuses and waiting is allowed."""
        refused_at = 0.0
        while group := [unit for unit in group if not unit.done.done()]:
            try:
                await self._try_commit(group)
            except sqlite3.Error as error:
                await self._roll_back()
                failure = store_error(error, self._path)
                if not self._keeps_trying(error):
                    for unit in group:
                        unit.fail(failure)
                    break
                refused_at = refused_at or monotonic()
                self._say(failure.message, 0.0)
                await self._pause()
            else:
                self._dirty = True
                break
        if refused_at and self.read_only_reason is not None:
            self._say(None, monotonic() - refused_at)

    def _keeps_trying(self, error: sqlite3.Error) -> bool:
        in_time = not self._closing or monotonic() < self._close_by
        return self._wait_for_disk and is_passing(error) and in_time

    async def _try_commit(self, group: list[_Unit]) -> None:
        await self._set_sync(any(unit.durable for unit in group))
        await self._connection.execute("BEGIN IMMEDIATE")
        results: list[tuple[_Unit, list[Row]]] = []
        for unit in group:
            try:
                results.append((unit, await self._apply(unit)))
            except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
                if isinstance(error, sqlite3.Error) and is_passing(error):
                    raise
                unit.fail(_unit_error(error, self._path))
        await self._connection.execute("COMMIT")
        for unit, rows in results:
            if not unit.done.done():
                unit.done.set_result(rows)

    async def _apply(self, unit: _Unit) -> list[Row]:
        """Run a unit's statements; when one fails, undo those before it."""
        # SQLite undoes a single failed statement by itself, so only more than one needs a savepoint.
        if unit.rows is None and len(unit.statements) == 1:
            return await self._run_statements(unit)
        await self._connection.execute("SAVEPOINT unit")
        try:
            rows = await self._run_statements(unit)
        except BaseException:
            if self._connection.in_transaction:
                await self._connection.execute("ROLLBACK TO unit")
                await self._connection.execute("RELEASE unit")
            raise
        await self._connection.execute("RELEASE unit")
        return rows

    async def _run_statements(self, unit: _Unit) -> list[Row]:
        rows: list[Row] = []
        if unit.rows is not None:
            await self._insert(unit.statements[0][0], unit.rows)
            return rows
        for sql, parameters in unit.statements:
            rows = [tuple(row) for row in await self._connection.execute_fetchall(sql, parameters)]
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
            [value for row in rows[start : start + block] for value in row] for start in range(0, whole, block)
        )
        await self._connection.executemany(statement, blocks)
        if whole < len(rows):
            await self._connection.executemany(f"{insert} VALUES {values}", rows[whole:])

    async def _set_sync(self, full: bool) -> None:
        if full != self._full_sync:
            await self._connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full_sync = full

    async def _roll_back(self) -> None:
        # A full disk makes SQLite roll back by itself; then there is no transaction left to end.
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                await self._connection.execute("ROLLBACK")

    async def _pause(self) -> None:
        """Wait before the next try, less long when the writer is closing."""
        if self._closing:
            await asyncio.sleep(min(_RETRY_SECONDS, max(0.0, self._close_by - monotonic())))
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop_waiting.wait(), _RETRY_SECONDS)

    def _say(self, reason: str | None, waited: float) -> None:
        if reason == self.read_only_reason:
            return
        self.read_only_reason = reason
        # A task of its own: whoever hears it may write, and the writer must not wait for itself.
        notice = asyncio.ensure_future(self._on_disk(reason, waited))
        self._notices.add(notice)
        notice.add_done_callback(self._notices.discard)

    async def _checkpoint(self) -> None:
        """Move the log into the database and shrink it; failing to is no loss."""
        if self._dirty:
            self._dirty = False
            with contextlib.suppress(sqlite3.Error):
                await self._connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    def _fail_queued(self) -> None:
        while not self._queue.empty():
            unit = self._queue.get_nowait()
            if unit is not None:
                unit.fail(StoreError("closed", "The database was closed before this was written."))


def _unit_error(error: Exception, path: Path) -> StoreError:
    if isinstance(error, sqlite3.Error):
        return store_error(error, path)
    return StoreError("failed", f"The database {path} cannot take a value: {error}.")
