"""What all tests share: a profile, a bus, a store, and the check that a test leaves nothing running."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path

import aiosqlite
import pytest

from workbench.app.events.bus import EventBus
from workbench.app.paths import Paths, paths_for
from workbench.app.store.store import Store

# How long what a test has ended may take to be gone.
GRACE_S = 5.0


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """The paths of a profile that does not exist yet."""
    return paths_for(tmp_path / "profile")


@pytest.fixture
def bus() -> EventBus:
    """A bus on which a wrong payload raises."""
    return EventBus(strict=True)


@pytest.fixture
async def store(paths: Paths) -> AsyncIterator[Store]:
    """An open store, closed after the test."""
    opened = await Store.open(paths)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture(autouse=True)
def nothing_left_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a task or a database connection behind, and end what it left."""
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("no_tasks_left")
    yield
    threads = [each for each in threading.enumerate() if "_connection_worker_thread" in each.name]
    for thread in threads:
        thread.join(GRACE_S)
    if any(thread.is_alive() for thread in threads):
        # Each would keep the whole run from ending.
        for thing in gc.get_objects():
            if isinstance(thing, aiosqlite.Connection):
                thing.stop()
        pytest.fail("a database connection was left open")


@pytest.fixture
async def no_tasks_left() -> AsyncIterator[None]:
    """Fail a test that leaves a task in its event loop, and end the task."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    _, running = await asyncio.wait(left, timeout=GRACE_S) if left else (left, left)
    if running:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=GRACE_S)
        pytest.fail(f"tasks were left running: {running}")


@pytest.fixture(scope="session")
def private_mounts() -> tuple[str, ...]:
    """The command prefix that runs a program with mounts of its own; skips where there is none."""
    prefix = _mount_prefix()
    if prefix is None:
        pytest.skip("this system lets no test mount a file system of its own")
    return prefix


@cache
def _mount_prefix() -> tuple[str, ...] | None:
    if shutil.which("unshare") is None:
        return None
    for options in (("-m",), ("-rm",)) if os.geteuid() == 0 else (("-rm",),):
        prefix = ("unshare", *options)
        probe = [*prefix, "mount", "-t", "tmpfs", "none", "/mnt"]
        if subprocess.run(probe, capture_output=True, check=False, timeout=30).returncode == 0:
            return prefix
    return None


def pytest_xdist_auto_num_workers() -> int:
    """Run half as many tests again at once as there are cores: those of screens and processes mostly wait."""
    cores = os.cpu_count() or 2
    return cores + cores // 2
