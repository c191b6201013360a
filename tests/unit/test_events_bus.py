"""The bus: order, the three policies and their counters, however publishing, taking and closing mix."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.errors import EventError
from workbench.app.events.bus import EventBus, Policy
from workbench.app.events.event import Event
from workbench.app.events.patterns import name_matcher
from workbench.app.events.subscription import Subscription

NAMES = ("a:x", "a:y", "b:x")
PATTERNS = ("*", "a:*", "b:x")
POLICIES: tuple[Policy, ...] = ("durable", "drop_oldest", "coalesce")


async def publish(bus: EventBus, *names: str) -> list[Event]:
    return [await bus.emit(name, {}, source="test") for name in names]


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


# --- any interleaving ---------------------------------------------------------------------------------


@dataclass
class Listener:
    """A subscription with what was published to it and what it took."""

    subscription: Subscription
    capacity: int
    published: list[Event] = field(default_factory=list)
    taken: list[Event] = field(default_factory=list)

    def check(self) -> None:
        subscription = self.subscription
        assert subscription.delivered + subscription.dropped + subscription.lag == len(self.published)
        assert subscription.delivered == len(self.taken)
        seqs = [event.seq for event in self.taken]
        assert seqs == sorted(seqs) and len(set(seqs)) == len(seqs)
        allowed = {event.seq for event in self.published}
        assert allowed.issuperset(seqs)
        if subscription.policy == "durable":
            assert subscription.dropped == 0
            assert self.taken == self.published[: len(self.taken)]
        else:
            assert subscription.lag <= 2 * self.capacity


class Play:
    """Runs a list of steps against a bus and checks the rules after each."""

    def __init__(self) -> None:
        self.bus = EventBus(stuck_after=3600)
        self.listeners: list[Listener] = []
        self.publishers: list[asyncio.Task[Event]] = []
        self.published: list[Event] = []
        self.watch = self.bus.subscribe("*", "durable", capacity=10_000)

    async def step(self, what: str, number: int, other: int) -> None:
        if what == "subscribe":
            capacity = 1 + other % 4
            policy = POLICIES[other % 3]
            subscription = self.bus.subscribe(PATTERNS[number % 3], policy, capacity=capacity)
            self.listeners.append(Listener(subscription, capacity))
        elif what == "publish":
            self.publish(NAMES[number % 3])
        elif what == "cancel" and self.publishers:
            self.publishers[number % len(self.publishers)].cancel()
        elif self.listeners:
            listener = self.listeners[number % len(self.listeners)]
            if what == "close":
                listener.subscription.close()
            elif listener.subscription.lag and what == "take one":
                listener.taken.append(await anext(listener.subscription))
            elif listener.subscription.lag and what == "take all":
                await self.take_all(listener)
        await asyncio.sleep(0)
        for listener in self.listeners:
            listener.check()

    def publish(self, name: str) -> None:
        event = Event(name=name, source="test")
        for listener in self.listeners:
            if not listener.subscription.closed and name_matcher(listener.subscription.pattern)(name):
                listener.published.append(event)
        self.published.append(event)
        # It runs when the step ends, before any other step: what the listeners expect is what they get.
        self.publishers.append(asyncio.create_task(self.bus.publish(event)))

    async def take_all(self, listener: Listener) -> None:
        while listener.subscription.lag:
            listener.taken.append(await anext(listener.subscription))

    async def finish(self) -> None:
        for listener in self.listeners:
            await self.take_all(listener)
            listener.check()
            assert listener.subscription.lag == 0
            if listener.subscription.policy == "durable":
                assert listener.taken == listener.published
        self.bus.close()
        done = await asyncio.gather(*self.publishers, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError | Event) for result in done)
        assert [event async for event in self.watch] == self.published
        assert [event.seq for event in self.published] == list(range(1, len(self.published) + 1))


STEPS = st.tuples(
    st.sampled_from(
        ["subscribe", "publish", "publish", "publish", "take one", "take all", "close", "cancel"]
    ),
    st.integers(0, 11),
    st.integers(0, 11),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_every_interleaving_keeps_order_and_counts_and_durable_loses_nothing(
    steps: list[tuple[str, int, int]],
) -> None:
    async def run() -> None:
        play = Play()
        for step in steps:
            await play.step(*step)
        await play.finish()

    asyncio.run(run())


# --- publishing ---------------------------------------------------------------------------------------


async def test_events_are_numbered_from_the_logs_end_without_gaps() -> None:
    bus = EventBus(first_seq=8)
    assert bus.last_seq == 7
    assert [event.seq for event in await publish(bus, "a:x", "a:y")] == [8, 9]
    later = EventBus()
    later.continue_from(41)
    await later.publish_many([Event(name="a:x", source="test"), Event(name="a:x", source="test")])
    assert later.last_seq == 43


async def test_an_event_that_is_published_again_leaves_the_first_as_it_was() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    event = Event(name="a:x", source="test")
    await bus.publish(event)
    await bus.publish(event)
    first, second = await subscription.next_batch()
    assert (first.seq, second.seq, event.seq) == (1, 2, 1)
    assert first.id == second.id


async def test_an_event_does_not_change_when_its_maker_uses_the_dictionary_again() -> None:
    facts = {"count": 1}
    event = await EventBus().emit("a:x", facts, source="test")
    facts["count"] = 2
    assert event.payload == {"count": 1}


async def test_emit_passes_on_what_the_event_belongs_to() -> None:
    event = await EventBus().emit("a:x", source="s", session_id="1", correlation_id="2", parent_id="3")
    assert (event.source, event.session_id, event.correlation_id, event.parent_id) == ("s", "1", "2", "3")
    assert event.payload == {}


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("core:system:stopped", {"face": 3}),
        ("core:no:such", {}),
        ("Bad Name", {}),
        ("plugin:x", {"a": object()}),
    ],
)
async def test_a_wrong_event_raises_on_a_strict_bus_and_is_told_of_on_another(
    name: str, payload: dict[str, object]
) -> None:
    with pytest.raises(EventError) as caught:
        await EventBus(strict=True).emit(name, payload, source="test")
    assert caught.value.code == "event.bad_payload"
    bus = EventBus()
    subscription = bus.subscribe("core:event:invalid")
    event = await bus.emit(name, payload, source="test", session_id="s")
    assert await subscription.next_batch() == [event]
    assert event.name == "core:event:invalid"
    assert event.session_id == "s"
    assert event.payload["name"] == name
    assert event.payload["problem"]
    assert event.payload["payload"].keys() == payload.keys()


# --- policies -----------------------------------------------------------------------------------------


async def test_dropping_keeps_the_newest_and_counts_the_rest() -> None:
    bus = EventBus()
    subscription = bus.subscribe("a:*", "drop_oldest", capacity=3, name="pane")
    events = await publish(bus, *["a:x", "b:x"] * 5)
    assert subscription.dropped == 2
    assert await subscription.next_batch() == [event for event in events if event.name == "a:x"][-3:]
    assert (subscription.delivered, subscription.lag) == (3, 0)


async def test_coalescing_keeps_the_newest_of_each_key_in_the_order_they_came() -> None:
    bus = EventBus()
    by_name = bus.subscribe("*", "coalesce")
    by_source = bus.subscribe("*", "coalesce", key=lambda event: event.source)
    events = await publish(bus, "a:x", "a:y", "a:x", "b:x")
    assert await by_name.next_batch() == [events[1], events[2], events[3]]
    assert await by_source.next_batch() == [events[3]]
    assert (by_name.dropped, by_source.dropped) == (1, 3)


async def test_coalescing_tells_sessions_apart_and_has_a_bound() -> None:
    bus = EventBus()
    subscription = bus.subscribe("*", "coalesce", capacity=2)
    events = [await bus.emit("a:x", source="t", session_id=session) for session in ("1", "2", "1", "3")]
    assert await subscription.next_batch() == events[2:]
    assert subscription.dropped == 2


async def test_a_full_durable_subscriber_makes_publishers_wait_until_it_takes() -> None:
    bus = EventBus()
    subscription = bus.subscribe("*", "durable", capacity=2)
    await publish(bus, "a:x", "a:y")
    waiting = asyncio.create_task(bus.emit("b:x", source="test"))
    await settle()
    assert not waiting.done()
    assert len(await subscription.next_batch()) == 3
    await waiting


async def test_a_publisher_that_waits_does_not_let_later_events_overtake_its_own() -> None:
    bus = EventBus()
    full = bus.subscribe("a:*", "durable", capacity=1)
    beside = bus.subscribe("*", "drop_oldest")
    waiting = [asyncio.create_task(bus.emit(name, source="t")) for name in ("a:x", "a:y", "b:x", "a:x")]
    await settle()
    assert [event.seq for event in await beside.next_batch()] == [1, 2, 3, 4]
    assert [event.seq for event in await full.next_batch()] == [1, 2, 4]
    await asyncio.gather(*waiting)


async def test_a_cancelled_publisher_has_published() -> None:
    bus = EventBus()
    subscription = bus.subscribe("*", "durable", capacity=1)
    await publish(bus, "a:x")
    waiting = asyncio.create_task(bus.emit("a:y", source="test"))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [event.name for event in await subscription.next_batch()] == ["a:x", "a:y"]


async def test_closing_a_full_subscriber_lets_its_publishers_go() -> None:
    bus = EventBus()
    subscription = bus.subscribe("*", "durable", capacity=1)
    await publish(bus, "a:x")
    waiting = asyncio.create_task(bus.emit("a:y", source="test"))
    await settle()
    subscription.close()
    await waiting
    assert not subscription.stuck


async def test_a_durable_subscriber_that_stops_is_cut_off_and_told_of() -> None:
    bus = EventBus(strict=True, stuck_after=0.05)
    stuck = bus.subscribe("*", "durable", capacity=1, name="sleeper")
    healthy = bus.subscribe("*", "durable", name="healthy")
    facts = {"face": "test"}
    for _ in range(3):
        await bus.emit("core:system:stopped", facts, source="test")
    assert stuck.stuck and stuck.closed
    assert list(bus.subscriptions) == [healthy]
    told = [event for event in await healthy.next_batch() if event.name == "core:event:subscriber_stuck"]
    assert [event.payload for event in told] == [{"subscriber": "sleeper", "pattern": "*", "lag": 2}]
    # What it holds it can still read; then it learns why there is no more.
    assert len(await stuck.next_batch()) == 2
    for _ in range(2):
        with pytest.raises(EventError) as caught:
            await stuck.next_batch()
        assert caught.value.code == "event.subscriber_stuck"
    with pytest.raises(EventError):
        await anext(stuck)


async def test_a_slow_subscriber_that_keeps_taking_is_never_cut_off() -> None:
    bus = EventBus(stuck_after=60)
    subscription = bus.subscribe("*", "durable", capacity=1)

    async def take_slowly() -> int:
        count = 0
        async for batch in subscription.batches():
            count += len(batch)
            await settle()
        return count

    taker = asyncio.create_task(take_slowly())
    await asyncio.gather(*(bus.emit("a:x", source=str(number)) for number in range(500)))
    subscription.close()
    assert await taker == 500
    assert not subscription.stuck


# --- subscribing and taking ---------------------------------------------------------------------------


async def test_a_waiting_subscriber_is_woken_one_event_at_a_time_or_in_batches() -> None:
    bus = EventBus()
    one, many = bus.subscribe("a:*"), bus.subscribe("*")
    first = asyncio.create_task(anext(one))
    batch = asyncio.create_task(many.next_batch())
    await settle()
    events = await publish(bus, "b:x", "a:x", "a:y")
    assert await first == events[1]
    assert await batch == events
    assert one.lag == 1
    assert await anext(one) == events[2]


async def test_a_cancelled_wait_loses_nothing() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    waiting = asyncio.create_task(subscription.next_batch())
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    events = await publish(bus, "a:x")
    assert await subscription.next_batch() == events


async def test_two_takers_share_a_subscription() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    takers = [asyncio.create_task(subscription.next_batch()) for _ in range(2)]
    await settle()
    events = await publish(bus, "a:x")
    await settle()
    events += await publish(bus, "a:y")
    taken = await asyncio.gather(*takers)
    assert sorted((event for batch in taken for event in batch), key=lambda event: event.seq) == events


async def test_closing_ends_the_iteration_after_what_waits() -> None:
    bus = EventBus()
    with bus.subscribe("*", name="pane") as subscription:
        events = await publish(bus, "a:x", "a:y")
        assert list(bus.subscriptions) == [subscription]
    assert list(bus.subscriptions) == []
    await publish(bus, "a:x")
    assert [event async for event in subscription] == events
    assert [batch async for batch in subscription.batches()] == []
    subscription.close()


async def test_closing_the_bus_wakes_everyone_who_waits() -> None:
    bus = EventBus()
    takers = [asyncio.create_task(bus.subscribe("*", policy).next_batch()) for policy in POLICIES]
    await settle()
    bus.close()
    assert await asyncio.gather(*takers) == [[], [], []]


async def test_subscribing_later_changes_the_route_of_known_names() -> None:
    bus = EventBus()
    await publish(bus, "a:x")
    late = bus.subscribe("a:*")
    await publish(bus, "a:x")
    assert late.lag == 1
    late.close()
    await publish(bus, "a:x")
    assert late.lag == 1


async def test_endless_new_names_do_not_fill_the_memory() -> None:
    bus = EventBus()
    subscription = bus.subscribe("plugin:*", capacity=20_000)
    for number in range(10_000):
        await bus.emit(f"plugin:n{number}", source="test")
    assert len(bus._routes) <= 4096
    assert subscription.lag == 10_000


def test_a_subscription_needs_a_pattern_and_room() -> None:
    with pytest.raises(EventError):
        EventBus().subscribe("not a pattern")
    with pytest.raises(ValueError, match="capacity"):
        EventBus().subscribe(capacity=0)
