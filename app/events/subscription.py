"""One subscriber's side of the bus: a bounded buffer, its policy and its counters."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Self

from workbench.app.errors import EventError
from workbench.app.events.event import Event


class Subscription(ABC):
    """An async iterator over the events that fit a pattern; made by `EventBus.subscribe`.

    Use it as a context manager, or call `close`. Iterate events one at a time, or `batches()` to take all
    that wait at once, which costs one wake-up a batch. The subclasses are the policies; each keeps its own
    buffer, so that an event costs one call.

    Args:
        pattern: the event names it takes.
        name: shown beside the counters.
        capacity: most events that wait.
        on_close: called once when it is closed.

    At every moment `delivered + dropped + lag` is the number of events that were published to it.
    """

    policy: str

    def __init__(
        self, pattern: str, name: str, capacity: int, on_close: Callable[[Subscription], None]
    ) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self.pattern = pattern
        self.name = name
        self.dropped = 0
        self._capacity = capacity
        self._on_close = on_close
        self._taken = 0
        self._takes = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._waiting = False
        self._closed = False
        self._stuck = False
        self._batch: deque[Event] = deque()

    @abstractmethod
    def offer(self, event: Event) -> bool:
        """Take an event from the bus; False when the publisher must wait until the buffer is taken."""

    @abstractmethod
    def _take(self) -> list[Event]:
        """Return all waiting events, oldest first, and empty the buffer."""

    @abstractmethod
    def _waiting_count(self) -> int:
        """Return how many events wait in the buffer."""

    @property
    def lag(self) -> int:
        """Events that wait for the subscriber."""
        return self._waiting_count() + len(self._batch)

    @property
    def delivered(self) -> int:
        """Events handed to the subscriber so far."""
        return self._taken - len(self._batch)

    @property
    def stuck(self) -> bool:
        """Whether the bus cut this subscriber off because it took no events."""
        return self._stuck

    @property
    def closed(self) -> bool:
        """Whether no further events will arrive."""
        return self._closed

    @property
    def takes(self) -> int:
        """How often the subscriber has emptied its buffer."""
        return self._takes

    async def wait_for_take(self, takes: int) -> None:
        """Wait until the subscriber has emptied its buffer more than `takes` times, or is closed."""
        while self._takes == takes and not self._closed:
            self._room.clear()
            await self._room.wait()

    def declare_stuck(self) -> bool:
        """Cut the subscriber off; its iterator raises after what it holds. False if it already was."""
        if self._stuck or self._closed:
            return False
        self._stuck = True
        self.close()
        return True

    def close(self) -> None:
        """End the subscription; events that wait can still be read."""
        if not self._closed:
            self._closed = True
            self._arrived.set()
            self._room.set()
            self._on_close(self)

    async def next_batch(self) -> list[Event]:
        """Wait for events and return all that wait, oldest first; an empty list once closed and read out.

        Raises:
            EventError: `event.subscriber_stuck` when the bus cut this subscriber off.
        """
        while not self._waiting_count():
            if self._stuck:
                raise EventError(
                    "subscriber_stuck",
                    f"The subscriber {self.name} took no events for too long and was cut off.",
                    "Take events faster, or subscribe with another policy.",
                )
            if self._closed:
                return []
            self._arrived.clear()
            self._waiting = True
            await self._arrived.wait()
        events = self._take()
        self._takes += 1
        self._taken += len(events)
        self._room.set()
        return events

    async def batches(self) -> AsyncIterator[list[Event]]:
        """Iterate over batches until the subscription is closed."""
        while batch := await self.next_batch():
            yield batch

    def _wake(self) -> None:
        self._waiting = False
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not self._batch:
            self._batch.extend(await self.next_batch())
            if not self._batch:
                raise StopAsyncIteration
        return self._batch.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class DurableSubscription(Subscription):
    """Gets every event: when its buffer is full, the publisher leaves its event there and waits.

    Since no event is held back, all subscribers see one order, and a publisher that is cancelled while it
    waits has still published. So the buffer is bounded by its capacity plus the number of publishers at work.
    """

    policy = "durable"

    def __init__(
        self, pattern: str, name: str, capacity: int, on_close: Callable[[Subscription], None]
    ) -> None:
        super().__init__(pattern, name, capacity, on_close)
        self._events: list[Event] = []

    def offer(self, event: Event) -> bool:
        """Take the event; False when the publisher has to wait. A closed subscription lets all pass by."""
        if self._closed:
            return True
        events = self._events
        events.append(event)
        if self._waiting:
            self._wake()
        return len(events) <= self._capacity

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _waiting_count(self) -> int:
        return len(self._events)


class DroppingSubscription(Subscription):
    """Loses the oldest event when its buffer is full."""

    policy = "drop_oldest"

    def __init__(
        self, pattern: str, name: str, capacity: int, on_close: Callable[[Subscription], None]
    ) -> None:
        super().__init__(pattern, name, capacity, on_close)
        self._events: deque[Event] = deque(maxlen=capacity)

    def offer(self, event: Event) -> bool:
        """Take the event; the oldest goes when there is no room."""
        if not self._closed:
            events = self._events
            if len(events) == self._capacity:
                self.dropped += 1
            events.append(event)
            if self._waiting:
                self._wake()
        return True

    def _take(self) -> list[Event]:
        events = list(self._events)
        self._events.clear()
        return events

    def _waiting_count(self) -> int:
        return len(self._events)


class LatestSubscription(Subscription):
    """Keeps only the newest event of each key; the oldest key goes when there are too many.

    Args:
        key: what makes two events the same; the name and the session when left out. It must not raise.
    """

    policy = "coalesce"

    def __init__(
        self,
        pattern: str,
        name: str,
        capacity: int,
        on_close: Callable[[Subscription], None],
        key: Callable[[Event], Hashable] | None = None,
    ) -> None:
        super().__init__(pattern, name, capacity, on_close)
        self._key = key or _name_and_session
        self._events: dict[Hashable, Event] = {}

    def offer(self, event: Event) -> bool:
        """Take the event in place of an older one with its key."""
        if self._closed:
            return True
        events = self._events
        key = self._key(event)
        if events.pop(key, None) is not None:
            self.dropped += 1
        elif len(events) >= self._capacity:
            del events[next(iter(events))]
            self.dropped += 1
        events[key] = event
        if self._waiting:
            self._wake()
        return True

    def _take(self) -> list[Event]:
        events = list(self._events.values())
        self._events.clear()
        return events

    def _waiting_count(self) -> int:
        return len(self._events)


def _name_and_session(event: Event) -> Hashable:
    return event.name, event.session_id
