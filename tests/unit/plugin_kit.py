"""What tests of plugins share: a plugin with a host, its hooks registered, on a strict bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from workbench.app.config.changes import with_value
from workbench.app.config.settings import Settings
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.events.reader import EventReader
from workbench.app.hooks.breakpoints import Breakpoints
from workbench.app.hooks.hook import NOWHERE, Scope, hooks_in
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.point import Point
from workbench.app.hooks.run import Outcome
from workbench.app.hooks.values import ChatMessage, ModelCall, Value
from workbench.app.paths import Paths
from workbench.app.plugin_host.plugin import Plugin, PluginHost, PluginParts

P = TypeVar("P", bound=Plugin)
V = TypeVar("V", bound=Value)

SOON_S = 10.0
TURN = Scope(session_id="0189aa00-0000-7000-8000-000000000001", correlation_id="turn-1")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, seconds: float = 1_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class Plugged(Generic[P]):
    """A started plugin and what it is plugged into."""

    def __init__(self, paths: Paths, reader: EventReader | None = None) -> None:
        self.bus = EventBus(strict=True)
        self.hooks = Hooks(self.bus)
        self.settings = Settings()
        self.breakpoints = Breakpoints(self.bus)
        self.parts = PluginParts(
            bus=self.bus,
            hooks=self.hooks,
            paths=paths,
            settings=lambda: self.settings,
            breakpoints=self.breakpoints,
            reader=reader,
        )
        self.plugin: P
        self._events = self.bus.subscribe("*", capacity=100_000, name="test")

    def set(self, **values: Any) -> None:
        """Change settings; the first underscores of a name stand for the dot."""
        for name, value in values.items():
            self.settings = with_value(self.settings, name.replace("__", "."), value)

    async def run(self, point: Point[V], value: V, scope: Scope = TURN) -> Outcome[V]:
        """Run the hooks of a point."""
        return await self.hooks.run(point, value, scope)

    async def quiet(self) -> None:
        """Wait until the plugin has taken what was published."""
        async with asyncio.timeout(SOON_S):
            await asyncio.sleep(0)
            while any(each.lag for each in self.bus.subscriptions if each.name.startswith("plugin ")):
                await asyncio.sleep(0)
            # What it took last may not be done yet.
            for _ in range(5):
                await asyncio.sleep(0)
            await self.plugin.host.settled()

    async def told(self, name: str) -> list[Event]:
        """Return the events of a name that were told since the last time."""
        await self.quiet()
        await self.hooks.flush()
        found = await self._events.next_batch() if self._events.lag else []
        return [event for event in found if event.name == name]

    async def finished(self, *, read: int = 0, written: int = 0, scope: Scope = TURN, **facts: Any) -> Event:
        """Publish that a reply is finished."""
        payload = {
            "message_id": "m",
            "reason": "stop",
            "characters": 10,
            "prompt_tokens": read,
            "cached_tokens": 0,
            "reply_tokens": written,
            "first_token_ms": 5.0,
            "duration_ms": 50.0,
            "tokens_per_second": 1_000.0,
        }
        return await self.bus.emit(
            "core:chat:reply_finished",
            payload | facts,
            source="chat",
            session_id=scope.session_id,
            correlation_id=scope.correlation_id,
        )


@asynccontextmanager
async def plugged(
    kind: type[P],
    paths: Paths,
    reader: EventReader | None = None,
    *,
    made: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Plugged[P]]:
    """Start a plugin, register its hooks, and take all back after the block.

    Args:
        kind: the plugin's class.
        paths: a profile.
        reader: asks an event log.
        made: further arguments of the class.
        settings: as for `Plugged.set`.
    """
    place: Plugged[P] = Plugged(paths, reader)
    place.set(**settings)
    host = PluginHost(kind.name, place.parts)
    try:
        place.plugin = kind(host, **(made or {}))
        await place.plugin.start()
        await place.hooks.add(hooks_in(place.plugin, kind.name, kind.version, trusted=True))
        yield place
        await place.plugin.stop()
    finally:
        await host.close()
        await place.hooks.close()


def call(text: str = "hello", **facts: Any) -> ModelCall:
    """Return a request to a model."""
    return ModelCall(model="guide", messages=(ChatMessage("user", text),), **facts)


async def no_hooks_fail(place: Plugged[Any]) -> None:
    """Check that no hook raised or answered nonsense."""
    assert [status.last_error for status in place.hooks.statuses() if status.failures] == []


__all__ = ["NOWHERE", "TURN", "Clock", "Plugged", "call", "no_hooks_fail", "plugged"]
