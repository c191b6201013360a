"""Migrations: numbered, each whole or not at all, after a backup, and able to open every older layout."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from workbench.app.errors import StoreError
from workbench.app.paths import Paths, paths_for
from workbench.app.store import migrate
from workbench.app.store.migrate import Migration, all_migrations, newest_version, statements
from workbench.app.store.store import Store
from workbench.tests.integration.store_kit import look

FIXTURES = Path(__file__).parents[1] / "fixtures"
OLD_LAYOUTS = sorted(FIXTURES.glob("schema-*.sql"))
SESSION = "INSERT INTO sessions VALUES ('s', 'title', 0, 0, NULL, NULL, '')"
MESSAGE = "INSERT INTO messages VALUES ('m', 's', NULL, 'user', 'complete', 'hello', 0, 0, NULL, NULL, '{}')"
ADD = "CREATE TABLE extra (x INTEGER) STRICT;"
FILL = "INSERT INTO extra VALUES (1);"
MAKE_SESSIONS_ANEW = """
CREATE TABLE sessions_new (id TEXT PRIMARY KEY, title TEXT NOT NULL) STRICT;
INSERT INTO sessions_new SELECT id, title FROM sessions;
DROP TABLE sessions;
ALTER TABLE sessions_new RENAME TO sessions;
"""


def add_migrations(monkeypatch: pytest.MonkeyPatch, *scripts: str) -> int:
    """Give the program further migrations; return the number of the newest one."""
    known = all_migrations()
    added = [Migration(len(known) + place, "added", sql) for place, sql in enumerate(scripts, start=1)]
    monkeypatch.setattr(migrate, "all_migrations", lambda: (*known, *added))
    return len(known) + len(added)


async def make_profile(paths: Paths) -> None:
    store = await Store.open(paths)
    await store.write(SESSION)
    await store.write(MESSAGE)
    await store.close()


def layout(paths: Paths) -> list[str]:
    return sorted(" ".join(sql.split()) for sql in look(paths, "SELECT sql FROM sqlite_schema") if sql)


# --- the migrations that exist ------------------------------------------------------------------------


def test_there_is_a_fixture_of_every_layout_that_users_may_have() -> None:
    assert [int(path.stem.partition("-")[2]) for path in OLD_LAYOUTS] == list(range(1, newest_version() + 1))


@pytest.mark.parametrize("old", OLD_LAYOUTS, ids=lambda path: path.stem)
async def test_every_older_database_opens_with_its_content_and_the_newest_layout(
    paths: Paths, tmp_path: Path, old: Path
) -> None:
    number = int(old.stem.partition("-")[2])
    paths.data_dir.mkdir()
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.executescript(old.read_text(encoding="utf-8"))
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("INSERT INTO sessions (id, title, created, updated) VALUES ('s', 'kept', 1, 2)")
        connection.commit()
    store = await Store.open(paths)
    assert store.report.migrated == tuple(range(number + 1, newest_version() + 1))
    assert await store.read("SELECT title FROM sessions") == [("kept",)]
    await store.close()
    new = paths_for(tmp_path / "new")
    await (await Store.open(new)).close()
    assert layout(paths) == layout(new)


# --- any migration ------------------------------------------------------------------------------------


async def test_an_existing_database_is_backed_up_and_brought_up_to_date(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_profile(paths)
    newest = add_migrations(monkeypatch, ADD, FILL)
    store = await Store.open(paths)
    assert store.report.migrated == (newest - 1, newest)
    assert store.report.schema == newest
    assert await store.read("SELECT x FROM extra") == [(1,)]
    await store.close()
    (copy,) = paths.backups.glob("*-migration.db")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (newest - 2,)
        assert connection.execute("SELECT text FROM messages").fetchall() == [("hello",)]


async def test_a_new_database_needs_no_backup(paths: Paths) -> None:
    await (await Store.open(paths)).close()
    assert list(paths.backups.iterdir()) == []


@pytest.mark.parametrize(
    "bad",
    [
        f"{FILL} CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);",
        f"{FILL} DELETE FROM sessions;",
        f"{FILL} this is not SQL;",
    ],
    ids=["fails", "leaves a message without its session", "no SQL"],
)
async def test_a_migration_that_fails_leaves_the_layout_before_it(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    await make_profile(paths)
    bad = "\n".join(f"{statement};" for statement in bad.rstrip(";").split("; "))
    with monkeypatch.context() as patch:
        newest = add_migrations(patch, ADD, bad)
        with pytest.raises(StoreError) as caught:
            await Store.open(paths)
        assert caught.value.code == "store.failed"
    assert look(paths, "PRAGMA user_version") == [newest - 1]
    assert look(paths, "SELECT count(*) FROM extra") == [0]
    assert look(paths, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == [0]
    assert look(paths, "SELECT text FROM messages") == ["hello"]
    # The lock was given back, and a program whose migration works goes on from there.
    add_migrations(monkeypatch, ADD, FILL)
    store = await Store.open(paths)
    assert store.report.migrated == (newest,)
    await store.close()


async def test_making_a_table_anew_keeps_the_rows_that_refer_to_it(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_profile(paths)
    add_migrations(monkeypatch, MAKE_SESSIONS_ANEW)
    store = await Store.open(paths)
    assert await store.read("SELECT text FROM messages") == [("hello",)]
    with pytest.raises(StoreError):
        await store.write(
            "INSERT INTO messages VALUES ('n', 'nobody', NULL, 'user', 'complete', '', 0, 0, NULL, NULL, '')"
        )
    await store.write("DELETE FROM sessions")
    assert await store.read("SELECT count(*) FROM messages") == [(0,)]
    await store.close()


async def test_a_killed_first_start_is_made_good(paths: Paths) -> None:
    """The file is there, the layout is not."""
    paths.data_dir.mkdir()
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    paths.lock_file.write_text("killed")
    store = await Store.open(paths)
    assert store.report.problem is None
    assert store.report.schema == newest_version()
    await store.close()


def test_a_script_is_split_into_whole_statements() -> None:
    script = """
-- A comment; with a semicolon.
CREATE TABLE a (x TEXT DEFAULT ';');
CREATE TRIGGER t AFTER INSERT ON a BEGIN
    DELETE FROM a WHERE x = 'y;';
    SELECT 1;
END;
INSERT INTO a VALUES ('
;');
-- The end.
"""
    parts = list(statements(script))
    assert len(parts) == 4
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for part in parts:
            connection.execute(part)
        assert connection.execute("SELECT x FROM a").fetchall() == [("\n;",)]


def test_numbers_without_gaps_are_insisted_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "0003_c.sql").write_text("SELECT 1;")
    monkeypatch.setattr(migrate, "_FOLDER", tmp_path)
    with pytest.raises(RuntimeError, match="without gaps"):
        all_migrations.__wrapped__()
