"""Lets hooks see every event before it is published and logged."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

import msgspec

from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.events.names import payload_problem
from workbench.app.hooks import points
from workbench.app.hooks.hook import Scope
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.recorder import RAN
from workbench.app.hooks.results import Cancel
from workbench.app.hooks.values import EventDraft

# An event that a hook publishes while it looks at another is not looked at: that would never end.
_looking: Final[ContextVar[bool]] = ContextVar("workbench_event_screen", default=False)


def screen_events(bus: EventBus, hooks: Hooks) -> None:
    """Run the hooks of `event:publish` on the bus's events, whenever there are any."""

    async def screen(event: Event) -> Event | None:
        if _looking.get():
            return event
        token = _looking.set(True)
        try:
            draft = EventDraft(name=event.name, source=event.source, payload=event.payload)
            scope = Scope(event.session_id, event.correlation_id, event.parent_id)
            outcome = await hooks.run(points.EVENT_PUBLISH, draft, scope)
        finally:
            _looking.reset(token)
        if isinstance(outcome.decision, Cancel):
            return None
        payload = outcome.value.payload
        if payload is event.payload or payload_problem(event.name, payload) is not None:
            # A payload that no longer fits its declared type is not taken.
            return event
        if event.name == RAN:
            # It no longer holds what the hooks got, so that it cannot be replayed.
            payload = {**payload, "screened": True}
        return msgspec.structs.replace(event, payload=payload)

    def install() -> None:
        bus.screen = screen if hooks.has(points.EVENT_PUBLISH) else None

    hooks.on_change = install
    install()
