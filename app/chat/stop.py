"""Lets somebody else stop work that is waiting for its next step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable
from typing import TypeVar

from workbench.app.tasks import end

Step = TypeVar("Step")
Result = TypeVar("Result")


class Stopped(Exception):
    """The work was stopped on request."""


async def unless_stopped(work: Awaitable[Result], stop: asyncio.Event) -> Result:
    """Return what `work` returns; when `stop` is set first, or the caller is cancelled, it is ended first.

    Raises:
        Stopped: `stop` was set.
    """
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await end(working)
        raise
    finally:
        stopping.cancel()
    await end(working)
    if working.cancelled():
        raise Stopped
    return working.result()


async def until_stopped(steps: AsyncGenerator[Step], stop: asyncio.Event) -> AsyncGenerator[Step]:
    """Pass steps on until `stop` is set; the step that is waited for then is cancelled.

    The source has ended its work when this iterator ends, however that comes.

    Raises:
        Stopped: `stop` was set.
    """
    try:
        while not stop.is_set():
            step = await unless_stopped(anext(steps, None), stop)
            if step is None:
                return
            yield step
        raise Stopped
    finally:
        await steps.aclose()
