"""The bus: carries each event to every subscription whose pattern fits, with a bounded buffer for each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from workbench.app.errors import EventError
from workbench.app.events.event import Event, plain
from workbench.app.events.names import payload_problem
from workbench.app.events.patterns import name_matcher
from workbench.app.events.subscription import (
    DroppingSubscription,
    DurableSubscription,
    LatestSubscription,
    Subscription,
)

Policy = Literal["durable", "drop_oldest", "coalesce"]
Screen = Callable[[Event], Awaitable[Event | None]]

# Plugins and remote sources can invent names, so the routing cache is emptied when it grows past this.
_ROUTE_LIMIT: Final = 4096
_set_field = msgspec.structs.force_setattr


class EventBus:
    """Delivers events inside one event loop.

    Args:
        first_seq: number of the first event; the log's last number plus one.
        strict: raise on a payload that does not fit its declared type (tests) instead of publishing
            `core:event:invalid` (production).
        stuck_after: seconds a publisher waits for a full durable subscriber before cutting it off.

    All methods belong to the loop's thread. Publishing has no cost beyond one dict look-up for an event that
    nobody listens to.
    """

    def __init__(self, first_seq: int = 1, *, strict: bool = False, stuck_after: float = 5.0) -> None:
        self._next_seq = first_seq
        self._strict = strict
        self.stuck_after = stuck_after
        self._subscriptions: list[Subscription] = []
        self._matchers: dict[Subscription, Callable[[str], bool]] = {}
        self._routes: dict[str, tuple[Subscription, ...]] = {}
        self.screen: Screen | None = None
        """Sees every event before it is published: returns it, another in its place, or None to drop it."""

    @property
    def last_seq(self) -> int:
        """Number of the newest event, 0 before the first."""
        return self._next_seq - 1

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """The open subscriptions, oldest first, for panes that show their counters."""
        return tuple(self._subscriptions)

    def continue_from(self, last_seq: int) -> None:
        """Number the next event after `last_seq`, the log's newest; call it before anything is published."""
        self._next_seq = last_seq + 1

    def subscribe(
        self,
        pattern: str = "*",
        policy: Policy = "drop_oldest",
        *,
        capacity: int = 4096,
        key: Callable[[Event], Hashable] | None = None,
        name: str = "",
    ) -> Subscription:
        """Return a subscription: an async iterator over the events that fit.

        Args:
            pattern: see `patterns.name_matcher`.
            policy: `durable` (the publisher waits for room), `drop_oldest`, or `coalesce` (keep the newest
                event of each key). A durable subscriber must not publish from the loop that takes its events:
                with a full buffer it would wait for itself.
            capacity: events that may wait in the buffer.
            key: for `coalesce`: what makes two events the same; the name and session when left out.
            name: shown beside the counters.

        Raises:
            EventError: the pattern cannot be read.
        """
        matches = name_matcher(pattern)
        label = name or pattern
        subscription: Subscription
        if policy == "coalesce":
            subscription = LatestSubscription(pattern, label, capacity, self._remove, key)
        elif policy == "durable":
            subscription = DurableSubscription(pattern, label, capacity, self._remove)
        else:
            subscription = DroppingSubscription(pattern, label, capacity, self._remove)
        self._subscriptions.append(subscription)
        self._matchers[subscription] = matches
        self._routes.clear()
        return subscription

    async def emit(
        self,
        name: str,
        payload: dict[str, Any] | None = None,
        *,
        source: str,
        session_id: str | None = None,
        correlation_id: str | None = None,
        parent_id: str | None = None,
        time: datetime | None = None,
    ) -> Event:
        """Make an event, check its payload, publish it and return it as published.

        Args:
            name: `origin:area:what`.
            payload: its facts.
            source: the part that says so.
            session_id: the session it belongs to.
            correlation_id: the turn or job it belongs to.
            parent_id: the event that caused it.
            time: when it happened, if that was not now.

        Raises:
            EventError: `event.bad_payload`, only on a strict bus.
        """
        # A copy: an event does not change when its maker uses the dictionary again.
        facts = dict(payload) if payload else {}
        problem = payload_problem(name, facts)
        if problem is not None:
            if self._strict:
                raise EventError("bad_payload", f"The payload of {name} is wrong: {problem}.", event=name)
            facts = {"name": name, "problem": problem, "payload": plain(facts)}
            name = "core:event:invalid"
        event = Event(
            name=name,
            source=source,
            payload=facts,
            session_id=session_id,
            correlation_id=correlation_id,
            parent_id=parent_id,
            time=time or datetime.now(UTC),
        )
        return await self.publish(event)

    async def publish(self, event: Event) -> Event:
        """Give an event its number and deliver it.

        Returns:
            The event as published, when every durable subscription has room (or was cut off after
            `stuck_after` seconds). When the caller is cancelled while it waits for that, the event has been
            delivered nevertheless. An event that the screen drops keeps the number 0.
        """
        if self.screen is not None:
            screened = await self.screen(event)
            if screened is None:
                return event
            event = screened
        if event.seq:
            # It was published before, perhaps in another process: whoever holds it keeps its old number.
            event = msgspec.structs.replace(event)
        # The one place that writes to a frozen event: its number is not known before.
        _set_field(event, "seq", self._next_seq)
        self._next_seq += 1
        route = self._routes.get(event.name)
        if route is None:
            route = self._find_route(event.name)
        full: list[Subscription] | None = None
        for subscription in route:
            if not subscription.offer(event):
                full = [*(full or ()), subscription]
        if full is not None:
            await self._wait_for_room(full)
        return event

    async def publish_many(self, events: Iterable[Event]) -> None:
        """Publish several events in order."""
        for event in events:
            await self.publish(event)

    def close(self) -> None:
        """End every subscription; what they hold can still be read."""
        for subscription in tuple(self._subscriptions):
            subscription.close()

    def _find_route(self, name: str) -> tuple[Subscription, ...]:
        if len(self._routes) >= _ROUTE_LIMIT:
            self._routes.clear()
        route = tuple(sub for sub in self._subscriptions if self._matchers[sub](name))
        self._routes[name] = route
        return route

    async def _wait_for_room(self, full: list[Subscription]) -> None:
        deadline = asyncio.get_running_loop().time() + self.stuck_after
        for subscription, takes in [(each, each.takes) for each in full]:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await subscription.wait_for_take(takes)
            if subscription.takes == takes and subscription.declare_stuck():
                await self._tell_of_stuck(subscription)

    async def _tell_of_stuck(self, subscription: Subscription) -> None:
        facts = {"subscriber": subscription.name, "pattern": subscription.pattern, "lag": subscription.lag}
        await self.emit("core:event:subscriber_stuck", facts, source="bus")

    def _remove(self, subscription: Subscription) -> None:
        if subscription in self._matchers:
            self._subscriptions.remove(subscription)
            del self._matchers[subscription]
            self._routes.clear()
