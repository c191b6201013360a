"""Asking the log: every answer is what the filter says of every event, whatever the index knows."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import unicodedata
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.app.errors import EventError, StoreError
from workbench.app.events import search as search_module
from workbench.app.events.event import Event
from workbench.app.events.filter.match import matcher
from workbench.app.events.filter.parse import parse_filter
from workbench.app.events.filter.syntax import Compare, Everything, Filter, Name
from workbench.app.events.ids import new_id
from workbench.app.events.log import forget_old_events
from workbench.app.events.reader import LARGEST_FAMILY, EventReader
from workbench.app.events.text_index import TextIndex, indexed_seq
from workbench.app.paths import Paths, paths_for
from workbench.app.store.store import Store
from workbench.tests.integration.event_log_kit import fill
from workbench.tests.unit.filter_kit import NOW, filters
from workbench.tests.unit.filter_kit import events as some_events

START = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = ("core:chat:turn_started", "core:chat:reply_delta", "core:worker:metrics", "plugin:one:thing")
WORDS = (
    "files",
    "timeout",
    "memory",
    "Prüfung",
    "line\nbreak",
    'say "hello"',
    "C:\\new\\text",
    "\x1b[31mred",
)


def varied(count: int) -> list[Event]:
    """Return events that differ in every field, in the order of time."""
    return [
        Event(
            seq=number,
            id=f"id-{number}",
            name=NAMES[number % 3] if number % 500 else NAMES[3],
            source="chat" if number % 2 else "worker.llm",
            session_id=f"s{number // 300}" if number % 10 else None,
            correlation_id=f"t{number // 20}",
            payload={
                "number": number,
                "text": f"{WORDS[number % len(WORDS)]} {number}",
                "usage": {"tokens": number % 97},
                **({"note": "xylophone"} if number % 4999 == 7 else {}),
            },
            time=START + timedelta(seconds=number),
        )
        for number in range(1, count + 1)
    ]


FILTERS = [
    "*",
    "core:chat:*",
    "plugin:*",
    "nothing:*",
    "not core:chat:*",
    "core:* and not name ~ delta",
    'text ~ "timeout"',
    'text ~ "tim MEMO"',
    "text ~ xylo",
    "text ~ break",
    "text ~ nbreak",
    "text ~ new",
    "text ~ red",
    "text ~ ello",
    "text !~ files",
    'text ~ "prüf"',
    'text ~ "PRÜF"',
    'text ~ "::"',
    "plugin:* and text ~ files",
    "core:worker:* and (text ~ xylophone or payload.usage.tokens == 5)",
    "payload.note == xylophone",
    "payload.note != null",
    "payload.note == null and seq > 19990",
    'payload.text == "timeout 2025"',
    "payload.text ~ '202'",
    "payload.usage.tokens >= 90 and source == chat",
    "payload.usage.none == 1",
    "session == s12",
    "session == null and turn == t55",
    "turn == t55 and text ~ memory",
    "seq >= 700 and seq < 720",
    "not (seq > 40)",
    "source ~ LLM and payload.number <= 33",
    "since 2030-01-01T01:00:00+00:00 until 2030-01-01T01:00:30+00:00",
]


async def check(store: Store, events: list[Event], wanted: Filter, now: datetime) -> None:
    """Check every way of asking against the filter itself."""
    fits = matcher(wanted, now)
    fitting = [event for event in events if fits(event)]
    numbers = [event.seq for event in fitting]
    reader = EventReader(store)
    assert list(await reader.seqs(wanted, limit=len(events) + 1, now=now)) == numbers[::-1]
    middle = len(events) // 2
    upper = [number for number in numbers[::-1] if 3 < number < middle]
    assert list(await reader.seqs(wanted, below=middle, above=3, limit=5, now=now)) == upper[:5]
    assert await reader.newest(wanted, 7, now=now) == fitting[-7:]
    assert await reader.after(wanted, middle, 7, now=now) == [e for e in fitting if e.seq > middle][:7]
    if now is NOW:
        return
    assert await reader.count(wanted) == len(fitting)
    assert [event async for event in reader.each(wanted, now=now)] == fitting


# --- every filter -------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(some_events, max_size=12),
    st.lists(filters, min_size=1, max_size=12),
    st.integers(0, 12),
    st.sampled_from([0, 10**9]),
)
def test_the_log_answers_what_the_filter_says(
    events: list[Event], wanted: list[Filter], indexed: int, look_first: int
) -> None:
    numbered = [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(events, start=1)]

    async def run(folder: Path) -> None:
        store = await Store.open(paths_for(folder / "profile"))
        try:
            await fill(store, numbered[:indexed])
            await TextIndex(store, lambda: indexed).catch_up()
            await fill(store, numbered[indexed:])
            for each in wanted:
                await check(store, numbered, each, NOW)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder, patch.object(search_module, "_LOOK_FIRST", look_first):
        asyncio.run(run(Path(folder)))


@pytest.mark.parametrize("indexed", [0, 15_000, 20_000], ids=["no index", "behind", "whole index"])
async def test_a_long_log_is_read_in_pieces(store: Store, indexed: int) -> None:
    events = varied(20_000)
    await fill(store, events[:indexed])
    await TextIndex(store, lambda: indexed).catch_up()
    assert await indexed_seq(store) == indexed
    await fill(store, events[indexed:])
    with (
        patch.object(search_module, "_LOOK_FIRST", 2_000),
        patch.object(search_module, "_FIRST_SPAN", 500),
        patch.object(search_module, "_FEW", 100),
        patch.object(search_module, "_MOST_SPARSE", 3_000),
    ):
        for text in FILTERS:
            await check(store, events, parse_filter(text), START)


async def test_a_hundred_thousand_events(store: Store) -> None:
    """What is rare is found through the index, and pages follow each other without a gap."""
    events = varied(100_000)
    await fill(store, events)
    await TextIndex(store, lambda: len(events)).catch_up()
    reader = EventReader(store)
    assert await reader.bounds() == (1, 100_000)
    assert sorted(await reader.names()) == sorted(NAMES)
    assert len(await reader.seqs(parse_filter("text ~ xylophone"), limit=1_000)) == 21
    for text in ("core:chat:*", "text ~ memory", "payload.usage.tokens < 9"):
        wanted, below = parse_filter(text), None
        found: list[int] = []
        while page := await reader.seqs(wanted, below=below, limit=1_000):
            found += page
            below = page[-1]
        fits = matcher(wanted)
        assert found == [event.seq for event in events if fits(event)][::-1]


async def test_a_search_tells_how_far_it_is_and_can_be_left(store: Store) -> None:
    await fill(store, varied(100_000))
    reader = EventReader(store)
    wanted = parse_filter("payload.number == 17")
    reached: list[int] = []
    found: list[int] = []
    async with aclosing(reader.search(wanted)) as pieces:
        async for piece in pieces:
            reached.append(piece.reached)
            found += piece.seqs
    assert found == [17]
    assert len(reached) > 2
    assert reached == sorted(reached, reverse=True)
    assert reached[-1] == 1
    for _ in range(4):
        async with aclosing(reader.search(wanted)) as pieces:
            assert (await anext(pieces)).reached > 1
    # Every connection was given back.
    assert await reader.bounds() == (1, 100_000)


async def test_a_cancelled_search_stops_its_query(store: Store) -> None:
    await fill(store, varied(100_000))
    reader = EventReader(store)
    searches = [asyncio.create_task(reader.count(parse_filter("payload.number < 0"))) for _ in range(4)]
    await reader.bounds()
    for search in searches:
        search.cancel()
    began = monotonic()
    assert all(
        isinstance(each, asyncio.CancelledError)
        for each in await asyncio.gather(*searches, return_exceptions=True)
    )
    assert await reader.bounds() == (1, 100_000)
    assert monotonic() - began < 5


async def test_an_empty_log(store: Store) -> None:
    reader = EventReader(store)
    assert await reader.bounds() == (0, 0)
    assert list(await reader.seqs(Everything(), limit=5)) == []
    assert await reader.newest(Everything(), 5) == await reader.after(Name("*"), 0, 5) == []
    assert await reader.count() == await reader.count(Name("a:b")) == 0
    assert await reader.seq_at(START) == 1
    assert await reader.events([1, 2]) == []


async def test_what_cannot_be_asked_is_an_error_or_nothing(store: Store) -> None:
    await fill(store, varied(10))
    reader = EventReader(store)
    with pytest.raises(EventError):
        await reader.seqs(Name("not a pattern"), limit=1)
    assert await reader.count(Compare(("session",), "==", "\udce9")) == 0
    assert await reader.count(Compare(("seq",), "==", 2**80)) == 0


async def test_long_filters_are_only_slower(store: Store) -> None:
    events = varied(50)
    await fill(store, events)
    text = " or ".join(f"id == {number}" for number in range(300)) + " or seq == 7"
    await check(store, events, parse_filter(text), START)
    await check(store, events, parse_filter(" ".join(['"line"'] * 500)), START)


# --- numbers, times, relatives ------------------------------------------------------------------------


async def test_events_come_in_the_order_of_the_numbers(store: Store) -> None:
    events = varied(300)
    await fill(store, events)
    reader = EventReader(store)
    numbers = [7, 300, 1, 999, 42, 0, -1]
    assert await reader.events(numbers) == [events[seq - 1] for seq in (7, 300, 1, 42)]
    assert await reader.events(range(1, 301)) == events


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=30).map(sorted), st.lists(st.integers(-1, 51), min_size=1))
def test_a_time_is_found_in_a_log_with_gaps(seconds: list[int], asked: list[int]) -> None:
    events = [
        Event(seq=3 * place + second, name="a:b", source="t", time=START + timedelta(seconds=second))
        for place, second in enumerate(seconds, start=1)
    ]

    async def run(folder: Path) -> None:
        store = await Store.open(paths_for(folder / "profile"))
        try:
            await fill(store, events)
            for second in asked:
                time = START + timedelta(seconds=second)
                last = events[-1].seq if events else 0
                wanted = next((event.seq for event in events if event.time >= time), last + 1)
                assert await EventReader(store).seq_at(time) == wanted
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_an_event_has_causes_and_effects(store: Store) -> None:
    now = datetime.now(UTC)
    events: list[Event] = []

    def add(parent: Event | None, turn: str | None) -> Event:
        event = Event(
            seq=len(events) + 1,
            name="a:b",
            source="t",
            correlation_id=turn,
            parent_id=parent.id if parent else None,
            time=now,
        )
        events.append(event)
        return event

    asked = add(None, None)
    began = add(asked, "turn")
    called = add(began, "turn")
    for _ in range(20):
        add(None, "another")
    done, noted = add(called, "turn"), add(called, None)
    await fill(store, events)
    reader = EventReader(store)
    family = await reader.family(called)
    assert family.causes == [began, asked]
    assert family.effects == [done, noted]
    assert await reader.family(asked) == msgspec.structs.replace(family, causes=[], effects=[began])
    assert (await reader.family(noted)).causes == [called, began, asked]


async def test_strange_relatives_end_nothing(store: Store) -> None:
    mine = new_id()
    own = Event(seq=1, id=mine, name="a:b", source="t", parent_id=mine, correlation_id="c")
    lost = Event(seq=2, name="a:b", source="t", parent_id="no id", correlation_id="c")
    gone = Event(seq=3, name="a:b", source="t", parent_id=new_id())
    chain = [lost]
    for seq in range(4, 304):
        chain.append(Event(seq=seq, name="a:b", source="t", parent_id=chain[-1].id, correlation_id="c"))
    children = [
        Event(seq=seq, name="a:b", source="t", parent_id=gone.id, correlation_id="c")
        for seq in range(304, 804)
    ]
    await fill(store, [own, lost, gone, *chain[1:], *children])
    reader = EventReader(store)
    assert (await reader.family(own)).causes == (await reader.family(lost)).causes == []
    assert len((await reader.family(chain[-1])).causes) == LARGEST_FAMILY
    assert (await reader.family(gone)).effects == children[:LARGEST_FAMILY]


# --- the index ----------------------------------------------------------------------------------------


async def test_words_are_parted_alike_by_index_and_filter(store: Store) -> None:
    """Whatever stands before a word and parts it off for the filter: the index finds the word."""
    parting = [
        chr(code)
        for code in range(1, 0x110000)
        if not 0xD800 <= code < 0xE000
        and unicodedata.category(chr(code))[0] in "PSZC"
        and unicodedata.category(chr(code)) not in ("Cn", "Co")
    ]
    events = [
        Event(seq=seq, name="a:b", source="t", payload={"t": f"x{each}word"})
        for seq, each in enumerate(parting, start=1)
    ]
    await fill(store, events)
    await TextIndex(store, lambda: len(events)).catch_up()
    fits = matcher(parse_filter("text ~ word"))
    wanted = {event.seq for event in events if fits(event)}
    assert len(wanted) > 5_000
    with patch.object(search_module, "_LOOK_FIRST", 0):
        assert set(await EventReader(store).seqs(parse_filter("text ~ word"), limit=10**6)) == wanted
        odd = await EventReader(store).count(parse_filter('text ~ "no such word"'))
    assert odd == 0


async def test_the_index_forgets_what_the_log_forgets(store: Store) -> None:
    await fill(store, varied(5_000))
    await TextIndex(store, lambda: 5_000).catch_up()
    await fill(store, [msgspec.structs.replace(event, seq=event.seq + 5_000) for event in varied(100)])
    assert await forget_old_events(store, keep_days=10_000, keep_rows=1_000) == 4_100
    await TextIndex(store, lambda: 5_100).catch_up()
    # SQLite compares the index with the events that are left.
    await store.write("INSERT INTO events_text (events_text) VALUES ('integrity-check')")
    sql = "SELECT count(*) FROM events_text WHERE events_text MATCH '\"files\"'"
    kept = await EventReader(store).count(parse_filter("text ~ files"))
    assert await store.read(sql) == [(kept,)]
    assert kept > 100


async def test_forgetting_more_than_is_indexed(store: Store) -> None:
    await fill(store, varied(300))
    assert await forget_old_events(store, keep_days=10_000, keep_rows=100) == 200
    await TextIndex(store, lambda: 300).catch_up()
    await store.write("INSERT INTO events_text (events_text) VALUES ('integrity-check')")
    assert await indexed_seq(store) == 300


async def damage(paths: Paths) -> None:
    with closing(sqlite3.connect(paths.database)) as connection:
        connection.execute("UPDATE events_text_data SET block = x'00ff00ff00ff' WHERE id > 1")
        connection.commit()


async def test_a_damaged_index_gives_no_wrong_answer_and_is_made_anew(paths: Paths) -> None:
    events = varied(3_000)
    store = await Store.open(paths)
    await fill(store, events)
    index = TextIndex(store, lambda: 3_000)
    await index.catch_up()
    await store.close()
    await damage(paths)
    store = await Store.open(paths)
    try:
        with patch.object(search_module, "_LOOK_FIRST", 0):
            wanted = parse_filter("text ~ xylophone or text ~ red")
            await check(store, events, wanted, START)
            assert await indexed_seq(store) == 0
            index = TextIndex(store, lambda: 3_000)
            await index.catch_up()
            assert index.indexed_seq == 3_000
            await store.write("INSERT INTO events_text (events_text) VALUES ('integrity-check')")
            await check(store, events, wanted, START)
    finally:
        await store.close()


async def test_a_damaged_index_keeps_nothing_from_being_forgotten(paths: Paths) -> None:
    store = await Store.open(paths)
    await fill(store, varied(3_000))
    await TextIndex(store, lambda: 3_000).catch_up()
    await store.close()
    await damage(paths)
    store = await Store.open(paths)
    try:
        assert await forget_old_events(store, keep_days=10_000, keep_rows=10) == 2_990
        assert await EventReader(store).bounds() == (2_991, 3_000)
    finally:
        await store.close()


async def test_a_reader_beside_the_writer(paths: Paths, store: Store) -> None:
    events = varied(3_000)
    await fill(store, events[:2_000])
    beside = await Store.open_to_read(paths)
    try:
        await TextIndex(beside, lambda: 10**9).run()  # returns: it has nothing to do
        await check(beside, events[:2_000], parse_filter("text ~ memory"), START)
        await TextIndex(store, lambda: 2_000).catch_up()
        await fill(store, events[2_000:])
        with patch.object(search_module, "_LOOK_FIRST", 0):
            await check(beside, events, parse_filter("text ~ memory"), START)
        with pytest.raises(StoreError):
            await beside.write("DELETE FROM events")
    finally:
        await beside.close()


async def test_the_index_follows_the_log_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.app.events.text_index._LOOK_SECONDS", 0.01)
    monkeypatch.setattr("workbench.app.events.text_index._WORTHWHILE", 100)
    newest = 0
    index = TextIndex(store, lambda: newest)
    running = asyncio.create_task(index.run())
    try:
        await fill(store, varied(5_000))
        newest = 5_000
        async with asyncio.timeout(30):
            while index.indexed_seq < 4_096:
                await asyncio.sleep(0.005)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    # A handful stays out until there are more.
    assert await indexed_seq(store) == 4_096
