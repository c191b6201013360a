"""What tests of hooks share: a strict bus with hooks, made and closed, and what was told of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.hooks.breaker import BreakerLimits
from workbench.app.hooks.hook import Hook
from workbench.app.hooks.hooks import Hooks


class Bench:
    """Hooks on a bus of their own; `told` reads what was published since the last time."""

    def __init__(self, limits: BreakerLimits | None = None) -> None:
        self.bus = EventBus(strict=True)
        self.hooks = Hooks(self.bus, limits)
        self._events = self.bus.subscribe("core:hook:*", capacity=100_000)

    async def add(self, point: str, *functions: Callable[..., Any], **facts: Any) -> None:
        """Register functions at a point under their own names."""
        await self.hooks.add(
            Hook(id=f"test.{function.__name__}", point=point, function=function, plugin="test", **facts)
            for function in functions
        )

    async def told(self, name: str = "") -> list[Event]:
        """Return the events told so far whose names end so."""
        await self.hooks.flush()
        found = await self._events.next_batch() if self._events.lag else []
        return [event for event in found if event.name.endswith(name)]

    async def runs(self) -> list[dict[str, Any]]:
        """Return what was told of single hooks' runs, in order."""
        return [run for event in await self.told(":ran") for run in event.payload["runs"]]


@asynccontextmanager
async def bench(limits: BreakerLimits | None = None) -> AsyncIterator[Bench]:
    """Open hooks and close them."""
    made = Bench(limits)
    try:
        yield made
    finally:
        await made.hooks.close()
