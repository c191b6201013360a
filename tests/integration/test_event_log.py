"""The event log: everything in order and without gaps, found again, and never in a publisher's way."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.errors import EventError
from workbench.app.events import log as log_module
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event, from_json, repaired, to_json
from workbench.app.events.filter.syntax import Name
from workbench.app.events.log import EventLog, forget_old_events, last_seq
from workbench.app.events.reader import EventReader
from workbench.app.events.rows import from_microseconds, microseconds
from workbench.app.paths import Paths, paths_for
from workbench.app.store import writer as writer_module
from workbench.app.store.store import Store
from workbench.tests.integration.store_kit import Disk, attach_disk, wait_until, write_lock

STOPPED = "core:system:stopped"
FACE = {"face": "test"}
TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children, max_size=3),
    max_leaves=6,
)


async def found(store: Store, pattern: str = "*") -> list[Event]:
    return [event async for event in EventReader(store).each(Name(pattern))]


async def seqs(store: Store) -> list[int]:
    return [event.seq for event in await found(store)]


async def publish(bus: EventBus, count: int) -> None:
    for _ in range(count):
        await bus.emit(STOPPED, FACE, source="test")


@asynccontextmanager
async def opened_log(folder: Path) -> AsyncIterator[tuple[Store, EventBus, EventLog]]:
    store = await Store.open(paths_for(folder))
    bus = EventBus(await last_seq(store) + 1)
    log = EventLog(store, bus)
    try:
        yield store, bus, log
    finally:
        await log.close()
        await store.close()


# --- keeping ------------------------------------------------------------------------------------------


async def test_everything_is_kept_in_order_over_restarts(tmp_path: Path) -> None:
    for start in range(3):
        async with opened_log(tmp_path) as (store, bus, log):
            assert await seqs(store) == list(range(1, start * 100 + 1))
            await publish(bus, 60)
            await log.flush()
            assert await last_seq(store) == start * 100 + 60
            await publish(bus, 40)
            # Closing keeps what was not flushed.


async def test_a_burst_larger_than_every_buffer_is_kept_whole(tmp_path: Path) -> None:
    async with opened_log(tmp_path) as (store, bus, log):
        count = log_module._CAPACITY + 3 * log_module._BATCH
        await bus.publish_many(Event(name=STOPPED, source="test", payload=FACE) for _ in range(count))
        await log.flush()
        assert await store.read("SELECT count(*), min(seq), max(seq) FROM events") == [(count, 1, count)]
        assert log.lost == 0


EVENTS = st.lists(
    st.builds(
        Event,
        name=st.sampled_from(["core:a:b", "plugin:x"]),
        source=TEXT,
        payload=st.dictionaries(TEXT, JSON, max_size=3),
        session_id=st.none() | TEXT,
        correlation_id=st.none() | TEXT,
        parent_id=st.none() | TEXT,
        language=TEXT,
        time=st.integers(0, 2**52).map(from_microseconds),
        schema=st.integers(1, 9),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(EVENTS)
def test_events_come_back_as_they_were_from_the_log_and_from_an_export(events: list[Event]) -> None:
    async def run(folder: Path) -> None:
        async with opened_log(folder) as (store, bus, log):
            heard = bus.subscribe()
            await bus.publish_many(events)
            await log.flush()
            published = await heard.next_batch() if events else []
            kept = await found(store)
            assert kept == published
            assert [from_json(line) for line in map(to_json, kept)] == published

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_an_event_that_cannot_be_written_as_it_is_takes_no_neighbour_with_it(tmp_path: Path) -> None:
    odd = [
        Event(name="plugin:x", source="s", payload={"thing": object()}),
        Event(name="plugin:x", source="s", payload={"file": "caf\udce9"}),
        Event(name="plugin:x", source="caf\udce9", session_id="\udc00"),
        Event(name="plugin:x", source="s", payload={"huge": 10**5000}),
    ]
    async with opened_log(tmp_path) as (store, bus, log):
        await publish(bus, 2)
        await bus.publish_many(odd)
        await publish(bus, 2)
        await log.flush()
        kept = await found(store)
        assert [event.seq for event in kept] == list(range(1, 9))
        assert kept[2].payload["thing"].startswith("<object object")
        assert kept[3:6] == [repaired(event) for event in odd[1:]]
        assert log.lost == 0


async def test_flushing_waits_for_the_commit(tmp_path: Path) -> None:
    async with opened_log(tmp_path) as (store, bus, log):
        await log.flush()
        await publish(bus, 1)
        await log.flush()
        await log.flush()
        assert await last_seq(store) == 1


async def test_a_closed_log_keeps_no_one_waiting(store: Store, bus: EventBus) -> None:
    log = EventLog(store, bus)
    await publish(bus, 3)
    await log.close()
    await log.close()
    await publish(bus, 1)
    await log.flush()
    assert await last_seq(store) == 3


async def test_a_log_that_was_cut_off_says_so(store: Store, bus: EventBus) -> None:
    log = EventLog(store, bus)
    await publish(bus, 3)
    (subscription,) = bus.subscriptions
    subscription.declare_stuck()
    await log.flush()
    assert await last_seq(store) == 3
    with pytest.raises(EventError) as caught:
        await log.close()
    assert caught.value.code == "event.subscriber_stuck"


# --- a disk that refuses ------------------------------------------------------------------------------


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk that can be full, beside a log with small buffers."""
    monkeypatch.setattr(writer_module, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(log_module, "_CAPACITY", 100)
    monkeypatch.setattr(log_module, "_BATCH", 40)
    return attach_disk(monkeypatch)


async def fill_pages(store: Store) -> None:
    """Leave no room in the pages that the events have."""
    await store.write("CREATE TABLE ballast (x TEXT)")
    await store.write("INSERT INTO ballast VALUES (?)", ("x" * 50_000,))


async def big_events(bus: EventBus, count: int) -> None:
    for _ in range(count):
        await bus.emit(STOPPED, {"face": "x" * 2000}, source="test")


def missing(kept: list[int], last: int) -> list[int]:
    return sorted(set(range(1, last + 1)) - set(kept))


async def test_publishers_never_stick_on_a_full_disk_and_the_gap_is_told(
    paths: Paths, bus: EventBus, disk: Disk
) -> None:
    store = await Store.open(paths, wait_for_disk=True)
    log = EventLog(store, bus)
    await big_events(bus, 10)
    await log.flush()
    await disk.fill()
    await big_events(bus, 40)
    await wait_until(lambda: store.read_only_reason)
    started = time.monotonic()
    await big_events(bus, 1000)
    assert time.monotonic() - started < 20
    assert not any(subscription.stuck for subscription in bus.subscriptions)
    await wait_until(lambda: log.lost)
    heard = bus.subscribe("core:event:log_gap")
    await disk.free()
    gap = (await anext(heard)).payload
    await log.flush()
    kept = await seqs(store)
    assert missing(kept, bus.last_seq) == list(range(gap["first_seq"], gap["last_seq"] + 1))
    assert log.lost == gap["last_seq"] - gap["first_seq"] + 1
    assert gap["reason"]
    assert [event.payload for event in await found(store, pattern="core:event:log_gap")] == [gap]
    await log.close()
    await store.close()


async def test_a_script_on_a_full_disk_loses_events_but_tells_of_each_gap_once(
    paths: Paths, bus: EventBus, disk: Disk
) -> None:
    store = await Store.open(paths)
    log = EventLog(store, bus)
    await big_events(bus, 10)
    await log.flush()
    await disk.fill()
    await big_events(bus, 90)
    await log.flush()
    # Nobody is told now: to tell is one more event that the disk does not take.
    assert bus.last_seq == 100
    assert log.lost > 0
    heard = bus.subscribe("core:event:log_gap")
    await disk.free()
    await publish(bus, 1)
    gap = (await anext(heard)).payload
    await log.flush()
    assert gap["last_seq"] == 100
    assert missing(await seqs(store), bus.last_seq) == list(range(gap["first_seq"], 101))
    assert "is full" in gap["reason"]
    await log.close()
    await store.close()
    assert heard.lag == 0


async def test_a_disk_that_hangs_does_not_stop_publishers(paths: Paths, disk: Disk) -> None:
    store = await Store.open(paths)
    bus = EventBus(strict=True, stuck_after=0.4)
    log = EventLog(store, bus)
    async with write_lock(paths):
        for _ in range(8):
            await publish(bus, 60)
        assert store.read_only_reason is None
        assert log.lost > 0
    assert not any(subscription.stuck for subscription in bus.subscriptions)
    await publish(bus, 1)
    await log.flush()
    await log.close()
    assert len(await seqs(store)) == bus.last_seq - log.lost
    await store.close()


async def test_ending_with_a_full_disk_is_bounded(
    paths: Paths, bus: EventBus, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_CLOSE_READ_ONLY_SECONDS", 0.05)
    monkeypatch.setattr(writer_module, "_CLOSE_SECONDS", 0.05)
    store = await Store.open(paths, wait_for_disk=True)
    log = EventLog(store, bus)
    await disk.fill()
    await big_events(bus, 90)
    await wait_until(lambda: store.read_only_reason)
    started = time.monotonic()
    await log.close()
    await log.flush()
    await store.close()
    assert time.monotonic() - started < 15


async def test_a_close_that_is_cancelled_leaves_no_task(paths: Paths, bus: EventBus, disk: Disk) -> None:
    store = await Store.open(paths, wait_for_disk=True)
    log = EventLog(store, bus)
    await disk.fill()
    await big_events(bus, 90)
    await wait_until(lambda: store.read_only_reason)
    closing = asyncio.create_task(log.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await disk.free()
    await store.close()


async def test_a_store_that_is_closed_first_ends_the_log_too(paths: Paths, bus: EventBus) -> None:
    store = await Store.open(paths)
    log = EventLog(store, bus)
    await publish(bus, 3)
    await store.close()
    await publish(bus, 3)
    await log.flush()
    await log.close()
    assert log.lost >= 3


# --- forgetting ---------------------------------------------------------------------------------------


async def aged(store: Store, ages: list[int]) -> None:
    """Put events of the given ages in days into the log."""
    now = datetime.now(UTC)
    bus = EventBus()
    log = EventLog(store, bus)
    await bus.publish_many(Event(name="a:b", source="t", time=now - timedelta(days=age)) for age in ages)
    await log.close()


@pytest.mark.parametrize(
    ("ages", "days", "rows", "kept"),
    [
        ([], 10, 10, []),
        ([1, 1, 1], 10, 10, [1, 2, 3]),
        ([20, 15, 9, 1], 10, 10, [3, 4]),
        ([1, 1, 1, 1], 10, 2, [3, 4]),
        ([20, 1, 1, 1], 10, 2, [3, 4]),
        ([20, 20, 20, 1], 10, 3, [4]),
        ([20, 20, 20], 10, 10, [3]),
        ([1, 1], 10, 0, [2]),
        # A clock that was ahead for a while: what came after is kept with it.
        ([20, 1, 20, 1], 10, 10, [2, 3, 4]),
    ],
)
async def test_old_events_are_forgotten_but_never_the_newest(
    store: Store, ages: list[int], days: int, rows: int, kept: list[int]
) -> None:
    await aged(store, ages)
    assert await forget_old_events(store, keep_days=days, keep_rows=rows) == len(ages) - len(kept)
    assert await seqs(store) == kept
    assert await forget_old_events(store, keep_days=days, keep_rows=rows) == 0


async def test_forgetting_many_lets_messages_get_between(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_FORGOTTEN", 50)
    await aged(store, [20] * 1000 + [1])
    forgetting = asyncio.create_task(forget_old_events(store, keep_days=10, keep_rows=10_000))
    await asyncio.sleep(0)
    await store.write("INSERT INTO sessions VALUES ('s', '', 0, 0, NULL, NULL, '')")
    assert not forgetting.done()
    assert await forgetting == 1000
    assert await seqs(store) == [1001]


@given(st.integers(0, 2**52))
def test_times_are_kept_to_the_microsecond(count: int) -> None:
    assert microseconds(from_microseconds(count)) == count
