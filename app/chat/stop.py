"""Lets somebody else stop work that is waiting for its next step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable
from typing import Final, TypeVar

from workbench.app.tasks import end

Step = TypeVar("Step")
Result = TypeVar("Result")


_MOMENT_SECONDS: Final = 0.5


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


class LastWork:
    """Waits for work at the end of a turn, which ends when the turn is stopped (once more).

    Args:
        stop: what stops the turn.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._left = False
        self._deadline: asyncio.Timeout | None = None

    def hurry(self) -> None:
        """Give all that is waited for from now on a moment each: the turn's caller has left."""
        self._left = True
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + _MOMENT_SECONDS)

    async def wait_for(self, work: Awaitable[Result], otherwise: Result) -> Result:
        """Return what work returns, or something else when it had to be ended."""
        self._stop.clear()
        try:
            async with asyncio.timeout(_MOMENT_SECONDS if self._left else None) as self._deadline:
                return await unless_stopped(work, self._stop)
        except (Stopped, TimeoutError):
            return otherwise
        finally:
            self._deadline = None


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
