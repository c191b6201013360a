"""Opening a profile: one writer at a time, readers beside it, and clear errors for all that is in the way."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from workbench.app.errors import StoreError
from workbench.app.paths import Paths, paths_for
from workbench.app.store import lock as lock_module
from workbench.app.store.lock import ProfileLock
from workbench.app.store.migrate import newest_version
from workbench.app.store.store import Store
from workbench.tests.integration.store_kit import PROGRAMS, look, make_table, put

PROGRAM = str(PROGRAMS / "store_process.py")


async def refusal(paths: Paths) -> StoreError:
    with pytest.raises(StoreError) as caught:
        await Store.open(paths)
    assert caught.value.hint
    return caught.value


@contextmanager
def another_process(paths: Paths) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run a process that has the profile open; yield it with what it says of itself."""
    with subprocess.Popen(
        [sys.executable, PROGRAM, "hold", str(paths.data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


async def test_a_new_profile_is_made_for_its_owner_alone(paths: Paths) -> None:
    store = await Store.open(paths)
    assert store.writable and store.read_only_reason is None
    report = store.report
    assert (report.clean, report.problem, report.schema) == (True, None, newest_version())
    assert report.migrated == tuple(range(1, newest_version() + 1))
    await store.close()
    for folder in (paths.data_dir, paths.logs, paths.backups):
        assert folder.stat().st_mode & 0o077 == 0
    assert paths.lock_file.stat().st_mode & 0o077 == 0


async def test_a_clean_end_is_seen_by_the_next_start(paths: Paths) -> None:
    for expected in (tuple(range(1, newest_version() + 1)), (), ()):
        store = await Store.open(paths)
        assert store.report.clean
        assert store.report.migrated == expected
        await store.close()
    assert sorted(entry.name for entry in paths.data_dir.iterdir()) == [
        "backups",
        "logs",
        "workbench.db",
        "workbench.lock",
    ]


# --- one writer ---------------------------------------------------------------------------------------


async def test_a_second_process_is_told_who_has_the_profile(paths: Paths) -> None:
    with another_process(paths) as (process, facts):
        error = await refusal(paths)
        assert error.code == "store.busy"
        assert error.exit_code == 4
        assert error.details == {"pid": facts["pid"], "host": socket.gethostname()}
        assert f"process {process.pid} on {socket.gethostname()}" in error.message
        assert str(paths.data_dir) in error.message
        process.kill()
        process.wait()
        store = await Store.open(paths)
    assert not store.report.clean and store.report.problem is None
    await store.close()


async def test_a_process_that_ends_well_leaves_the_profile_clean(paths: Paths) -> None:
    with another_process(paths) as (process, _):
        process.communicate("", timeout=30)
        assert process.returncode == 0
    store = await Store.open(paths)
    assert store.report.clean
    await store.close()


async def test_one_process_opens_a_profile_once(store: Store, paths: Paths) -> None:
    error = await refusal(paths)
    assert error.details == {"pid": os.getpid(), "host": socket.gethostname()}
    await make_table(store)
    await put(store, 1)


async def test_a_lock_without_a_readable_holder_still_holds(paths: Paths) -> None:
    paths.data_dir.mkdir()
    first, second = ProfileLock(paths.lock_file), ProfileLock(paths.lock_file)
    assert first.acquire()
    paths.lock_file.write_bytes(b"\xff not JSON")
    with pytest.raises(StoreError) as caught:
        second.acquire()
    assert caught.value.details == {"pid": None, "host": None}
    first.release()
    first.release()
    assert second.acquire()
    second.release(clean=False)
    assert not first.acquire()
    first.release()


async def test_a_file_system_without_locks_is_not_called_busy(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock_module, "_try_lock", refuse)
    error = await refusal(paths)
    assert error.code == "store.unreadable"
    assert "No locks available" in error.message


async def test_a_full_disk_does_not_make_an_unclean_end_look_clean(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.data_dir.mkdir()
    paths.lock_file.write_text('{"pid":1,"host":"x"}')

    def refuse(_descriptor: int, _text: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", refuse)
        assert (await refusal(paths)).code == "store.full"
    store = await Store.open(paths)
    assert not store.report.clean
    await store.close()


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 10, 40, 200, 1000])
async def test_an_opening_that_is_cancelled_gives_everything_back(paths: Paths, steps: int) -> None:
    opening = asyncio.create_task(Store.open(paths))
    for _ in range(steps):
        await asyncio.sleep(0)
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await (await opening).close()
    store = await Store.open(paths)
    await store.close()


# --- readers ------------------------------------------------------------------------------------------


async def test_a_reader_sees_what_another_process_commits(store: Store, paths: Paths) -> None:
    await make_table(store)
    await put(store, 1)
    reader = await Store.open_to_read(paths)
    assert not reader.writable
    assert await reader.read("SELECT key FROM things") == [(1,)]
    await put(store, 2)
    assert await reader.read("SELECT key FROM things") == [(1,), (2,)]
    assert await reader.check() is None
    for attempt in (reader.write("DELETE FROM things"), reader.append("INSERT INTO things (key)", [(3,)])):
        with pytest.raises(StoreError) as caught:
            await attempt
        assert caught.value.code == "store.read_only"
    await reader.close()
    await put(store, 3)


async def test_a_reader_may_outlive_the_writer(paths: Paths) -> None:
    store = await Store.open(paths)
    reader = await Store.open_to_read(paths)
    await make_table(store)
    await put(store, 1)
    await store.close()
    assert await reader.read("SELECT key FROM things") == [(1,)]
    await reader.close()


async def test_there_is_nothing_to_read_before_the_first_start(paths: Paths) -> None:
    with pytest.raises(StoreError) as caught:
        await Store.open_to_read(paths)
    assert caught.value.code == "store.unreadable"
    assert not paths.data_dir.exists()


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "store.unreadable"), (b"no database" * 1000, "store.corrupt")]
)
async def test_a_reader_meets_no_database(paths: Paths, content: bytes, code: str) -> None:
    paths.data_dir.mkdir()
    paths.database.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        await Store.open_to_read(paths)
    assert caught.value.code == code
    assert paths.database.read_bytes() == content


# --- what is in the way -------------------------------------------------------------------------------


@pytest.mark.parametrize("clean", [True, False])
async def test_a_newer_database_is_left_as_it_is(paths: Paths, clean: bool) -> None:
    store = await Store.open(paths)
    await store.write(f"PRAGMA user_version = {newest_version() + 1}")
    await store.close()
    if not clean:
        paths.lock_file.write_text("killed")
    before = paths.database.read_bytes()
    error = await refusal(paths)
    assert error.code == "store.newer"
    assert error.details == {"version": newest_version() + 1}
    with pytest.raises(StoreError) as caught:
        await Store.open_to_read(paths)
    assert caught.value.code == "store.newer"
    assert paths.database.read_bytes() == before
    assert look(paths, "PRAGMA user_version") == [newest_version() + 1]
    assert list(paths.backups.iterdir()) == []


async def test_a_failed_opening_keeps_the_mark_of_an_unclean_end(paths: Paths) -> None:
    store = await Store.open(paths)
    await store.write(f"PRAGMA user_version = {newest_version() + 1}")
    await store.close()
    paths.lock_file.write_text("killed")
    await refusal(paths)
    assert paths.lock_file.read_bytes() != b""


def a_file(paths: Paths) -> None:
    paths.data_dir.write_text("in the way")


def a_folder_for_the_database(paths: Paths) -> None:
    paths.database.mkdir(parents=True)


def a_folder_for_the_lock(paths: Paths) -> None:
    paths.lock_file.mkdir(parents=True)


@pytest.mark.parametrize("obstacle", [a_file, a_folder_for_the_database, a_folder_for_the_lock])
async def test_something_else_in_the_place_of_a_file_is_a_clear_error(
    paths: Paths, obstacle: Callable[[Paths], None]
) -> None:
    obstacle(paths)
    error = await refusal(paths)
    assert error.code in ("store.unreadable", "store.read_only")
    assert str(paths.data_dir) in error.message
    assert not list(paths.data_dir.parent.rglob("*.corrupt-*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
async def test_a_folder_without_permission_to_write_is_a_clear_error(paths: Paths) -> None:
    paths.data_dir.mkdir(mode=0o500)
    assert (await refusal(paths)).code == "store.read_only"


async def test_a_read_only_file_system_is_a_clear_error(
    private_mounts: tuple[str, ...], tmp_path: Path
) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [*private_mounts, sys.executable, PROGRAM, "read_only", str(tmp_path / "disk")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    existing, new = [json.loads(line) for line in done.stdout.splitlines()]
    for error in (existing, new):
        assert error["code"] == "store.read_only"
        assert error["exit_code"] == 4
        assert "Read-only file system" in error["message"]
        assert error["hint"]


async def test_a_profile_on_a_path_with_odd_characters(tmp_path: Path) -> None:
    paths = paths_for(tmp_path / "a b?c#d%20e'f\"gä")
    store = await Store.open(paths)
    assert await store.read("SELECT count(*) FROM events") == [(0,)]
    await store.back_up()
    await store.close()
