"""Makes a database ready to be opened: folders, check, repair, migrations. Blocks; run it in a thread."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from workbench.app.paths import Paths
from workbench.app.store.backup import back_up, backups, quarantine, quick_check, restore_newest
from workbench.app.store.failures import folder_error, is_damage, store_error
from workbench.app.store.lock import ProfileLock
from workbench.app.store.migrate import check_version, migrate, newest_version


class OpenReport(msgspec.Struct, frozen=True):
    """How a database was found and what was done to it.

    Args:
        clean: the last process that wrote it ended cleanly.
        problem: what was wrong with a damaged or missing database, else None.
        quarantined: where the damaged database lies now; None when there was no file.
        restored: the backup that took its place; None when there was none.
        migrated: numbers of the migrations that ran.
        schema: the database's version now.
    """

    clean: bool
    problem: str | None = None
    quarantined: str | None = None
    restored: str | None = None
    migrated: tuple[int, ...] = ()
    schema: int = 0


def make_folders(paths: Paths) -> None:
    """Create the profile's folders, readable by their owner alone.

    Raises:
        StoreError: `store.read_only`, `store.full` or `store.unreadable`.
    """
    try:
        for folder in (paths.data_dir, paths.logs, paths.backups):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise folder_error(error, paths.data_dir) from error


def lock_and_prepare(lock: ProfileLock, paths: Paths) -> OpenReport:
    """Make the profile's folders, take its lock and prepare its database; the lock is held on return only.

    Raises:
        StoreError: see `ProfileLock.acquire` and `prepare`.
    """
    make_folders(paths)
    clean = lock.acquire()
    try:
        return prepare(paths, clean=clean)
    except BaseException:
        lock.release(clean=clean)
        raise


def prepare(paths: Paths, *, clean: bool) -> OpenReport:
    """Check, repair and migrate the database of a profile whose lock is held.

    Args:
        paths: the profile.
        clean: whether the last process ended cleanly; if not, the whole file is checked first.

    Returns:
        What was found and done.

    Raises:
        StoreError: the database cannot be used, or was written by a newer program.
    """
    try:
        report = _repair(paths, clean)
        with closing(sqlite3.connect(paths.database, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            version = check_version(connection, paths.database)
            if 0 < version < newest_version():
                back_up(paths.database, paths.backups, "migration")
            migrated = tuple(migrate(connection))
        return msgspec.structs.replace(report, migrated=migrated, schema=newest_version())
    except sqlite3.Error as error:
        raise store_error(error, paths.database) from error
    except OSError as error:
        raise folder_error(error, paths.data_dir) from error


def _repair(paths: Paths, clean: bool) -> OpenReport:
    """Set a damaged database aside and put the newest sound backup in its place."""
    problem = _damage(paths, clean)
    if problem is None:
        return OpenReport(clean=clean)
    quarantined = quarantine(paths.database)
    restored = restore_newest(paths.database, paths.backups)
    return OpenReport(
        clean=clean,
        problem=problem,
        quarantined=str(quarantined) if quarantined else None,
        restored=str(restored) if restored else None,
    )


def _damage(paths: Paths, clean: bool) -> str | None:
    """Return what is wrong with the database, None when it is sound or has yet to be made."""
    if not paths.database.exists() or paths.database.stat().st_size == 0:
        # Also what a kill in the middle of a repair leaves behind: the backup has yet to be put in place.
        found = "is empty" if paths.database.exists() else "is missing"
        return f"the file {found}" if backups(paths.backups) else None
    if not clean:
        return quick_check(paths.database)
    try:
        with closing(sqlite3.connect(paths.database, isolation_level=None)) as connection:
            # Reading the schema finds a file that is no database, or shorter than it says, at no cost.
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            check_version(connection, paths.database)
            return _cut_off(connection, paths.database)
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return str(error)
        raise


def _cut_off(connection: sqlite3.Connection, database: Path) -> str | None:
    """Tell of a database whose last page is not whole, which SQLite itself overlooks."""
    log = Path(f"{database}-wal")
    if log.exists() and log.stat().st_size > 0:
        # The end of the database stands in the log: a reader kept it from being emptied.
        return None
    pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
    whole = pages * int(connection.execute("PRAGMA page_size").fetchone()[0])
    return "the file is cut off" if database.stat().st_size < whole else None
