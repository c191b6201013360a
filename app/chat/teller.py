"""Tells what happens in a turn: every event of it carries the turn's id and names what began it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.hooks.hook import Scope


class TurnTeller:
    """Publishes a turn's events.

    Args:
        bus: where they go.
        session_id: the turn's session.
        correlation_id: the turn's id.
    """

    def __init__(self, bus: EventBus, session_id: str, correlation_id: str) -> None:
        self.scope = Scope(session_id, correlation_id)
        """What hooks of this turn belong to."""
        self._bus = bus

    def caused_by(self, event: Event) -> None:
        """Name an event as the cause of all that follow."""
        self.scope = Scope(self.scope.session_id, self.scope.correlation_id, event.id)

    async def tell(self, what: str, **facts: Any) -> Event:
        """Publish `core:chat:<what>`."""
        return await self._emit(what, facts, None)

    async def step(
        self, step: str, seconds: float, tokens: int | None = None, detail: str = "", *, ago: float = 0.0
    ) -> None:
        """Say that a step of the turn has ended.

        Args:
            step: load, prompt, prefill, decode or store.
            seconds: how long it took.
            tokens: what it read or wrote.
            detail: more, in a few words.
            ago: seconds since its end.
        """
        facts = {
            "step": step,
            "duration_ms": round(seconds * 1000, 3),
            "tokens": tokens,
            "detail": detail,
        }
        await self._emit("step_finished", facts, datetime.now(UTC) - timedelta(seconds=ago))

    async def _emit(self, what: str, facts: dict[str, Any], time: datetime | None) -> Event:
        return await self._bus.emit(
            f"core:chat:{what}",
            facts,
            source="chat",
            session_id=self.scope.session_id,
            correlation_id=self.scope.correlation_id,
            parent_id=self.scope.parent_id,
            time=time,
        )
