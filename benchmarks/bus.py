"""The bus against `asyncio.Queue`.

One publisher sends the same events to 1 or 10 subscribers that read everything. Bus: one `publish` an event
to durable subscriptions, which are read in batches. Queue: one `put` for each event and subscriber, each with
a consumer that awaits one item at a time. Both hold at most 4,096 events for each subscriber.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event
from workbench.app.events.subscription import Subscription
from workbench.benchmarks.result import Figure, Result, least
from workbench.benchmarks.rounds import in_turns, middle, ratios

_CAPACITY = 4096
_TARGETS = {1: 2.0, 10: 4.0}


async def measure(quick: bool) -> Result:
    """Run the benchmark."""
    events, rounds = (5_000, 1) if quick else (200_000, 9)
    claims, figures = [], []
    for subscribers, target in _TARGETS.items():
        people = "1 subscriber" if subscribers == 1 else f"{subscribers} subscribers"
        pairs = await in_turns(
            f"bus, {people}",
            lambda count=subscribers: through_bus(events // count, count),  # type: ignore[misc]
            lambda count=subscribers: through_queues(events // count, count),  # type: ignore[misc]
            rounds,
        )
        claims.append(least(f"bus over asyncio.Queue, {people}", ratios(pairs), target))
        figures.append(Figure(f"bus, {people}", middle([pair.ours for pair in pairs]), "events/s"))
        figures.append(Figure(f"asyncio.Queue, {people}", middle([pair.peer for pair in pairs]), "events/s"))
    return Result(claims=claims, figures=figures)


async def through_bus(count: int, subscribers: int) -> float:
    """Send events through the bus; return events a second, until every subscriber has read them all."""
    bus = EventBus()

    async def read(subscription: Subscription) -> None:
        left = count
        while left > 0:
            left -= len(await subscription.next_batch())

    subscriptions = [bus.subscribe("*", "durable", capacity=_CAPACITY) for _ in range(subscribers)]
    readers = [asyncio.create_task(read(subscription)) for subscription in subscriptions]
    await asyncio.sleep(0)
    events = _events(count)
    began = time.perf_counter()
    for event in events:
        await bus.publish(event)
    await asyncio.gather(*readers)
    return count / (time.perf_counter() - began)


async def through_queues(count: int, subscribers: int) -> float:
    """Send events through one queue a subscriber; return events a second."""
    queues: list[asyncio.Queue[Event]] = [asyncio.Queue(_CAPACITY) for _ in range(subscribers)]

    async def read(queue: asyncio.Queue[Event]) -> None:
        for _ in range(count):
            await queue.get()

    readers = [asyncio.create_task(read(queue)) for queue in queues]
    await asyncio.sleep(0)
    events = _events(count)
    began = time.perf_counter()
    for event in events:
        for queue in queues:
            await queue.put(event)
    await asyncio.gather(*readers)
    return count / (time.perf_counter() - began)


def _events(count: int) -> Sequence[Event]:
    return [Event(name="core:benchmark:tick", source="benchmark") for _ in range(count)]
