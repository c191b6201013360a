"""Lets a screen follow events: batches of a subscription go to one function, at most 30 times a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from workbench.app.events.bus import EventBus, Policy
    from workbench.app.events.event import Event

_PAUSE_SECONDS: Final = 1 / 30

Handle: TypeAlias = "Callable[[list[Event]], Awaitable[None]]"


class BusWatch:
    """A screen's subscriptions.

    Args:
        bus: where the events come from.
        on_crash: gets what a handler raised; the subscription has then ended.
    """

    def __init__(self, bus: EventBus, on_crash: Callable[[BaseException], None]) -> None:
        self._bus = bus
        self._on_crash = on_crash
        self._tasks: list[asyncio.Task[None]] = []

    def follow(
        self,
        pattern: str,
        handle: Handle,
        *,
        policy: Policy = "coalesce",
        key: Callable[[Event], Hashable] | None = None,
    ) -> None:
        """Hand events over from now on.

        Args:
            pattern: the names of the events.
            handle: gets each batch, oldest first.
            policy: see `EventBus.subscribe`, as for `key`.
            key: what makes two events the same.
        """
        task = asyncio.create_task(self._follow(pattern, handle, policy, key), name=f"screen-{pattern}")
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    async def close(self) -> None:
        """End all subscriptions."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        self._tasks.clear()

    async def _follow(
        self, pattern: str, handle: Handle, policy: Policy, key: Callable[[Event], Hashable] | None
    ) -> None:
        with self._bus.subscribe(pattern, policy, capacity=256, key=key, name=f"screen {pattern}") as events:
            async for batch in events.batches():
                await handle(batch)
                await asyncio.sleep(_PAUSE_SECONDS)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_crash(error)
