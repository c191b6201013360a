"""A damaged database is set aside and the newest good backup takes its place; nothing good is touched."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.errors import StoreError
from workbench.app.paths import Paths, paths_for
from workbench.app.store.store import Store
from workbench.tests.integration.store_kit import keys_in, make_table, put

PAGE = 4096


async def make_profile(paths: Paths) -> None:
    """Make a profile with keys 0–199 in an older backup, 0–299 in the newest, and 0–399 in the database."""
    store = await Store.open(paths)
    await make_table(store)
    await put(store, *range(200), text="x" * 400)
    await store.back_up("old")
    await put(store, *range(200, 300), text="x" * 400)
    await store.back_up("new")
    await put(store, *range(300, 400), text="x" * 400)
    await store.close()


def newest_backup(paths: Paths) -> Path:
    return max(paths.backups.glob("*.db"))


def unclean(paths: Paths) -> None:
    """Make the last process look killed."""
    paths.lock_file.write_text('{"pid":1,"host":"x"}')


def truncate(paths: Paths) -> None:
    content = paths.database.read_bytes()
    paths.database.write_bytes(content[: len(content) // 2])


def cut_in_a_page(paths: Paths) -> None:
    paths.database.write_bytes(paths.database.read_bytes()[:-1000])


def no_database(paths: Paths) -> None:
    paths.database.write_text("This is a letter to my aunt.\n" * 1000)


def short_text(paths: Paths) -> None:
    paths.database.write_text("hi")


def empty(paths: Paths) -> None:
    paths.database.write_bytes(b"")


def other_header(paths: Paths) -> None:
    content = bytearray(paths.database.read_bytes())
    content[:16] = b"\0" * 16
    paths.database.write_bytes(content)


def rubbish_pages(paths: Paths) -> None:
    content = bytearray(paths.database.read_bytes())
    for start in range(PAGE, len(content), PAGE):
        content[start : start + 64] = b"\xa5" * 64
    paths.database.write_bytes(content)


SEEN_AT_ONCE = [truncate, cut_in_a_page, no_database, short_text, empty, other_header]


@pytest.mark.parametrize(
    ("damage", "clean"),
    [(damage, clean) for damage in SEEN_AT_ONCE for clean in (True, False)] + [(rubbish_pages, False)],
)
async def test_the_newest_good_backup_takes_the_place_of_a_damaged_database(
    paths: Paths, damage: Callable[[Paths], None], clean: bool
) -> None:
    await make_profile(paths)
    damage(paths)
    if not clean:
        unclean(paths)
    damaged = paths.database.read_bytes()
    backup = newest_backup(paths)
    store = await Store.open(paths)
    report = store.report
    assert await keys_in(store) == list(range(300))
    assert await store.check() is None
    await put(store, 1000)
    await store.close()
    assert report.problem and "\n" not in report.problem
    assert report.clean is clean
    assert report.restored == str(backup)
    assert report.quarantined is not None and ".corrupt-" in report.quarantined
    assert Path(report.quarantined).read_bytes() == damaged
    again = await Store.open(paths)
    assert again.report.clean and again.report.problem is None
    await again.close()


async def test_damage_deep_in_a_database_is_found_once_it_is_met(paths: Paths) -> None:
    """A clean end spares the check of the whole file; what is met later makes the next start check it."""
    await make_profile(paths)
    content = bytearray(paths.database.read_bytes())
    middle = len(content) // PAGE // 2 * PAGE
    content[middle : middle + PAGE] = b"\xa5" * PAGE
    paths.database.write_bytes(content)
    store = await Store.open(paths)
    assert store.report.problem is None
    with pytest.raises(StoreError) as caught:
        await store.read("SELECT * FROM things")
    assert caught.value.code == "store.corrupt"
    assert "Start workbench again" in caught.value.hint
    await store.close()
    store = await Store.open(paths)
    assert not store.report.clean
    assert store.report.problem
    assert await keys_in(store) == list(range(300))
    await store.close()


async def test_a_write_that_meets_damage_makes_the_next_start_check(paths: Paths) -> None:
    await make_profile(paths)
    content = bytearray(paths.database.read_bytes())
    middle = len(content) // PAGE // 2 * PAGE
    content[middle:] = b"\xa5" * (len(content) - middle)
    paths.database.write_bytes(content)
    store = await Store.open(paths)
    with pytest.raises(StoreError) as caught:
        await put(store, 5000)
    assert caught.value.code == "store.corrupt"
    await store.close()
    store = await Store.open(paths)
    assert store.report.problem
    assert await keys_in(store) == list(range(300))
    await store.close()


async def test_a_missing_database_is_restored(paths: Paths) -> None:
    """Deleted by mistake, or the repair was killed before the backup was in place."""
    await make_profile(paths)
    paths.database.unlink()
    store = await Store.open(paths)
    assert store.report.problem == "the file is missing"
    assert store.report.quarantined is None
    assert store.report.restored == str(newest_backup(paths))
    assert await keys_in(store) == list(range(300))
    await store.close()


async def test_a_log_left_behind_is_not_applied_to_the_backup(paths: Paths, tmp_path: Path) -> None:
    await make_profile(paths)
    other = paths_for(tmp_path / "other")
    store = await Store.open(other)
    await make_table(store)
    await put(store, *range(5000, 5400), text="y" * 400)
    log = Path(f"{paths.database}-wal")
    shutil.copy(f"{other.database}-wal", log)
    await store.close()
    paths.database.unlink()
    assert log.stat().st_size > 0
    store = await Store.open(paths)
    assert await store.check() is None
    assert await keys_in(store) == list(range(300))
    await store.close()


async def test_a_damaged_backup_is_passed_over(paths: Paths) -> None:
    await make_profile(paths)
    truncate(paths)
    newest, oldest = newest_backup(paths), min(paths.backups.glob("*.db"))
    newest.write_bytes(newest.read_bytes()[:5000])
    store = await Store.open(paths)
    assert store.report.restored == str(oldest)
    assert await keys_in(store) == list(range(200))
    await store.close()


async def test_without_a_good_backup_a_new_database_is_begun_and_the_old_one_kept(paths: Paths) -> None:
    await make_profile(paths)
    no_database(paths)
    for backup in paths.backups.glob("*.db"):
        backup.write_text("rotten")
    store = await Store.open(paths)
    report = store.report
    assert report.restored is None
    assert report.quarantined is not None and "my aunt" in Path(report.quarantined).read_text()
    assert await store.read("SELECT count(*) FROM sessions") == [(0,)]
    await store.close()


async def test_what_cannot_be_checked_is_not_set_aside(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that says nothing about the file, as from a failing disk, must cost nobody a database."""
    await make_profile(paths)
    unclean(paths)
    before = paths.database.read_bytes()

    def fail(*_arguments: object, **_options: object) -> sqlite3.Connection:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", fail)
        with pytest.raises(StoreError) as caught:
            await Store.open(paths)
    assert caught.value.code == "store.failed"
    assert paths.database.read_bytes() == before
    assert not list(paths.data_dir.glob("*.corrupt-*"))


async def test_an_unclean_end_of_a_sound_database_costs_nothing(paths: Paths) -> None:
    await make_profile(paths)
    unclean(paths)
    store = await Store.open(paths)
    assert not store.report.clean and store.report.problem is None
    assert await keys_in(store) == list(range(400))
    await store.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a profile to damage copies of."""
    folder = tmp_path_factory.mktemp("template")
    asyncio.run(make_profile(paths_for(folder)))
    return folder


@settings(max_examples=30, deadline=None)
@given(
    places=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=200)), min_size=1, max_size=6),
    keep=st.floats(0, 1),
)
def test_whatever_happens_to_the_file_a_sound_database_opens(
    template: Path, places: list[tuple[float, bytes]], keep: float
) -> None:
    async def run(paths: Paths) -> None:
        content = bytearray(paths.database.read_bytes())
        for place, rubbish in places:
            start = int(place * (len(content) - 1))
            content[start : start + len(rubbish)] = rubbish
        paths.database.write_bytes(content[: max(1, int(len(content) * max(keep, 0.2)))])
        unclean(paths)
        try:
            store = await Store.open(paths)
        except StoreError as error:
            # The number of the layout may have been hit.
            assert error.code == "store.newer"
            return
        assert await store.check() is None
        keys = await keys_in(store)
        assert keys == list(range(300)) if store.report.problem else len(keys) >= 300
        await store.close()

    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(template, folder, dirs_exist_ok=True)
        asyncio.run(run(paths_for(Path(folder))))
