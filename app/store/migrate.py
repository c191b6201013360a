"""Numbered migrations: each runs once, in one transaction; the number is kept in `PRAGMA user_version`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from workbench.app.errors import StoreError

_FOLDER = Path(__file__).parent / "migrations"


class Migration(msgspec.Struct, frozen=True):
    """One step of the database's layout: `number` from 1 without gaps, and its SQL."""

    number: int
    name: str
    sql: str


@cache
def all_migrations() -> tuple[Migration, ...]:
    """Return every migration in order.

    Raises:
        RuntimeError: the files are not numbered 1, 2, 3 … (a mistake in the program, not of a user).
    """
    found = []
    for path in sorted(_FOLDER.glob("*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(int(number), name, path.read_text(encoding="utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise RuntimeError(f"the migrations in {_FOLDER} are not numbered without gaps")
    return tuple(found)


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the number of the newest migration that the database has, 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def newest_version() -> int:
    """Return the number of the newest migration that this program knows."""
    return len(all_migrations())


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the database's version.

    Raises:
        StoreError: `store.newer` when a newer program wrote it.
    """
    version = schema_version(connection)
    if version > newest_version():
        raise StoreError(
            "newer",
            f"The database {path} was written by a newer workbench"
            f" (layout {version}, known {newest_version()}).",
            "Update workbench, or choose another profile with --data-dir.",
            version=version,
        )
    return version


def migrate(connection: sqlite3.Connection) -> list[int]:
    """Bring the database to the newest version.

    Args:
        connection: a connection in autocommit mode that nothing else uses, with foreign keys not enforced: a
            migration that makes a table anew drops the old one, which would delete all rows that refer to it.

    Returns:
        The numbers of the migrations that ran. When one fails, those before it stay done.

    Raises:
        sqlite3.Error: a migration failed or left a reference to nothing; its transaction is rolled back.
    """
    done = []
    for migration in all_migrations()[schema_version(connection) :]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements(migration.sql):
                connection.execute(statement)
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise sqlite3.IntegrityError(f"migration {migration.number} leaves references to nothing")
            connection.execute(f"PRAGMA user_version = {migration.number:d}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        done.append(migration.number)
    return done


def statements(script: str) -> Iterator[str]:
    """Split an SQL script into statements; `executescript` would commit the open transaction first."""
    buffer = ""
    for line in script.splitlines(keepends=True):
        buffer += line
        if sqlite3.complete_statement(buffer):
            yield buffer
            buffer = ""
    if buffer.strip():
        yield buffer
