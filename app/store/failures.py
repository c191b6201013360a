"""What SQLite and the file system report, as errors of the workbench."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from workbench.app.errors import StoreError

_UNWRITABLE: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PASSING: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY} | _UNWRITABLE
# SQLite's shared-memory file grows in steps of this size; below it a failing disk is a full one.
_LEAST_SPACE: Final = 32_768

UNSTORABLE: Final = (ValueError, TypeError, OverflowError)
"""What Python's sqlite3 raises for parameters that SQLite cannot hold: lone surrogates, huge numbers."""


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code of an error, 1 (SQLITE_ERROR) when it carries none."""
    # The low byte of an extended code is the primary one: https://sqlite.org/rescode.html
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def is_damage(error: Exception) -> bool:
    """Tell whether an error says that the database file itself is damaged."""
    return isinstance(error, sqlite3.Error) and primary_code(error) in _DAMAGED


def is_passing(error: Exception) -> bool:
    """Tell whether an error comes from the disk and may go away: full, read-only or failing."""
    return isinstance(error, sqlite3.Error) and primary_code(error) in _PASSING


def store_error(error: Exception, path: Path) -> StoreError:
    """Return the workbench's error for one that a statement raised.

    Args:
        error: what SQLite raised, or Python for a value that SQLite cannot hold.
        path: the database file, for the message.
    """
    if not isinstance(error, sqlite3.Error):
        return StoreError("failed", f"The database {path} cannot take a value: {error}.")
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_space(path)):
        return StoreError(
            "full", f"The disk that holds {path} is full.", "Free some space; nothing that was saved is lost."
        )
    if code in _UNWRITABLE:
        return StoreError(
            "read_only",
            f"The database {path} cannot be written.",
            "Make the folder writable, or choose another profile with --data-dir.",
        )
    if code in _DAMAGED:
        return StoreError(
            "corrupt",
            f"The database {path} is damaged: {error}.",
            "Start workbench again: it sets the file aside and takes the newest good backup.",
        )
    if code == sqlite3.SQLITE_BUSY:
        return StoreError("busy", f"The database {path} is in use by another program.", "Try again.")
    return StoreError("failed", f"The database {path} refused an operation: {error}.")


def closed_error() -> StoreError:
    """Return the error for using a store that is closed."""
    return StoreError("closed", "The database is closed.", "Start workbench again.")


def _has_no_space(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_SPACE
    except OSError:
        return False


def folder_error(error: OSError, path: Path) -> StoreError:
    """Return the workbench's error for a file-system failure in the data folder.

    Args:
        error: what the operating system reported.
        path: the file or folder that was wanted.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError("full", f"The disk that holds {path} is full.", "Free some space and start again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError(
            "read_only",
            f"{path} cannot be written: {error.strerror}.",
            "Make it writable, or choose another profile with --data-dir.",
        )
    return StoreError(
        "unreadable",
        f"{path} cannot be used: {error.strerror or error}.",
        "Choose another profile with --data-dir.",
    )
