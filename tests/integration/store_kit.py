"""What the tests of the store share: a table to play with, patience, a full disk, and damage."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import aiosqlite
import pytest

from workbench.app.paths import Paths
from workbench.app.store import store as store_module
from workbench.app.store.connection import open_writer
from workbench.app.store.store import Store

PROGRAMS: Final = Path(__file__).parent / "programs"
PATIENCE_S: Final = 30.0


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds, looking often; fail when it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        await asyncio.sleep(0.005)


async def make_table(store: Store) -> None:
    """Add a table `things` of unique keys to a store."""
    await store.write("CREATE TABLE things (key INTEGER PRIMARY KEY, text TEXT NOT NULL DEFAULT '') STRICT")


async def put(store: Store, *keys: int, text: str = "") -> None:
    """Write keys as one unit."""
    await store.write_all([("INSERT INTO things VALUES (?, ?)", (key, text)) for key in keys])


async def keys_in(store: Store) -> list[int]:
    """Return the keys in the table, as the store reads them."""
    return [row[0] for row in await store.read("SELECT key FROM things ORDER BY key")]


def look(paths: Paths, sql: str) -> list[Any]:
    """Return what a connection of its own sees: the first column of all rows."""
    with closing(sqlite3.connect(paths.database)) as connection:
        return [row[0] for row in connection.execute(sql)]


@asynccontextmanager
async def write_lock(paths: Paths) -> AsyncIterator[None]:
    """Hold SQLite's write lock as another program would, so that the store's writer waits."""
    with closing(sqlite3.connect(paths.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


class Disk:
    """A disk that can be full: SQLite may not make the database larger than it is."""

    def __init__(self) -> None:
        self.connection: aiosqlite.Connection | None = None
        self.starts_full = False

    async def fill(self) -> None:
        """Let the database grow by no page."""
        # SQLite takes a limit below the present size as the present size.
        await self._limit(1)

    async def free(self) -> None:
        """Let the database grow again."""
        await self._limit(1_000_000)

    async def _limit(self, pages: int) -> None:
        assert self.connection is not None
        await self.connection.execute_fetchall(f"PRAGMA max_page_count = {pages}")


def attach_disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Return the disk of the next store that is opened."""
    disk = Disk()

    async def open_and_keep(path: Path) -> aiosqlite.Connection:
        disk.connection = await open_writer(path)
        if disk.starts_full:
            await disk.fill()
        return disk.connection

    monkeypatch.setattr(store_module, "open_writer", open_and_keep)
    return disk
