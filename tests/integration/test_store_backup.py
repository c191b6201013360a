"""Backups: checked copies of what is committed, few of them, and never a half one."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from workbench.app.errors import StoreError
from workbench.app.events.bus import EventBus
from workbench.app.paths import Paths
from workbench.app.store import backup as backup_module
from workbench.app.store.backup import KEPT_BACKUPS, backups
from workbench.app.store.store import Store
from workbench.tests.integration.store_kit import make_table, put

DAY = 24 * 3600


def keys_of(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT key FROM things ORDER BY key")]


async def test_a_backup_is_one_file_with_all_that_was_committed(store: Store, paths: Paths) -> None:
    await make_table(store)
    await put(store, 1, 2, 3)
    path = await store.back_up()
    assert keys_of(path) == [1, 2, 3]
    assert path.parent == paths.backups
    assert list(paths.backups.iterdir()) == [path]
    await put(store, 4)
    assert keys_of(path) == [1, 2, 3]


async def test_a_backup_beside_writing_is_one_moment_and_stops_nobody(store: Store) -> None:
    await make_table(store)

    async def write() -> None:
        for key in range(0, 400, 2):
            await put(store, key, key + 1)

    writing = asyncio.create_task(write())
    copies = [await store.back_up(f"n{number}") for number in range(3)]
    await writing
    for copy in copies:
        keys = keys_of(copy)
        assert keys == list(range(len(keys)))
        assert len(keys) % 2 == 0


async def test_only_the_newest_backups_stay(store: Store, paths: Paths) -> None:
    made = [await store.back_up(f"n{number}") for number in range(KEPT_BACKUPS + 3)]
    assert backups(paths.backups) == made[::-1][:KEPT_BACKUPS]


async def test_the_daily_backup_is_made_once_a_day(store: Store) -> None:
    first = await store.back_up_if_due()
    assert first is not None and "daily" in first.name
    assert await store.back_up_if_due() is None
    os.utime(first, (time.time() - DAY - 60,) * 2)
    second = await store.back_up_if_due()
    assert second is not None and second != first
    # A clock that was wrong must not stop backups for as long as it was ahead.
    os.utime(second, (time.time() + 400 * DAY,) * 2)
    assert await store.back_up_if_due() not in (None, second)


async def test_a_backup_is_told_of(store: Store, bus: EventBus) -> None:
    heard = bus.subscribe("core:store:*")
    store.announce_by(lambda name, facts: bus.emit(name, facts, source="store"))
    path = await store.back_up("manual")
    (event,) = await heard.next_batch()
    assert event.payload == {"path": str(path), "reason": "manual"}


async def test_a_folder_that_takes_no_backup_is_a_clear_error(store: Store, paths: Paths) -> None:
    paths.backups.rmdir()
    paths.backups.write_text("in the way")
    with pytest.raises(StoreError) as caught:
        await store.back_up()
    assert str(paths.backups) in caught.value.message
    await store.write("SELECT 1")


async def test_a_copy_that_is_not_sound_is_not_kept(
    store: Store, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_module, "quick_check", lambda _path: "page 7 is rotten")
    with pytest.raises(StoreError) as caught:
        await store.back_up()
    assert "page 7 is rotten" in caught.value.message
    assert list(paths.backups.iterdir()) == []


async def test_a_copy_that_fails_on_the_way_leaves_nothing(
    store: Store, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(StoreError) as caught:
            await store.back_up()
    assert caught.value.code == "store.full"
    assert list(paths.backups.iterdir()) == []
    assert await store.back_up() in backups(paths.backups)


async def test_what_was_left_of_a_killed_backup_is_no_backup(store: Store, paths: Paths) -> None:
    (paths.backups / "workbench-20200101T000000000000-daily.db.part").write_text("half")
    assert backups(paths.backups) == []
    assert await store.back_up_if_due() is not None


async def test_a_backup_whose_caller_is_cancelled_is_finished_before_the_caller_goes_on(
    store: Store, paths: Paths
) -> None:
    copying = asyncio.create_task(store.back_up())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    assert not list(paths.backups.glob("*.part*"))
