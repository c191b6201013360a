"""Seeing tasks to their end, also when whoever waits for them is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def to_the_end(
    task: asyncio.Future[Result], patience: float | None = None, hurry: Callable[[], None] | None = None
) -> Result:
    """Wait for a task and return its result; a caller that is cancelled waits on, and raises that then.

    Args:
        task: what must not be left half done.
        patience: seconds that the task still has when the caller is cancelled. After these, or when the
            caller is cancelled again, it is cancelled too. None gives it all the time it takes.
        hurry: called when the caller is cancelled, to tell the task that it should come to its end.
    """
    cancelled = await _outlast(task, patience, hurry)
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # looked at, as nobody else will
    raise cancelled


async def end(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait until it has ended, also when the caller is cancelled meanwhile.

    Raises:
        Exception: what the task raised, unless it was the cancel that ended it.
    """
    task.cancel()
    cancelled = await _outlast(task, None)
    failure = None if task.cancelled() else task.exception()
    if cancelled is not None:
        raise cancelled
    if failure is not None:
        raise failure


async def _outlast(
    task: asyncio.Future[Any], patience: float | None, hurry: Callable[[], None] | None = None
) -> asyncio.CancelledError | None:
    """Wait until a task has ended; return the cancel of the caller that came meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        hurried = cancelled is not None
        try:
            await asyncio.wait({task}, timeout=patience if hurried else None)
        except asyncio.CancelledError as error:
            cancelled = error
            if hurry is not None:
                hurry()
        if hurried and patience is not None:
            task.cancel()
    return cancelled
