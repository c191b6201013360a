"""Connections with the settings that the store's safety rests on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiosqlite

READERS: Final = 2
_BUSY_MS: Final = 5000


async def open_writer(path: Path) -> aiosqlite.Connection:
    """Open the one connection that writes; transactions are begun and ended by the writer itself."""
    connection = await aiosqlite.connect(path, isolation_level=None)
    await connection.execute("PRAGMA journal_mode = WAL")
    await connection.execute("PRAGMA foreign_keys = ON")
    await connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    await connection.execute("PRAGMA synchronous = FULL")
    await connection.execute("PRAGMA cache_size = -8192")
    return connection


async def open_reader(path: Path) -> aiosqlite.Connection:
    """Open a connection that only reads and never checkpoints (see the design's note on SQLite 3.40)."""
    connection = await aiosqlite.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    await connection.execute("PRAGMA query_only = ON")
    await connection.execute("PRAGMA wal_autocheckpoint = 0")
    await connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    return connection


class ReaderPool:
    """A few reading connections, opened on first use.

    Args:
        path: the database file.
        size: most connections, and so most queries at once; more wait their turn.
    """

    def __init__(self, path: Path, size: int = READERS) -> None:
        self._path = path
        self._idle: list[aiosqlite.Connection] = []
        self._slots = asyncio.Semaphore(size)

    async def query(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows; cancelling the caller interrupts it.

        Raises:
            sqlite3.Error: the query failed.
        """
        async with self._borrowed() as connection:
            try:
                return [tuple(row) for row in await connection.execute_fetchall(sql, parameters)]
            except asyncio.CancelledError:
                await asyncio.shield(connection.interrupt())
                raise

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop().close()

    @contextlib.asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._slots:
            connection = self._idle.pop() if self._idle else await open_reader(self._path)
            try:
                yield connection
            finally:
                self._idle.append(connection)
