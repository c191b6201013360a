"""Connections with the settings that the store's safety rests on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import aiosqlite

READERS: Final = 2
BUSY_MS: Final = 5000
_INTERRUPT_SECONDS: Final = 0.05


async def open_writer(path: Path) -> aiosqlite.Connection:
    """Open the one connection that writes; transactions are begun and ended by the writer itself.

    Raises:
        sqlite3.Error: the database cannot be opened.
    """
    pragmas = ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL", "cache_size = -8192")
    return await _open(str(path), pragmas)


async def open_reader(path: Path) -> aiosqlite.Connection:
    """Open a connection that only reads and never checkpoints (see the design's note on SQLite 3.40).

    Raises:
        sqlite3.Error: the database cannot be opened.
    """
    return await _open(f"{path.as_uri()}?mode=ro", ("query_only = ON", "wal_autocheckpoint = 0"), uri=True)


async def _open(database: str, pragmas: Sequence[str], *, uri: bool = False) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(database, uri=uri, isolation_level=None)
    try:
        for pragma in (f"busy_timeout = {BUSY_MS}", *pragmas):
            await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:
        # An open connection is a thread that would keep the process from ending.
        await connection.close()
        raise
    return connection


class ReaderPool:
    """A few reading connections, opened on first use.

    Args:
        path: the database file.
        size: most connections, and so most queries at once; more wait their turn.
    """

    def __init__(self, path: Path, size: int = READERS) -> None:
        self._path = path
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._idle: list[aiosqlite.Connection] = []
        self._running: dict[asyncio.Future[Iterable[Any]], aiosqlite.Connection] = {}
        self._closed = False

    async def query(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]] | None:
        """Run a query and return all its rows, None once the pool is closed.

        Cancelling the caller interrupts the query.

        Raises:
            sqlite3.Error: the query failed, or `close` interrupted it.
            ValueError, TypeError, OverflowError: SQLite cannot hold a parameter.
        """
        async with self._slots:
            if self._closed:
                return None
            connection = self._idle.pop() if self._idle else await open_reader(self._path)
            try:
                return await self._run(connection, sql, parameters)
            finally:
                await self._give_back(connection)

    async def close(self) -> None:
        """Interrupt the queries that run and close every connection. Safe to call twice."""
        self._closed = True
        await asyncio.gather(*(_interrupt(query, each) for query, each in self._running.items()))
        # Whoever has a slot closes the connection when giving it back; who waits for one is told.
        for _ in range(self._size):
            await self._slots.acquire()
        for _ in range(self._size):
            self._slots.release()
        while self._idle:
            await self._idle.pop().close()

    async def _give_back(self, connection: aiosqlite.Connection) -> None:
        if self._closed:
            await connection.close()
        else:
            self._idle.append(connection)

    async def _run(
        self, connection: aiosqlite.Connection, sql: str, parameters: Sequence[Any]
    ) -> list[tuple[Any, ...]] | None:
        if self._closed:
            # While the connection was opened.
            return None
        query = asyncio.ensure_future(connection.execute_fetchall(sql, parameters))
        self._running[query] = connection
        try:
            return [tuple(row) for row in await asyncio.shield(query)]
        except asyncio.CancelledError:
            await _interrupt(query, connection)
            raise
        finally:
            del self._running[query]


async def _interrupt(query: asyncio.Future[Iterable[Any]], connection: aiosqlite.Connection) -> None:
    """Stop a query and wait until its connection is free."""
    while not query.done():
        # Again and again: an interrupt that comes before the query has begun does nothing.
        await connection.interrupt()
        await asyncio.wait([query], timeout=_INTERRUPT_SECONDS)
    if not query.cancelled():
        # Looked at, as nobody else may.
        query.exception()
