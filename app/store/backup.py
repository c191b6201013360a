"""Copies of the database: made online, checked, kept in a small number, and used to repair.

Every function here blocks; the store calls them in a thread.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from workbench.app.store.failures import is_damage

KEPT_BACKUPS: Final = 5
_SIDE_FILES: Final = ("-wal", "-shm")


def quick_check(path: Path) -> str | None:
    """Return what `PRAGMA quick_check` finds wrong with a database file, or None when it is sound.

    Raises:
        sqlite3.Error: the file could not be checked; that says nothing about it.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return str(error)
    # One line for people: SQLite begins a list with a line that names the database.
    return None if found == "ok" else " ".join(found.replace("*** in database main ***", "").split())


def back_up(database: Path, folder: Path, reason: str, keep: int = KEPT_BACKUPS) -> Path:
    """Copy a database that may be in use, check the copy and remove the oldest copies.

    Args:
        database: the database file.
        folder: where the copies lie; created when missing.
        reason: a word for the file's name, as in `daily` or `migration`.
        keep: how many copies stay.

    Returns:
        The copy's path. The copy appears under that name only when it is complete and sound.

    Raises:
        sqlite3.Error: the copy could not be made or is not sound.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = folder / f"workbench-{stamp}-{reason}.db"
    _copy(database, target)
    for old in backups(folder)[keep:]:
        old.unlink(missing_ok=True)
    return target


def _copy(database: Path, target: Path) -> None:
    """Copy a database so that `target` appears complete and sound, or not at all."""
    unfinished = target.with_name(f"{target.name}.part")
    try:
        _remove(unfinished)
        with (
            closing(sqlite3.connect(database, isolation_level=None)) as source,
            closing(sqlite3.connect(unfinished, isolation_level=None)) as copy,
        ):
            # A reader that checkpoints could meet the writer's reset of the log (SQLite before 3.51.3).
            source.execute("PRAGMA wal_autocheckpoint = 0")
            source.backup(copy)
            # The copy stands alone: without a log of its own it is one file.
            copy.execute("PRAGMA journal_mode = DELETE")
        problem = quick_check(unfinished)
        if problem is not None:
            raise sqlite3.DatabaseError(f"the copy is not sound: {problem}")
        _sync(unfinished)
        unfinished.replace(target)
    finally:
        _remove(unfinished)


def _remove(database: Path) -> None:
    for suffix in ("", "-journal", *_SIDE_FILES):
        Path(f"{database}{suffix}").unlink(missing_ok=True)


def backups(folder: Path) -> list[Path]:
    """Return the finished copies in a folder, newest first."""
    return sorted(folder.glob("workbench-*.db"), reverse=True)


def newest_age(folder: Path) -> timedelta | None:
    """Return how old the newest finished copy is, None when there is none or its time lies ahead."""
    for copy in backups(folder):
        with contextlib.suppress(OSError):
            age = timedelta(seconds=time.time() - copy.stat().st_mtime)
            return age if age >= timedelta() else None
    return None


def quarantine(database: Path) -> Path | None:
    """Rename a damaged database and its side files to `.corrupt-<time>`.

    Returns:
        The new path, None when there was no database. Side files are moved also then: SQLite would apply a
        log that was left behind to whatever database comes in its place.

    Raises:
        OSError: a file cannot be renamed.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = database.with_name(f"{database.name}.corrupt-{stamp}")
    found = database.exists()
    for suffix in ("", *_SIDE_FILES):
        part = Path(f"{database}{suffix}")
        if part.exists():
            part.replace(f"{target}{suffix}")
    return target if found else None


def restore_newest(database: Path, folder: Path) -> Path | None:
    """Put the newest sound copy in the database's place.

    Args:
        database: where the database belongs; must not exist.
        folder: where the copies lie.

    Returns:
        The copy that was used, or None when there is no sound one.

    Raises:
        sqlite3.Error: a sound copy could not be put there, as on a full disk.
        OSError: likewise.
    """
    for candidate in backups(folder):
        with contextlib.suppress(sqlite3.Error):
            if quick_check(candidate) is None:
                break
    else:
        return None
    _copy(candidate, database)
    return candidate


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Windows refuses to sync a read-only descriptor; the rename after it is still atomic there.
        with contextlib.suppress(PermissionError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
