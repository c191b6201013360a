"""Lets hooks see every event before it is published and logged."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.events.names import payload_problem
from workbench.app.hooks import points
from workbench.app.hooks.hook import Scope
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.recorder import RAN
from workbench.app.hooks.results import Cancel
from workbench.app.hooks.run import Outcome
from workbench.app.hooks.values import EventDraft
from workbench.app.hooks.within import is_within, within

_HERE: Final = frozenset({points.EVENT_PUBLISH.name})


def screen_events(bus: EventBus, hooks: Hooks) -> None:
    """Run the hooks of `event:publish` on the bus's events, whenever there are any.

    An event that a hook publishes while it looks at another passes the workbench's own hooks only.
    """

    async def ask(event: Event, *, trusted: bool) -> Outcome[EventDraft]:
        draft = EventDraft(name=event.name, source=event.source, payload=event.payload)
        scope = Scope(event.session_id, event.correlation_id, event.parent_id)
        with within(_HERE):
            return await hooks.run(points.EVENT_PUBLISH, draft, scope, trusted=trusted)

    async def screen(event: Event) -> Event | None:
        outcome = await ask(event, trusted=is_within(points.EVENT_PUBLISH.name))
        if isinstance(outcome.decision, Cancel):
            return None
        payload = outcome.value.payload
        if payload is event.payload:
            return event
        if payload_problem(event.name, payload) is not None:
            # What does not fit is not taken; what is masked must be, whatever the hooks of others made of it.
            if not hooks.all_trusted(points.EVENT_PUBLISH):
                payload = (await ask(event, trusted=True)).value.payload
            payload = _fitting(event.name, event.payload, payload)
        if event.name == RAN and payload != event.payload:
            # It no longer holds what the hooks got, so that it cannot be replayed.
            payload = {**payload, "screened": True}
        return msgspec.structs.replace(event, payload=payload)

    def install() -> None:
        bus.screen = screen if hooks.has(points.EVENT_PUBLISH) else None

    hooks.on_change = install
    install()


def _fitting(name: str, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return a payload with those of its changed fields with which it still fits its declared type."""
    kept = before
    for field in before.keys() & after.keys():
        changed = {**kept, field: after[field]}
        if payload_problem(name, changed) is None:
            kept = changed
    return kept
