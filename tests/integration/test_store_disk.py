"""A disk that refuses: writes wait or fail at once, as asked; nothing is lost, and ending is bounded."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from workbench.app.errors import StoreError
from workbench.app.events.bus import EventBus
from workbench.app.paths import Paths
from workbench.app.store import writer as writer_module
from workbench.app.store.store import Store
from workbench.tests.integration.store_kit import (
    PROGRAMS,
    Disk,
    attach_disk,
    keys_in,
    look,
    make_table,
    put,
    wait_until,
    write_lock,
)

BIG = "x" * 20_000


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk of the store that the test opens; retries come quickly."""
    monkeypatch.setattr(writer_module, "_RETRY_SECONDS", 0.01)
    return attach_disk(monkeypatch)


async def test_a_script_is_told_at_once_that_the_disk_is_full(paths: Paths, disk: Disk) -> None:
    store = await Store.open(paths)
    await make_table(store)
    await put(store, 1)
    await disk.fill()
    results = await asyncio.gather(
        put(store, 2, text=BIG),
        store.append("INSERT INTO things (key, text)", [(3, BIG)]),
        return_exceptions=True,
    )
    for error in results:
        assert isinstance(error, StoreError)
        assert (error.code, error.exit_code) == ("store.full", 4)
        assert str(paths.database) in error.message
    assert store.read_only_reason is None
    assert await keys_in(store) == [1]
    await disk.free()
    await put(store, 4, text=BIG)
    assert await keys_in(store) == [1, 4]
    await store.close()


async def test_a_screen_waits_and_loses_nothing(paths: Paths, bus: EventBus, disk: Disk) -> None:
    store = await Store.open(paths, wait_for_disk=True)
    await make_table(store)
    heard = bus.subscribe("core:store:*")
    store.announce_by(lambda name, facts: bus.emit(name, facts, source="store"))
    await put(store, 1)
    await disk.fill()
    writes = [asyncio.create_task(put(store, key, text=BIG)) for key in range(2, 8)]
    refused = await anext(heard)
    assert refused.name == "core:store:read_only"
    assert store.read_only_reason == refused.payload["reason"]
    assert "is full" in refused.payload["reason"]
    later = asyncio.create_task(put(store, 8))
    assert await keys_in(store) == [1]
    assert not any(write.done() for write in (*writes, later))
    await disk.free()
    await asyncio.gather(*writes, later)
    recovered = await anext(heard)
    assert recovered.name == "core:store:recovered"
    assert recovered.payload["waited_ms"] > 0
    assert heard.lag == 0
    assert store.read_only_reason is None
    assert look(paths, "SELECT key FROM things") == list(range(1, 9))
    await store.close()


async def test_a_write_may_be_cancelled_while_the_disk_is_full(paths: Paths, disk: Disk) -> None:
    store = await Store.open(paths, wait_for_disk=True)
    await make_table(store)
    await disk.fill()
    waiting = asyncio.create_task(put(store, 1, text=BIG))
    await wait_until(lambda: store.read_only_reason)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    # What is small enough finds room in the pages that there are.
    await put(store, 2)
    assert store.read_only_reason is None
    assert await keys_in(store) == [2]
    await store.close()


async def test_a_unit_with_a_fault_of_its_own_fails_while_others_wait(paths: Paths, disk: Disk) -> None:
    store = await Store.open(paths, wait_for_disk=True)
    await make_table(store)
    await put(store, 1)
    await disk.fill()
    results = [asyncio.create_task(put(store, 1)), asyncio.create_task(put(store, 2, text=BIG))]
    with pytest.raises(StoreError) as caught:
        await results[0]
    assert caught.value.code == "store.failed"
    await wait_until(lambda: store.read_only_reason)
    await disk.free()
    await results[1]
    assert await keys_in(store) == [1, 2]
    await store.close()


async def test_ending_while_the_disk_is_full_is_bounded_and_answers_everyone(
    paths: Paths, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_CLOSE_SECONDS", 0.1)
    store = await Store.open(paths, wait_for_disk=True)
    await make_table(store)
    await disk.fill()
    writes = [asyncio.create_task(put(store, key, text=BIG)) for key in range(1500)]
    await wait_until(lambda: store.read_only_reason)
    started = time.monotonic()
    await store.close()
    assert time.monotonic() - started < 20
    results = await asyncio.gather(*writes, return_exceptions=True)
    codes = {error.code for error in results if isinstance(error, StoreError)}
    assert codes == {"store.full", "store.closed"}
    assert look(paths, "SELECT count(*) FROM things") == [0]
    again = await Store.open(paths)
    assert again.report.clean
    await again.close()


async def test_a_disk_that_is_freed_while_ending_still_takes_what_waits(paths: Paths, disk: Disk) -> None:
    store = await Store.open(paths, wait_for_disk=True)
    await make_table(store)
    await disk.fill()
    write = asyncio.create_task(put(store, 1, text=BIG))
    await wait_until(lambda: store.read_only_reason)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    await disk.free()
    await closing
    await write
    assert look(paths, "SELECT key FROM things") == [1]


async def test_nobody_hears_of_the_disk_when_nobody_listens(paths: Paths, disk: Disk) -> None:
    store = await Store.open(paths, wait_for_disk=True)
    await make_table(store)
    await disk.fill()
    write = asyncio.create_task(put(store, 1, text=BIG))
    await wait_until(lambda: store.read_only_reason)
    await disk.free()
    await write
    await store.close()


async def test_a_program_that_holds_the_database_is_waited_for(
    paths: Paths, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(paths, wait_for_disk=True)
    await make_table(store)
    assert disk.connection is not None
    await disk.connection.execute_fetchall("PRAGMA busy_timeout = 10")
    async with write_lock(paths):
        write = asyncio.create_task(put(store, 1))
        await wait_until(lambda: store.read_only_reason)
        assert "in use by another program" in str(store.read_only_reason)
    await write
    await store.close()


# --- a disk of its own --------------------------------------------------------------------------------


def run_on_a_small_disk(private_mounts: tuple[str, ...], part: str, folder: Path) -> list[dict[str, Any]]:
    """Run a part of `store_process.py` that mounts a small disk, and return the lines that it said."""
    done = subprocess.run(
        [*private_mounts, sys.executable, str(PROGRAMS / "store_process.py"), part, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_script_on_a_disk_that_fills_up(private_mounts: tuple[str, ...], tmp_path: Path) -> None:
    error, after = run_on_a_small_disk(private_mounts, "full_script", tmp_path / "disk")
    assert error["code"] == "store.full"
    assert after["kept"] > 5
    assert after["count"] == after["kept"]
    assert after["check"] is None
    assert after["again"] == after["kept"]


def test_a_screen_on_a_disk_that_fills_up_and_is_freed(
    private_mounts: tuple[str, ...], tmp_path: Path
) -> None:
    refused, recovered, after = run_on_a_small_disk(private_mounts, "full_screen", tmp_path / "disk")
    assert refused["event"] == "core:store:read_only" and "is full" in refused["reason"]
    assert recovered["event"] == "core:store:recovered" and recovered["reason"] is None
    assert recovered["waited_ms"] > 0
    assert after["keys"] == list(range(24))
    assert after["gapless"] and after["lost"] == 0


@pytest.mark.slow
def test_an_end_on_a_disk_that_is_full(private_mounts: tuple[str, ...], tmp_path: Path) -> None:
    (after,) = run_on_a_small_disk(private_mounts, "full_at_the_end", tmp_path / "disk")
    assert after["codes"] == ["store.full"]
