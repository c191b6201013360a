"""Lets somebody else stop an iteration that is waiting for its next step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

Step = TypeVar("Step")


class Stopped(Exception):
    """The iteration was stopped on request."""


async def until_stopped(steps: AsyncIterator[Step], stop: asyncio.Event) -> AsyncGenerator[Step]:
    """Pass steps on until `stop` is set; then the step that is waited for is cancelled.

    Raises:
        Stopped: `stop` was set.
    """
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            following = asyncio.ensure_future(anext(steps, None))
            try:
                await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                # Awaited also when this generator itself is cancelled: the source ends its work first.
                if not following.done():
                    following.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await following
            if following.cancelled():
                break
            step = following.result()
            if step is None:
                return
            yield step
        raise Stopped
    finally:
        stopping.cancel()
