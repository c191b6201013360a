"""The store: the one way to the database, for everything that reads or writes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, ParamSpec, Self, TypeVar

from workbench.app.errors import StoreError
from workbench.app.paths import Paths
from workbench.app.store import backup
from workbench.app.store.connection import ReaderPool, open_writer
from workbench.app.store.failures import UNSTORABLE, closed_error, folder_error, is_damage, store_error
from workbench.app.store.lock import ProfileLock
from workbench.app.store.migrate import newest_version
from workbench.app.store.prepare import OpenReport, lock_and_prepare
from workbench.app.store.writer import Row, Statement, Writer
from workbench.app.tasks import to_the_end

_P = ParamSpec("_P")
_R = TypeVar("_R")

_BACKUP_EVERY: Final = timedelta(hours=24)

Announce = Callable[[str, dict[str, Any]], Awaitable[object]]
"""Says an event: its name and its payload."""


class Store:
    """One profile's database; made by `Store.open` or `Store.open_to_read`.

    Args:
        paths: the profile.
        report: how the database was found.
        writer: the writer, None when this process only reads.
        lock: the profile's lock, None when this process only reads.
    """

    def __init__(
        self, paths: Paths, report: OpenReport, writer: Writer | None, lock: ProfileLock | None
    ) -> None:
        self.paths = paths
        self.report = report
        self._writer = writer
        self._lock = lock
        self._readers = ReaderPool(paths.database)
        self._announce: Announce | None = None
        self._damaged = False
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, paths: Paths, *, wait_for_disk: bool = False) -> Self:
        """Lock the profile, check, repair and migrate its database, and open it for writing.

        Args:
            paths: the profile; its folders are made when missing.
            wait_for_disk: see `Writer`.

        Raises:
            StoreError: the profile is in use, unreadable, unwritable, full or newer than this program.
        """
        lock = ProfileLock(paths.lock_file)
        try:
            report = await _in_thread(lock_and_prepare, lock, paths)
            connection = await open_writer(paths.database)
        except sqlite3.Error as error:
            lock.release()
            raise store_error(error, paths.database) from error
        except BaseException:
            lock.release()
            raise
        store = cls(paths, report, None, lock)
        store._writer = Writer(
            connection, paths.database, wait_for_disk=wait_for_disk, on_disk=store._tell_of_disk
        )
        return store

    @classmethod
    async def open_to_read(cls, paths: Paths) -> Self:
        """Open a database that another process may be writing; writing raises.

        Raises:
            StoreError: there is no database yet, or its layout is not this program's.
        """
        store = cls(paths, OpenReport(clean=True), None, None)
        if not await asyncio.to_thread(paths.database.exists):
            raise StoreError(
                "unreadable", f"There is no database in {paths.data_dir} yet.", "Start workbench there once."
            )
        try:
            version = (await store.read("PRAGMA user_version"))[0][0]
        except BaseException:
            await store.close()
            raise
        if version != newest_version():
            await store.close()
            raise StoreError(
                "newer" if version > newest_version() else "unreadable",
                f"The database {paths.database} has layout {version}; this program reads {newest_version()}.",
                "Use one version of workbench with a profile.",
            )
        return store

    @property
    def writable(self) -> bool:
        """Whether this process may write the profile."""
        return self._writer is not None

    @property
    def read_only_reason(self) -> str | None:
        """Why writes are waiting for the disk, or None while it takes them."""
        return self._writer.read_only_reason if self._writer is not None else None

    def announce_by(self, announce: Announce) -> None:
        """Say changes of the disk's state, and backups, through `announce` from now on."""
        self._announce = announce

    async def write(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement, committed and synced; return its rows (RETURNING).

        Raises:
            StoreError: it was not kept.
        """
        return await self._open_writer().write([(sql, parameters)])

    async def write_all(self, statements: Sequence[Statement]) -> list[Row]:
        """Run statements as one unit: all are committed and synced, or none.

        Returns:
            The rows of the last statement.

        Raises:
            StoreError: nothing was kept.
        """
        return await self._open_writer().write(statements)

    async def append(self, insert: str, rows: Sequence[Row]) -> None:
        """Commit rows of telemetry, without a sync of their own.

        Args:
            insert: the statement up to its VALUES, as in `INSERT INTO events (seq, id)`.
            rows: one tuple of values a row.

        Raises:
            StoreError: the rows were not kept.
        """
        await self._open_writer().append(insert, rows)

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a query and return its rows; cancelling the caller interrupts it.

        Raises:
            StoreError: the query failed.
        """
        try:
            rows = await self._readers.query(sql, parameters)
        except (sqlite3.Error, *UNSTORABLE) as error:
            if self._closing is None:
                self._damaged = self._damaged or is_damage(error)
                raise store_error(error, self.paths.database) from error
            rows = None
        if rows is None:
            raise closed_error()
        return rows

    async def back_up(self, reason: str = "manual") -> Path:
        """Write a checked copy of the database beside the others and return its path.

        Raises:
            StoreError: the copy could not be made.
        """
        if self._closing is not None:
            raise closed_error()
        try:
            path = await _in_thread(backup.back_up, self.paths.database, self.paths.backups, reason)
        except sqlite3.Error as error:
            raise store_error(error, self.paths.database) from error
        except OSError as error:
            raise folder_error(error, self.paths.backups) from error
        if self._announce is not None:
            await self._announce("core:store:backed_up", {"path": str(path), "reason": reason})
        return path

    async def back_up_if_due(self) -> Path | None:
        """Write the daily copy when the newest one is a day old; None when it is not due."""
        age = await asyncio.to_thread(backup.newest_age, self.paths.backups)
        if age is not None and age < _BACKUP_EVERY:
            return None
        return await self.back_up("daily")

    async def check(self) -> str | None:
        """Return what a quick check finds wrong with the database, or None."""
        found = (await self.read("PRAGMA quick_check(1)"))[0][0]
        return None if found == "ok" else str(found)

    async def close(self) -> None:
        """Commit what waits, close every connection and give the lock back. Safe to call twice.

        It takes a bounded time. A caller that is cancelled still waits for the end of it: an open connection
        would keep the process alive, and a lock given back too early would let another one in.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="store-close")
        await to_the_end(self._closing)

    async def _close(self) -> None:
        clean = False
        try:
            await self._readers.close()
        finally:
            try:
                if self._writer is not None:
                    await self._writer.close()
                    clean = not (self._damaged or self._writer.damaged)
            finally:
                if self._lock is not None:
                    # Unclean, so that the next start checks the whole file.
                    self._lock.release(clean=clean)

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise StoreError(
                "read_only",
                f"The profile {self.paths.data_dir} is open for reading only.",
                "Close the other workbench that has it open.",
            )
        return self._writer

    async def _tell_of_disk(self, reason: str | None, waited: float) -> None:
        if self._announce is None:
            return
        if reason is None:
            await self._announce("core:store:recovered", {"waited_ms": waited * 1000})
        else:
            await self._announce("core:store:read_only", {"reason": reason})


async def _in_thread(function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Run blocking work in a thread; a cancelled caller waits for its end, as it cannot be stopped."""
    return await to_the_end(asyncio.create_task(asyncio.to_thread(function, *args, **kwargs)))
