"""A worker's events, put on the bus in order without making the worker wait for the bus."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, NamedTuple

from workbench.app.events.bus import EventBus

_CAPACITY: Final = 1024
_FLUSH_WAIT_S: Final = 2.0


class _Announcement(NamedTuple):
    name: str
    payload: dict[str, Any]
    session_id: str | None
    correlation_id: str | None


class Announcer:
    """Takes events from synchronous code and emits them from one task that lives while there are some.

    At most 1,024 wait; when a stuck subscriber holds up the bus for longer, the oldest are given up.

    Args:
        bus: where the events go.
        source: the `source` of each event.
    """

    def __init__(self, bus: EventBus, source: str) -> None:
        self._bus = bus
        self._source = source
        self._waiting: deque[_Announcement] = deque(maxlen=_CAPACITY)
        self._task: asyncio.Task[None] | None = None

    def announce(
        self,
        name: str,
        payload: dict[str, Any],
        *,
        session_id: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Queue an event of a running loop; see `EventBus.emit` for the arguments."""
        self._waiting.append(_Announcement(name, payload, session_id, correlation_id))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._emit_all(), name=f"{self._source}: events")

    async def flush(self) -> None:
        """Wait, at most 2 s, until everything announced so far is on the bus; then give up the rest."""
        if self._task is None:
            return
        _, late = await asyncio.wait({self._task}, timeout=_FLUSH_WAIT_S)
        for task in late:
            self._waiting.clear()
            task.cancel()
            await asyncio.wait({task})

    async def _emit_all(self) -> None:
        while self._waiting:
            item = self._waiting.popleft()
            await self._bus.emit(
                item.name,
                item.payload,
                source=self._source,
                session_id=item.session_id,
                correlation_id=item.correlation_id,
            )
