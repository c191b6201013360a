"""Waiting for tasks to their end while the one who waits is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from workbench.app.tasks import end, to_the_end

Result = TypeVar("Result")


async def work(release: asyncio.Event) -> str:
    await release.wait()
    return "done"


async def stubborn(release: asyncio.Event) -> str:
    """Takes a cancel only once it is released, as what cleans up does."""
    try:
        await asyncio.Event().wait()
    finally:
        await release.wait()
    return "never"


async def begun(waiter: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
    task = asyncio.create_task(waiter)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_the_result_and_the_failure_come_through() -> None:
    release = asyncio.Event()
    release.set()
    assert await to_the_end(asyncio.create_task(work(release))) == "done"

    async def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await to_the_end(asyncio.create_task(fails()))


async def test_a_cancelled_caller_waits_for_the_end_and_is_cancelled_then() -> None:
    release = asyncio.Event()
    task = asyncio.create_task(work(release))
    waiter = await begun(to_the_end(task))
    for _ in range(3):
        waiter.cancel()
        await asyncio.sleep(0)
    assert not waiter.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert task.result() == "done"


async def test_patience_ends_the_task_after_a_time_or_at_the_second_cancel() -> None:
    for patience, cancels in ((0.01, 1), (600, 2)):
        task = asyncio.create_task(work(asyncio.Event()))
        waiter = await begun(to_the_end(task, patience))
        for _ in range(cancels):
            waiter.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiter, 5)
        assert task.cancelled()


async def test_ending_waits_for_what_the_task_cleans_up() -> None:
    release = asyncio.Event()
    task = asyncio.create_task(stubborn(release))
    await asyncio.sleep(0)
    waiter = await begun(end(task))
    waiter.cancel()
    await asyncio.sleep(0)
    assert not waiter.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert task.cancelled()


async def test_ending_tells_of_a_failure_and_of_nothing_else() -> None:
    async def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        failed = asyncio.create_task(fails())
        await asyncio.wait({failed})
        await end(failed)
    await end(asyncio.create_task(work(asyncio.Event())))
