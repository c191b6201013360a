"""A process with a profile open, for the tests that need a second one: `store_process.py PART FOLDER`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from workbench.app.errors import StoreError
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.events.log import EventLog, last_seq
from workbench.app.events.reader import EventReader
from workbench.app.paths import Paths, paths_for
from workbench.app.store.store import Store

BLOCK = "x" * 100_000


def say(**facts: Any) -> None:
    """Tell the test something: one line of JSON."""
    print(json.dumps(facts), flush=True)


async def hold(paths: Paths) -> None:
    """Keep the profile open until stdin ends."""
    store = await Store.open(paths)
    say(pid=os.getpid(), clean=store.report.clean)
    await asyncio.to_thread(sys.stdin.read)
    await store.close()


async def write_on(paths: Paths) -> None:
    """Write pairs of rows for ever, many at once, and tell each that was acknowledged."""
    store = await Store.open(paths)
    await store.write("CREATE TABLE IF NOT EXISTS things (key INTEGER PRIMARY KEY, pair INTEGER) STRICT")
    bus = EventBus(await last_seq(store) + 1)
    EventLog(store, bus)
    start = (await store.read("SELECT coalesce(max(key), -1) + 1 FROM things"))[0][0]

    async def write(number: int) -> None:
        insert = "INSERT INTO things VALUES (?, ?)"
        await store.write_all([(insert, (number, number)), (insert, (number + 1, number))])
        say(pair=number)

    for block in range(start, 10**9, 40):
        await bus.emit("core:system:stopped", {"face": "test"}, source="test")
        await asyncio.gather(*(write(number) for number in range(block, block + 40, 2)))


def mount(folder: Path, options: str) -> None:
    """Mount an empty file system in memory on a folder, seen by this process alone."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)


async def read_only(paths: Paths) -> None:
    """Open a profile that exists on a disk that is mounted read-only, and one that does not exist."""
    mount(paths.data_dir, "size=4m")
    store = await Store.open(paths)
    await store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(paths.data_dir)], check=True)
    for profile in (paths, paths_for(paths.data_dir / "new")):
        try:
            await Store.open(profile)
        except StoreError as error:
            say(**error.to_dict())


async def full_script(paths: Paths) -> None:
    """Fill a small disk as a script does: the write that no longer fits fails, and nothing else is hurt."""
    mount(paths.data_dir, "size=2m")
    store = await Store.open(paths)
    await store.write("CREATE TABLE things (key INTEGER PRIMARY KEY, text TEXT) STRICT")
    kept = 0
    try:
        for kept in range(1000):
            await store.write("INSERT INTO things VALUES (?, ?)", (kept, BLOCK))
    except StoreError as error:
        say(**error.to_dict())
    count = (await store.read("SELECT count(*) FROM things"))[0][0]
    check = await store.check()
    await store.close()
    try:
        store = await Store.open(paths)
        again = (await store.read("SELECT count(*) FROM things"))[0][0]
        await store.close()
    except StoreError as error:
        again = error.code
    say(kept=kept, count=count, check=check, again=again)


async def full_screen(paths: Paths) -> None:
    """Fill a small disk as a full-screen program does: writes and events wait until it is freed."""
    mount(paths.data_dir, "size=6m")
    ballast = paths.data_dir / "ballast"
    ballast.write_bytes(b"x" * 4_000_000)
    store = await Store.open(paths, wait_for_disk=True)
    await store.write("CREATE TABLE things (key INTEGER PRIMARY KEY, text TEXT) STRICT")
    bus = EventBus(strict=True)
    store.announce_by(lambda name, facts: bus.emit(name, facts, source="store"))
    log = EventLog(store, bus)
    disk = bus.subscribe("core:store:*")
    writes = [
        asyncio.create_task(store.write("INSERT INTO things VALUES (?, ?)", (key, BLOCK)))
        for key in range(24)
    ]
    events = [await anext(disk)]
    say(event=events[0].name, reason=store.read_only_reason)
    published = [
        await bus.emit("core:system:stopped", {"face": "x" * 500}, source="test") for _ in range(200)
    ]
    ballast.unlink()
    await asyncio.gather(*writes)
    events.append(await anext(disk))
    await log.flush()
    say(event=events[1].name, reason=store.read_only_reason, waited_ms=events[1].payload["waited_ms"])
    found: list[Event] = [event async for event in EventReader(store).each()]
    keys = [row[0] for row in await store.read("SELECT key FROM things ORDER BY key")]
    seqs = [event.seq for event in found]
    say(keys=keys, gapless=seqs == list(range(1, bus.last_seq + 1)), published=len(published), lost=log.lost)
    await log.close()
    await store.close()


async def full_at_the_end(paths: Paths) -> None:
    """End while the disk is full: what waits is told that it failed, and ending takes a bounded time."""
    mount(paths.data_dir, "size=2m")
    store = await Store.open(paths, wait_for_disk=True)
    await store.write("CREATE TABLE things (key INTEGER PRIMARY KEY, text TEXT) STRICT")
    bus = EventBus(strict=True)
    log = EventLog(store, bus)
    writes = [
        asyncio.create_task(store.write("INSERT INTO things VALUES (?, ?)", (key, BLOCK)))
        for key in range(60)
    ]
    while store.read_only_reason is None:
        await asyncio.sleep(0.01)
    await bus.emit("core:system:stopped", {"face": "test"}, source="test")
    await log.close()
    await store.close()
    results = await asyncio.gather(*writes, return_exceptions=True)
    say(codes=sorted({str(getattr(result, "code", "kept")) for result in results}))


if __name__ == "__main__":
    parts = (hold, write_on, read_only, full_script, full_screen, full_at_the_end)
    part = {each.__name__: each for each in parts}[sys.argv[1]]
    asyncio.run(part(paths_for(Path(sys.argv[2]))))
